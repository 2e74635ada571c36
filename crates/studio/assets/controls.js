// Controls: numbers, choices and texts with which a reader changes what a figure shows.

import { createElement } from "./dom.js";
import { translate } from "./text.js";

/** Positions of a slider for a range without steps. */
const POSITIONS = 200;

/**
 * Builds a control from its description. `changed(key, value)` is called with each value that it can have, as text. Returns
 * `{ element, mistake(text) }`: the second shows what is wrong with the value, or "" if nothing is.
 */
export function createControl(control, changed) {
  const id = `control-${control.key}-${(createControl.count = (createControl.count ?? 0) + 1)}`;
  const note = createElement("span", { class: "mistake", id: `${id}-note`, role: "status" });
  const inputs = KINDS[control.kind](control, id, (value) => {
    mistake("");
    changed(control.key, value);
  });
  const mistake = (text) => {
    note.textContent = text;
    for (const input of inputs) {
      if (text === "") input.removeAttribute("aria-invalid");
      else input.setAttribute("aria-invalid", "true");
    }
  };
  const label = createElement("label", { for: id }, control.label);
  const element = createElement(
    "div",
    { class: `control ${control.kind}`, hidden: control.hidden },
    label,
    ...inputs,
    note,
  );
  return { element, mistake };
}

/** A number within its range; null if it is none. */
function numberIn(text, { min, max }) {
  const value = text.trim() === "" ? NaN : Number(text);
  return value >= min && value <= max ? value : null;
}

const KINDS = {
  number({ value, min, max, step, scale, label }, id, changed) {
    const isLog = scale === "log";
    const [low, high] = isLog ? [min, max].map(Math.log10) : [min, max];
    const attributes = { type: "range", min: low, max: high, step: isLog || !step ? (high - low) / POSITIONS : step };
    const slider = createElement("input", { ...attributes, "aria-label": label, tabindex: "-1" });
    const field = createElement("input", { type: "text", inputmode: "decimal", id, size: "8", autocomplete: "off" });
    const show = (number) => {
      slider.value = isLog ? Math.log10(number) : number;
      field.value = String(number);
    };
    slider.addEventListener("input", () => {
      const position = Number(slider.value);
      const number = isLog ? Number((10 ** position).toPrecision(3)) : Number(position.toPrecision(12));
      field.value = String(number);
      changed(String(number));
    });
    field.addEventListener("change", () => {
      const number = numberIn(field.value, { min, max });
      if (number !== null) show(number);
      changed(field.value.trim());
    });
    show(value);
    return [slider, field];
  },
  choice({ value, options }, id, changed) {
    const items = options.map((option) => createElement("option", { value: option.value }, option.label));
    const select = createElement("select", { id, change: () => changed(select.value) }, ...items);
    select.value = value;
    return [select];
  },
  text({ value, max_length: maxlength }, id, changed) {
    const change = () => changed(input.value);
    const input = createElement("input", {
      type: "text",
      id,
      maxlength,
      autocomplete: "off",
      spellcheck: "false",
      change,
    });
    input.value = value;
    return [input];
  },
  numbers({ value, label, least, most }, id, changed) {
    const change = () =>
      changed(
        input.value
          .split(/[\s,;，；]+/)
          .filter(Boolean)
          .join(","),
      );
    const title = translate("control.numbers", { least, most });
    const input = createElement("input", {
      type: "text",
      id,
      title,
      "aria-label": `${label}: ${title}`,
      autocomplete: "off",
      change,
    });
    input.value = value.join(", ");
    return [input];
  },
  seed({ value }, id, changed) {
    const input = createElement("input", { type: "text", inputmode: "numeric", id, size: "8", autocomplete: "off" });
    input.addEventListener("change", () => changed(input.value.trim()));
    input.value = String(value);
    const click = () => {
      input.value = String((Number(input.value) || 0) + 1);
      changed(input.value);
    };
    const next = createElement("button", { type: "button", click }, translate("control.another_seed"));
    return [input, next];
  },
};

/** The control of a learning rate or another number, for pages of their own. */
export const numberControl = (key, label, value, [min, max], { step = null, scale = "linear" } = {}) => ({
  ...{ kind: "number", key, label, hidden: false, value },
  ...{ min, max, step, scale },
});
