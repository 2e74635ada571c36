// Numbers, durations and dates as text.

import { language, languages, translate } from "./text.js";

/** The formatters of each language. Made once: creating one takes longer than formatting a thousand numbers. */
const formatters = Object.fromEntries(
  Object.entries(languages).map(([name, messages]) => {
    const locale = messages["language.locale"];
    const dateTime = new Intl.DateTimeFormat(locale, { dateStyle: "short", timeStyle: "medium" });
    return [name, { integer: new Intl.NumberFormat(locale), dateTime }];
  }),
);

/** An integer with thousands separators. */
export function formatInteger(value) {
  return value === null || value === undefined ? "–" : formatters[language()].integer.format(Math.round(value));
}

/** A fraction as a percentage with `digits` decimals. */
export function formatPercent(fraction, digits = 2) {
  return Number.isFinite(fraction) ? `${(100 * fraction).toFixed(digits)} %` : "–";
}

/** A number of any magnitude with `digits` significant digits. */
export function formatNumber(value, digits = 3) {
  if (!Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const magnitude = Math.abs(value);
  if (magnitude >= 1e5 || magnitude < 1e-4) return value.toExponential(digits - 1);
  return Number(value.toPrecision(digits)).toString();
}

/** A metric in a column: four decimals, as `gradus tune` prints it; a very small or very large one in powers of ten. */
export function formatMetric(value) {
  const magnitude = Math.abs(value);
  const isPlain = magnitude === 0 || (magnitude >= 1e-3 && magnitude < 1e6);
  return isPlain ? value.toFixed(4) : formatNumber(value);
}

/** A rate: `21.4 k/s`. */
export function formatRate(perSecond) {
  if (!Number.isFinite(perSecond)) return "–";
  const [prefix, factor] = perSecond >= 1e6 ? ["M", 1e6] : perSecond >= 1e3 ? ["k", 1e3] : ["", 1];
  return `${Number((perSecond / factor).toPrecision(3))} ${prefix}/s`;
}

/** Date and time, from seconds since 1970. */
export function formatDateTime(seconds) {
  return seconds ? formatters[language()].dateTime.format(1000 * seconds) : "–";
}

/** A duration: `21 s`, `3 min 5 s`, `2 h 7 min`. */
export function formatDuration(duration) {
  if (!Number.isFinite(duration)) return "–";
  const seconds = Math.max(0, Math.round(duration));
  if (seconds < 60) {
    const precise = duration < 10 ? Math.max(0, Number(duration.toPrecision(2))) : seconds;
    return translate("unit.seconds", { seconds: precise });
  }
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return translate("unit.minutes", { minutes, seconds: seconds % 60 });
  return translate("unit.hours", { hours: Math.floor(minutes / 60), minutes: minutes % 60 });
}
