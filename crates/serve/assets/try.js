// Tries the models of the server: a form for the columns of a table, or a picture.

const $ = (id) => document.getElementById(id);

// The token stands behind # in the link, and is kept where pages of other ports cannot read it.
const given = new URLSearchParams(location.hash.slice(1)).get("token");
if (given) {
  sessionStorage.setItem("token", given);
  history.replaceState(null, "", location.pathname);
}
const token = sessionStorage.getItem("token");
const authorization = token ? { Authorization: `Bearer ${token}` } : {};

let models = [];
const model = () => models[$("model").selectedIndex];

function make(name, properties, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

async function ask(path, request = {}) {
  const answer = await fetch(path, { ...request, headers: { ...authorization, ...request.headers } });
  const content = await answer.json();
  if (!answer.ok) throw new Error(content.error);
  return content;
}

/** Runs something and says what went wrong. */
async function attempt(work) {
  $("message").textContent = "";
  try {
    await work();
  } catch (error) {
    $("message").textContent = error.message;
  }
}

function field(column) {
  const named = { name: column.name };
  if (column.categories.length) {
    const options = [make("option", { value: "", textContent: "missing" }), ...column.categories.map((text) => make("option", { value: text, textContent: text }))];
    const select = make("select", named, ...options);
    select.selectedIndex = 1;
    return make("label", {}, column.name, select);
  }
  const isNumber = column.kind === "number";
  const input = make("input", { ...named, type: isNumber ? "number" : "text", step: "any" });
  if (column.kind === "date") input.placeholder = "2024-02-29";
  return make("label", {}, column.name, input);
}

function show() {
  const { columns, picture } = model();
  const isTable = columns.every((column) => column.kind !== "array");
  $("row").hidden = !isTable && !picture;
  $("drop").hidden = !picture;
  $("predict").hidden = !isTable;
  $("fields").replaceChildren(...(isTable ? columns.map(field) : []));
  $("result").hidden = $("same").hidden = true;
  if (!isTable && !picture) $("message").textContent = "This model takes arrays: send them as rows of JSON.";
}

function value(column, text) {
  if (text === "") return null;
  return column.kind === "number" ? Number(text) : text;
}

/** The start of a command that sends what `rest` says. */
function command(path, ...rest) {
  const bearer = token ? ['-H "Authorization: Bearer $TOKEN"'] : [];
  return ["curl", ...bearer, ...rest, `'${location.origin}${path}'`].join(" ");
}

function showPrediction({ predictions, warnings = [] }) {
  const [{ predicted, probabilities, scores }] = predictions;
  $("result").hidden = false;
  $("predicted").textContent = `${model().target ?? "Prediction"}: ${[predicted].flat().join(", ")}`;
  const all = Object.entries(probabilities ?? scores ?? {}).sort(([, a], [, b]) => b - a);
  $("classes").closest("table").hidden = !all.length;
  $("classes").closest("table").caption.textContent = probabilities ? "Probability of each class" : "Score of each class";
  $("classes").replaceChildren(...all.map(([name, number]) => {
    const bar = probabilities ? [make("meter", { value: number, ariaLabel: `probability of ${name}` })] : [];
    return make("tr", {}, make("th", { scope: "row", textContent: name }), make("td", { textContent: number.toPrecision(4) }), make("td", {}, ...bar));
  }));
  $("message").textContent = warnings.join("\n");
}

async function predict(query, type, body, shown) {
  const path = `/v1/models/${model().name}/predict`;
  showPrediction(await ask(path + query, { method: "POST", headers: { "Content-Type": type }, body }));
  $("same").hidden = false;
  $("command").textContent = command(path + query, `-H 'Content-Type: ${type}'`, shown);
}

function predictRow() {
  const { columns } = model();
  const cells = new FormData($("row"));
  const row = Object.fromEntries(columns.map((column) => [column.name, value(column, cells.get(column.name))]));
  const body = JSON.stringify({ rows: [row] });
  return predict("", "application/json", body, `-d '${body.replaceAll("'", "'\\''")}'`);
}

function predictPicture(file) {
  return predict("?scale=true", file.type, file, "--data-binary @FILE");
}

$("row").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(predictRow);
});
$("picture").addEventListener("change", () => attempt(() => predictPicture($("picture").files[0])));
for (const name of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", name === "dragover");
    const file = event.dataTransfer?.files[0];
    if (name === "drop" && file && !$("drop").hidden) attempt(() => predictPicture(file));
  });
}
$("model").addEventListener("change", () => attempt(show));

attempt(async () => {
  ({ models } = await ask("/v1/models"));
  $("model").replaceChildren(...models.map(({ name }) => make("option", { textContent: name })));
  $("choice").hidden = false;
  show();
});
