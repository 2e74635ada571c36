// The page on which one writes a digit, and sees what the network makes of it.

import { chances, chancesTitle } from "../digit.js";
import { colour, h, rgb, say, whenLightChanges } from "../dom.js";
import { layerFigures, layerMaps } from "../maps.js";
import { insideOf } from "../network.js";
import { prepare } from "../prepare.js";
import { SavedStep } from "../saved.js";
import { t } from "../text.js";

/** Points along a side of the drawing, and the width of the pen: two to three pixels of the prepared picture. */
const SIDE = 280;
const PEN = 24;
/** Milliseconds between two questions while one draws, and while nobody does but the network learns. */
const [PACE, CALM_PACE] = [80, 1000];

export default {
  name: "draw",
  needsRun: true,
  title: () => t("draw"),
  async open(main, { about, step, wentTo }) {
    const page = new DrawPage(main, about, step, wentTo);
    return () => page.leave();
  },
};

class DrawPage {
  constructor(main, about, step, wentTo) {
    this.about = about;
    this.saved = new SavedStep(about, step, (step) => { wentTo(step); this.isChanged = this.bytes !== null; });
    const isFit = about.picture?.join() === "28,28,1" && about.classes;
    if (!isFit) {
      main.append(h("div", { class: "page" }, h("h1", {}, t("draw")), h("p", { class: "lead" }, t("no_digits"))));
      return;
    }
    this.pad = h("canvas", { id: "pad", width: SIDE, height: SIDE, tabindex: "0", role: "img", "aria-label": t("draw_here") });
    this.seen = h("canvas", { id: "seen", width: 28, height: 28, role: "img", "aria-label": t("as_seen") });
    this.chances = h("div", { id: "chances", "aria-live": "polite" });
    this.kind = h("figcaption", {}, t("probabilities"));
    this.layers = h("div", { class: "layers" });
    const clear = h("button", { type: "button", id: "clear", click: () => this.clear() }, t("clear"));
    main.append(h("div", { class: "page" },
      h("h1", {}, about.id),
      this.saved.element,
      h("p", { class: "lead" }, t("draw_lead")),
      h("div", { class: "drawing" },
        h("figure", {}, h("figcaption", {}, t("draw_here")), this.pad, h("div", { class: "buttons" }, clear)),
        h("figure", {}, h("figcaption", {}, t("as_seen")), this.seen),
        h("figure", { class: "wide" }, this.kind, this.chances)),
      this.layers));
    this.g = this.pad.getContext("2d", { willReadFrequently: true });
    this.endLight = whenLightChanges(() => this.paintInk());
    this.pen = null;
    this.isAsked = false;
    this.listen();
    this.timer = setInterval(() => this.ask(), PACE);
    this.asked = 0;
    this.clear();
  }

  leave() {
    clearInterval(this.timer);
    this.endLight?.();
  }

  /** Gives what is drawn the colour of the light that is on now. */
  paintInk() {
    this.g.globalCompositeOperation = "source-in";
    this.g.fillStyle = colour("--ink");
    this.g.fillRect(0, 0, SIDE, SIDE);
    this.g.globalCompositeOperation = "source-over";
    this.isChanged = this.bytes !== null;
  }

  listen() {
    const place = (event) => {
      const box = this.pad.getBoundingClientRect();
      return [((event.clientX - box.left) / box.width) * SIDE, ((event.clientY - box.top) / box.height) * SIDE];
    };
    this.pad.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      this.pad.setPointerCapture(event.pointerId);
      this.pen = place(event);
      this.line(this.pen, this.pen);
    });
    this.pad.addEventListener("pointermove", (event) => {
      if (!this.pen) return;
      // A fast pen has been at more places than there are events.
      for (const each of event.getCoalescedEvents?.() ?? [event]) {
        const next = place(each);
        this.line(this.pen, next);
        this.pen = next;
      }
    });
    for (const name of ["pointerup", "pointercancel"]) this.pad.addEventListener(name, () => { this.pen = null; });
  }

  /** Ink is kept as opacity: what colour it has is a matter of the style sheet. */
  line([x0, y0], [x1, y1]) {
    const { g } = this;
    Object.assign(g, { lineWidth: PEN, lineCap: "round", lineJoin: "round", strokeStyle: colour("--ink") });
    g.beginPath();
    g.moveTo(x0, y0);
    g.lineTo(x1 + 0.01, y1);
    g.stroke();
    this.isChanged = true;
  }

  clear() {
    this.g.clearRect(0, 0, SIDE, SIDE);
    this.seen.getContext("2d").clearRect(0, 0, 28, 28);
    this.chances.replaceChildren(h("p", { class: "note" }, t("nothing_drawn")));
    this.layers.replaceChildren();
    this.isChanged = false;
    this.bytes = null;
  }

  async ask() {
    const isDue = this.isChanged || (this.bytes && this.about.is_live && this.saved.at === null && performance.now() - this.asked > CALM_PACE);
    if (!isDue || this.isAsked || document.hidden) return;
    this.isChanged = false;
    this.isAsked = true;
    this.asked = performance.now();
    const opacity = this.g.getImageData(0, 0, SIDE, SIDE).data.filter((_, i) => i % 4 === 3);
    this.bytes = prepare(opacity, SIDE);
    if (this.bytes) {
      this.show(this.bytes);
      const found = await insideOf(this.about.id, this.bytes, this.saved.at);
      // Someone may have wiped it meanwhile.
      if (found && this.bytes) this.tell(found);
      else if (!found) this.saved.tell(null);
    }
    this.isAsked = false;
  }

  show(bytes) {
    const g = this.seen.getContext("2d");
    const image = g.createImageData(28, 28);
    const ink = rgb("--ink");
    bytes.forEach((value, i) => image.data.set([...ink, value], 4 * i));
    g.putImageData(image, 0, 0);
  }

  tell(found) {
    const { step, layers } = found;
    this.chances.replaceChildren(chances(found));
    say(this.kind, chancesTitle(found, this.about));
    this.saved.tell(step);
    if (this.layers.children.length !== layers.length) {
      this.layers.replaceChildren(...layerFigures(this.about));
    }
    layers.forEach((layer, i) => layerMaps(this.layers.children[i].querySelector("canvas"), layer));
  }
}
