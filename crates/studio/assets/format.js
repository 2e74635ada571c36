// Numbers as people read them.

import { language, languages, t } from "./text.js";

/** How numbers and moments are written in each language. Made once: that takes longer than to write a thousand of them. */
const forms = Object.fromEntries(Object.entries(languages).map(([name, { locale }]) => [name, {
  number: new Intl.NumberFormat(locale),
  moment: new Intl.DateTimeFormat(locale, { dateStyle: "short", timeStyle: "medium" }),
}]));

/** A whole number with its thousands apart. */
export function whole(value) {
  return value === null || value === undefined ? "–" : forms[language()].number.format(Math.round(value));
}

/** A share as a percentage with `digits` decimals. */
export function percent(share, digits = 2) {
  return Number.isFinite(share) ? `${(100 * share).toFixed(digits)} %` : "–";
}

/** A number of any size, in few digits. */
export function few(value, digits = 3) {
  if (!Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  return size >= 1e5 || size < 1e-4 ? value.toExponential(digits - 1) : Number(value.toPrecision(digits)).toString();
}

/** A speed: `21.4 k/s`. */
export function speed(perSecond) {
  if (!Number.isFinite(perSecond)) return "–";
  const [unit, size] = perSecond >= 1e6 ? ["M", 1e6] : perSecond >= 1e3 ? ["k", 1e3] : ["", 1];
  return `${Number((perSecond / size).toPrecision(3))} ${unit}/s`;
}

/** A moment, from seconds since 1970. */
export function moment(seconds) {
  return seconds ? forms[language()].moment.format(1000 * seconds) : "–";
}

/** A time: `21 s`, `3 min 5 s`, `2 h 7 min`. */
export function duration(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return t("seconds", { s: seconds < 10 ? Number(seconds.toPrecision(2)) : s });
  if (s < 3600) return t("minutes", { m: Math.floor(s / 60), s: s % 60 });
  return t("hours", { h: Math.floor(s / 3600), m: Math.floor((s % 3600) / 60) });
}
