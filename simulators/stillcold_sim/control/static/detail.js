// The dialog of one meter: begin a fault, see all values.

import { ask } from "./ask.js";
import { say } from "./words.js";

// What each kind of fault can be told beside its time.
const FIELDS = {
  exception: { code: 4 }, delay: { delay_ms: 1000 }, split: { gap_ms: 20 }, truncated: { bytes: 3 }, extra: { bytes: 3 },
  shifted: { shift: 1 }, nan: { fill: "" }, drop: { after: 10 }, reboot: { boot: 5, unit: "" },
};

const find = (selector) => document.querySelector(selector);
let shown = null;
let afterwards = () => {};

export function prepareDetail(story) {
  const what = find("#fault [name=what]");
  const chosen = what.value;
  what.replaceChildren(...story.faults.map((f) => new Option(say(f), f, false, f === chosen)));
  what.onchange = showFields;
  showFields();
  find("#close").onclick = () => find("#detail").close();
  find("#detail").onclose = () => { shown = null; };
  find("#fault").onsubmit = begin;
}

export function openDetail(meter, state, then) {
  shown = meter;
  afterwards = then;
  find("#d-title").textContent = `${meter.id} · ${meter.point}`;
  find("#wrong").textContent = "";
  showValues(state);
  find("#detail").showModal();
}

export function showValues(state) {
  if (!shown) return;
  const values = Object.entries(state.meters[shown.id].values);
  const rows = values.map(([quantity, value]) => {
    const row = document.createElement("tr");
    for (const text of [quantity, value.toLocaleString("en-US", { maximumFractionDigits: 6 })]) {
      row.append(Object.assign(document.createElement("td"), { textContent: text }));
    }
    return row;
  });
  find("#values tbody").replaceChildren(...rows);
}

function showFields() {
  const fields = FIELDS[find("#fault [name=what]").value] ?? {};
  find("#fields").replaceChildren(...Object.entries(fields).map(([name, value]) => {
    const label = document.createElement("label");
    const input = Object.assign(document.createElement("input"), { type: "number", step: "any", name, value });
    label.append(Object.assign(document.createElement("span"), { textContent: say(name === "unit" ? "new_unit" : name) }), input);
    return label;
  }));
}

/** The form as the API takes it; what is left empty is left out. */
function asked(form) {
  const made = { what: form.get("what") };
  if (form.get("whom") === "port") made.port = shown.port;
  else made.meter = shown.id;
  for (const name of ["for", "share", ...Object.keys(FIELDS[made.what] ?? {})]) {
    if (form.get(name)) made[name] = Number(form.get(name));
  }
  for (const name of ["functions", "registers"]) {
    const numbers = form.get(name).match(/\d+/g)?.map(Number);
    if (numbers) made[name] = name === "registers" && numbers.length === 1 ? [numbers[0], numbers[0]] : numbers;
  }
  return made;
}

async function begin(event) {
  event.preventDefault();
  try {
    await ask("POST", "/api/faults", asked(new FormData(event.target)));
    find("#detail").close();
    await afterwards();
  } catch (error) {
    find("#wrong").textContent = error.message;
  }
}
