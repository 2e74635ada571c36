// The parts of the address of a page.

/** Decodes a part of an address; a malformed one is left as it is. */
export function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
