// The dialog of one meter: begin a fault, an evasion or a shown value; see all values.

import { ask } from "./ask.js";
import { say } from "./words.js";

const PHASES = ["l1", "l2", "l3"];
const PLACES = { fault: "/api/faults", evasion: "/api/evasions", event: "/api/events" };

// What each kind can be told beside its time: [name in the API, default, word on the page].
const FIELDS = {
  exception: [["code", 4]], delay: [["delay_ms", 1000]], split: [["gap_ms", 20]], truncated: [["bytes", 3]],
  extra: [["bytes", 3]], shifted: [["shift", 1]], nan: [["fill", ""]], drop: [["after", 10]],
  reboot: [["boot", 5], ["unit", "", "new_unit"]],
  ct_bypass: [["share", 1], ["phases", PHASES]], ct_reversed: [["phases", ["l1"]]], phase_dropped: [["phases", ["l1"]]],
  ratio_changed: [["ratios.ct", 1, "ct"], ["ratios.pt", 1, "pt"]], rollback: [["energy", 10000, "set_back"]],
  meter_swapped: [["serial", ""], ["energy", 0, "register"]],
  genset: [["power", 1000000], ["droop", 0.04], ["wander", 0.25]], clock_shifted: [["shift", -3600, "seconds"]],
  set: [["quantity", ""], ["value", 0]],
};

const find = (selector) => document.querySelector(selector);
let shown = null;
let seen = null;
let afterwards = () => {};

export function prepareDetail(story) {
  const what = find("#fault [name=what]");
  const chosen = what.value;
  const groups = [["faults", "fault", story.kinds.fault], ["evasions", "evasion", story.kinds.evasion], ["show_value", "event", ["set"]]];
  what.replaceChildren(...groups.map(([word, table, kinds]) => {
    const group = Object.assign(document.createElement("optgroup"), { label: say(word) });
    for (const kind of kinds) {
      const option = new Option(say(kind), kind, false, kind === chosen);
      option.dataset.table = table;
      group.append(option);
    }
    return group;
  }));
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
  showFields();
  find("#detail").showModal();
}

export function showValues(state) {
  seen = state;
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

function table() {
  return find("#fault [name=what]").selectedOptions[0]?.dataset.table;
}

function showFields() {
  const fault = table() === "fault";
  for (const part of [find("#some"), find("#whom")]) {
    part.hidden = !fault;
    for (const input of part.querySelectorAll("input, select")) input.disabled = !fault;
  }
  const fields = FIELDS[find("#fault [name=what]").value] ?? [];
  find("#fields").replaceChildren(...fields.map(([name, value, word]) => {
    const label = document.createElement("label");
    label.append(Object.assign(document.createElement("span"), { textContent: say(word ?? name) }), inputFor(name, value));
    return label;
  }));
}

function inputFor(name, value) {
  if (name === "quantity") return choice(name, Object.keys(seen?.meters[shown?.id]?.values ?? {}), []);
  if (name === "phases") return choice(name, PHASES, value, { multiple: true, size: 3 });
  return Object.assign(document.createElement("input"), { type: "number", step: "any", name, value });
}

function choice(name, options, chosen, more = {}) {
  const select = Object.assign(document.createElement("select"), { name, ...more });
  select.append(...options.map((o) => new Option(o, o, chosen.includes(o), chosen.includes(o))));
  return select;
}

/** The form as the API takes it; what is left empty is left out. */
function asked(form) {
  const made = { what: form.get("what") };
  if (form.get("whom") === "port") made.port = shown.port;
  else made.meter = shown.id;
  if (made.what === "set") made.values = { [form.get("quantity")]: Number(form.get("value")) };
  const fields = made.what === "set" ? [] : (FIELDS[made.what] ?? []).map(([name]) => name);
  for (const name of new Set(["for", "share", ...fields])) {
    if (name === "phases") made.phases = form.getAll("phases");
    else if (name.startsWith("ratios.")) (made.ratios ??= {})[name.slice(7)] = Number(form.get(name));
    else if (form.get(name)) made[name] = Number(form.get(name));
  }
  for (const name of ["functions", "registers"]) {
    const numbers = form.get(name)?.match(/\d+/g)?.map(Number);
    if (numbers) made[name] = name === "registers" && numbers.length === 1 ? [numbers[0], numbers[0]] : numbers;
  }
  return made;
}

async function begin(event) {
  event.preventDefault();
  try {
    await ask("POST", PLACES[table()], asked(new FormData(event.target)));
    find("#detail").close();
    await afterwards();
  } catch (error) {
    find("#wrong").textContent = error.message;
  }
}
