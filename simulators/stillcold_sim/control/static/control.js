// The page: it asks for the state once a second and shows it; every switch is one request.

import { ask, keepToken } from "./ask.js";
import { drawSpark, drawTimeline } from "./draw.js";
import { language, say, sayEvent, turn } from "./words.js";
import { openDetail, prepareDetail, showValues } from "./detail.js";

const SWITCHES = ["run", "stop", "energise", "cut"];
const SPEEDS = [0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 1000];
const KEPT = 240; // values of power in a sparkline

const find = (selector) => document.querySelector(selector);
let story = null;
let state = null;
let newest = -1;
const rows = new Map();
const powers = new Map();

/** Simulated seconds as h:mm:ss. */
function clock(t) {
  const s = Math.floor(t);
  const two = (n) => String(n).padStart(2, "0");
  return `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
}

/** A number with its unit, with k and M where it is long. */
function measure(value, unit) {
  if (value === undefined) return "–";
  const [scale, prefix] = Math.abs(value) >= 1e6 ? [1e6, "M"] : Math.abs(value) >= 1e3 ? [1e3, "k"] : [1, ""];
  return `${(value / scale).toFixed(scale > 1 ? 2 : 1)} ${prefix}${unit}`;
}

function mean(values, name) {
  const found = ["l1", "l2", "l3"].map((p) => values[`${name}_${p}`]).filter((v) => v !== undefined);
  return found.length ? found.reduce((a, b) => a + b) / found.length : undefined;
}

function element(tag, text = "", className = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

function translate() {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const e of document.querySelectorAll("[data-t]")) e.textContent = say(e.dataset.t);
  for (const e of document.querySelectorAll("[data-placeholder]")) e.placeholder = say(e.dataset.placeholder);
  for (const e of document.querySelectorAll("[data-label]")) e.setAttribute("aria-label", say(e.dataset.label));
  find("#filter").setAttribute("aria-label", say("filter"));
  find("#language").textContent = say("other");
  if (story) {
    buildRows();
    prepareDetail(story);
  }
  if (state) show();
}

function buildRows() {
  rows.clear();
  const body = find("#meters tbody");
  body.replaceChildren();
  for (const meter of story.meters) {
    const row = element("tr");
    row.dataset.meter = meter.id;
    const name = element("td");
    const load = element("span", meter.load ? ` ${meter.load}` : "", "faint");
    name.append(element("b", meter.id), load, ...describe(meter).map((line) => element("small", line)));
    const cells = { state: element("td"), power: element("td", "", "n"), spark: element("td") };
    for (const key of ["voltage", "current", "energy"]) {
      cells[key] = element("td", "", "n");
      cells[key].dataset.name = say(key);
    }
    const power = element("span", "", "power");
    cells.power.append(power);
    const spark = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    spark.setAttribute("class", "spark");
    spark.setAttribute("aria-hidden", "true");
    cells.spark.append(spark);
    const last = element("td");
    last.append(buttonsOf(meter));
    row.append(name, cells.state, cells.power, cells.spark, cells.voltage, cells.current, cells.energy, last);
    body.append(row);
    rows.set(meter.id, { row, ...cells, power, spark });
  }
  filter();
}

function describe(meter) {
  return [
    meter.line ? `${meter.line} ${meter.name} (${say(meter.state)})` : meter.point,
    `${meter.port} · ${say("unit")} ${meter.unit} · ${meter.profile}`,
  ];
}

function buttonsOf(meter) {
  const box = element("div", "", "buttons");
  for (const what of meter.load && meter.load !== "replay" ? SWITCHES : []) {
    const button = element("button", say(what[0].toUpperCase() + what.slice(1)));
    button.type = "button";
    button.dataset.what = what;
    button.onclick = () => act("POST", "/api/events", { meter: meter.id, what });
    box.append(button);
  }
  const more = element("button", say("more"));
  more.type = "button";
  more.dataset.what = "more";
  more.onclick = () => openDetail(meter, state, refresh);
  box.append(more);
  return box;
}

function chips(meter) {
  const words = [
    meter.running ? ["is_running", "run"] : meter.energised ? ["is_energised", "energised"] : ["is_dead", "dead"],
    ...[...new Set(meter.faults)].map((f) => [f, "trouble"]),
  ];
  return words.map(([word, className]) => element("span", say(word), `chip ${className}`));
}

function show() {
  const over = story.duration && state.t >= story.duration;
  find("#t").textContent = clock(state.t);
  find("#pause").textContent = say(state.paused ? "resume" : "pause");
  find("#title").textContent = story.title + (over ? ` · ${say("over")}` : "");
  showSpeed();
  for (const [id, meter] of Object.entries(state.meters)) {
    const row = rows.get(id);
    const values = meter.values;
    const answers = Object.keys(values).length > 0;
    row.state.replaceChildren(...chips(meter));
    row.power.textContent = answers ? measure(values.active_power, "W") : say("no_answer");
    row.voltage.textContent = measure(mean(values, "voltage"), "V");
    row.current.textContent = measure(mean(values, "current"), "A");
    row.energy.textContent = measure(values.active_energy_import, "Wh");
    drawSpark(row.spark, powers.get(id) ?? []);
  }
  showHand();
  showEvents();
  drawTimeline(find("#timeline"), story, state, clock);
  showLegend();
  showValues(state);
}

function showSpeed() {
  const select = find("#speed");
  if (document.activeElement === select) return;
  const speeds = SPEEDS.includes(state.speed) ? SPEEDS : [...SPEEDS, state.speed].sort((a, b) => a - b);
  select.replaceChildren(...speeds.map((s) => new Option(`${s} ×`, s, false, s === state.speed)));
}

function showHand() {
  const items = Object.entries(state.by_hand).map(([id, window]) => {
    const item = element("li");
    const button = element("button", say("end"));
    button.type = "button";
    button.onclick = () => act("DELETE", `/api/by-hand/${id}`);
    const until = window.end === null ? "" : ` → ${clock(window.end)}`;
    item.append(element("time", clock(window.begin)), element("span", `${window.meter ?? window.port}: ${say(window.what)}${until}`), button);
    return item;
  });
  find("#hand").replaceChildren(...(items.length ? items : [element("li", say("nothing"))]));
}

function showEvents() {
  const items = [...state.events].reverse().map((e) => {
    const item = element("li");
    const whose = e.meter ?? e.port;
    item.append(element("time", clock(e.t)), element("span", (whose ? `${whose}: ` : "") + sayEvent(e.event)));
    if (e.by) item.append(element("span", say("hand"), "chip"));
    return item;
  });
  find("#events").replaceChildren(...items);
}

function showLegend() {
  const kinds = [["run", "run"], ["energise", "energise"], ["stop", "stop"], ["evasion", "evasion"], ["trouble", "trouble"]];
  find("#legend").replaceChildren(...kinds.map(([className, word]) => {
    const item = element("span");
    item.innerHTML = '<svg viewBox="0 0 10 10" aria-hidden="true"><rect width="10" height="10" rx="2"/></svg>';
    item.querySelector("rect").setAttribute("class", className);
    item.append(className === "stop" ? `${say("stop")} / ${say("cut")}` : say(word));
    return item;
  }));
}

function filter() {
  const wanted = find("#filter").value.trim().toLowerCase();
  for (const { row } of rows.values()) row.hidden = !row.textContent.toLowerCase().includes(wanted);
}

function remember() {
  for (const [id, meter] of Object.entries(state.meters)) {
    const kept = [...(powers.get(id) ?? []), ...meter.power].slice(-KEPT);
    powers.set(id, kept);
    newest = Math.max(newest, ...meter.power.map((p) => p[0]));
  }
}

async function refresh() {
  state = await ask("GET", `/api/state?since=${newest}`);
  remember();
  show();
}

async function act(method, path, body) {
  try {
    await ask(method, path, body);
    await refresh();
    tell("");
  } catch (error) {
    tell(error.message);
  }
}

function tell(text) {
  find("#lost").hidden = !text;
  find("#lost").textContent = text;
}

async function keepUp() {
  try {
    if (!story) {
      story = await ask("GET", "/api/story");
      find("#scenario").textContent = story.scenario;
      document.title = `${story.scenario} · Stillcold simulator`;
      buildRows();
      prepareDetail(story);
    }
    await refresh();
    tell("");
  } catch (error) {
    tell(error.status === 401 ? say("refused_token") : error.status ? error.message : say("lost"));
  }
  setTimeout(keepUp, document.hidden ? 5000 : 1000);
}

keepToken();
find("#language").onclick = () => { turn(); translate(); };
find("#pause").onclick = () => act("PATCH", "/api/clock", { paused: !state.paused });
find("#speed").onchange = (e) => { e.target.blur(); act("PATCH", "/api/clock", { speed: Number(e.target.value) }); };
find("#filter").oninput = filter;
for (const b of document.querySelectorAll("[data-skip]")) {
  b.onclick = () => act("POST", "/api/clock/skip", { seconds: Number(b.dataset.skip) });
}
translate();
keepUp();
