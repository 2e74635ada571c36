// Mathematics as MathML, from trees of data.

const NAMESPACE = "http://www.w3.org/1998/Math/MathML";
const TAGS = new Set(
  "mrow mi mn mo mtext mspace mfrac msqrt mroot msub msup msubsup munder mover munderover mtable mtr mtd".split(" "),
);

function element({ tag, text = "", children = [] }) {
  if (!TAGS.has(tag)) throw new Error(`not an element of MathML here: ${tag}`);
  const made = document.createElementNS(NAMESPACE, tag);
  made.append(text, ...children.map(element));
  return made;
}

/** A formula; `isBlock` puts it on a line of its own. */
export function createMath(tree, isBlock = false) {
  const math = document.createElementNS(NAMESPACE, "math");
  if (isBlock) math.setAttribute("display", "block");
  math.append(element(tree));
  return math;
}
