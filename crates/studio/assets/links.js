// Links to explanations.

/** The address of an explanation of a run: `of` an element, of a sample of a `part` or of the pixels of a drawing. */
export function explainLink(id, step, { of, part, sample, pixels, view, from = [] }) {
  const given = { of, part, sample, pixels, view };
  const query = new URLSearchParams(Object.entries(given).filter(([, value]) => value !== null && value !== undefined));
  for (const element of from) query.append("from", element);
  const at = step === null || step === undefined ? "" : `/${step}`;
  return `#/explain/${encodeURIComponent(id)}${at}?${query}`;
}

/** Bytes of an image as text that may stand in an address, and back; null if it is none. */
export const packPixels = (bytes) =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
export function unpackPixels(text) {
  try {
    return Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
  } catch {
    return null;
  }
}
