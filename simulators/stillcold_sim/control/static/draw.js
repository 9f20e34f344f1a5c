// Curves: the sparkline of a meter and the timeline of the story.

import { say } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const LEFT = 90; // px for names
const LANE = 18; // px

function shape(tag, attributes, text = "") {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.textContent = text;
  return made;
}

/** Power over simulated time; a gap where the meter did not answer. */
export function drawSpark(svg, points) {
  svg.setAttribute("viewBox", "0 0 130 30");
  svg.setAttribute("preserveAspectRatio", "none");
  const known = points.filter((p) => p[1] !== null);
  if (known.length < 2) return svg.replaceChildren();
  const from = points[0][0];
  const span = points.at(-1)[0] - from || 1;
  const low = Math.min(0, ...known.map((p) => p[1]));
  const high = Math.max(1, ...known.map((p) => p[1])) - low;
  const parts = [[]];
  for (const [t, power] of points) {
    if (power === null) parts.push([]);
    else parts.at(-1).push(`${(((t - from) / span) * 130).toFixed(1)},${(28 - ((power - low) / high) * 26).toFixed(1)}`);
  }
  svg.replaceChildren(...parts.filter((p) => p.length > 1).map((p) => shape("polyline", { points: p.join(" ") })));
}

/** A round step for at most so many marks on an axis of so many seconds. */
function stepOf(length, most) {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];
  return steps.find((s) => length / s <= most) ?? 86400 * Math.ceil(length / most / 86400);
}

/** One lane for each meter or port to which something is done, and a line at the present. */
export function drawTimeline(svg, story, state, clock) {
  const windows = [...story.windows, ...Object.values(state.by_hand).map((w) => ({ ...w, hand: true }))];
  const names = [...new Set(windows.map((w) => w.meter ?? w.port))];
  const ends = windows.map((w) => w.end ?? w.begin);
  const length = Math.max(story.duration || Math.max(60, state.t * 1.2, ...ends), state.t);
  const width = Math.max(300, svg.parentElement.clientWidth);
  const height = Math.max(1, names.length) * LANE + 22;
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("height", height);
  svg.setAttribute("aria-label", say("timeline"));
  const x = (t) => LEFT + (Math.min(t, length) / length) * (width - LEFT - 12);
  const made = [];
  const step = stepOf(length, Math.floor((width - LEFT) / 80));
  for (let t = 0; t <= length; t += step) {
    made.push(shape("line", { x1: x(t), x2: x(t), y1: 0, y2: height - 18, class: "axis" }));
    made.push(shape("text", { x: x(t), y: height - 5, "text-anchor": t ? (x(t) > width - 35 ? "end" : "middle") : "start" }, clock(t)));
  }
  names.forEach((name, i) => {
    made.push(shape("text", { x: 0, y: i * LANE + 13, class: "name-of" }, name.length > 13 ? `${name.slice(0, 12)}…` : name));
  });
  for (const w of windows) {
    const y = names.indexOf(w.meter ?? w.port) * LANE + 3;
    const kind = { event: w.what, evasion: "evasion", fault: "trouble" }[w.table];
    const from = x(w.begin);
    const bar = shape("rect", {
      x: from, y, width: Math.max(3, x(w.end ?? length) - from), height: LANE - 6, rx: 3, class: w.hand ? `${kind} hand` : kind,
    });
    bar.append(shape("title", {}, `${say(w.what)} ${clock(w.begin)}–${w.end === null ? "" : clock(w.end)}`));
    made.push(bar);
  }
  made.push(shape("line", { x1: x(state.t), x2: x(state.t), y1: 0, y2: height - 16, class: "now" }));
  svg.replaceChildren(...made);
}
