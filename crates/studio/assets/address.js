// The parts of the address of a page.

/** Decodes a part of an address; a malformed one is left as it is. */
export function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A text before and after the first `separator`; one part if it has none. */
export function splitOnce(text, separator) {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}
