// In a report, what pages ask of the server: everything stands in the file itself.

const report = JSON.parse(document.getElementById("report").textContent);

export async function list() {
  return { live: null, runs: [] };
}

export async function about() {
  return { about: report.about };
}

export function listen(_, { history, end }) {
  // As if it came from elsewhere: not before whoever listens is ready.
  setTimeout(() => { history(report.lines); end(); });
  return () => {};
}

const unpacked = {};

/** The pictures of a set: the samples that are there, and their labels and pixels one after the other. */
async function unpack(set) {
  const { samples, labels, pixels } = report.pictures[set];
  const packed = Uint8Array.from(atob(pixels), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const size = bytes.length / Math.max(1, samples.length);
  return new Map(samples.map((sample, i) => [sample, { label: labels[i], pixels: bytes.subarray(i * size, (i + 1) * size) }]));
}

export async function pictures(_, set, wanted) {
  unpacked[set] ??= unpack(set);
  const known = await unpacked[set];
  const size = [...known.values()][0]?.pixels.length ?? 0;
  const answer = new Uint8Array(wanted.length * (4 + size));
  const labels = new DataView(answer.buffer);
  wanted.forEach((sample, i) => {
    const found = known.get(sample);
    labels.setUint32(4 * i, found?.label ?? 0xffffffff, true);
    if (found) answer.set(found.pixels, 4 * wanted.length + i * size);
  });
  return size ? answer.buffer : null;
}

export async function ask() {
  return null;
}

export async function command() {
  return null;
}
