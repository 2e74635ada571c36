// Numbers as people read them.

import { language, t } from "./text.js";

const locale = () => (language() === "zh" ? "zh-CN" : "en-GB");

/** A whole number with its thousands apart. */
export function whole(value) {
  return value === null || value === undefined ? "–" : Math.round(value).toLocaleString(locale());
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
  return seconds ? new Date(1000 * seconds).toLocaleString(locale()) : "–";
}

/** A time: `21 s`, `3 min 5 s`, `2 h 7 min`. */
export function duration(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return t("seconds", { s: seconds < 10 ? Number(seconds.toFixed(1)) : s });
  if (s < 3600) return t("minutes", { m: Math.floor(s / 60), s: s % 60 });
  return t("hours", { h: Math.floor(s / 3600), m: Math.floor((s % 3600) / 60) });
}
