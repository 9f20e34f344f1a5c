// Three curves, one above the other: currents, voltages and active power of a point, with the event marked.

import { LineChart } from "echarts/charts";
import { GridComponent, LegendComponent, MarkLineComponent, TitleComponent, TooltipComponent } from "echarts/components";
import * as echarts from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";
import { type Column, fetchSeries, type Series } from "./series";

echarts.use([
  LineChart, GridComponent, LegendComponent, MarkLineComponent, TitleComponent, TooltipComponent, CanvasRenderer,
]);

type Words = Record<string, string>;
type Pair = [number, number | null];
interface Curve { name: string; quantity: string; colour: string; dash: "solid" | "dashed" | "dotted" }
interface Panel { key: "current" | "voltage" | "power"; factor: number; curves: Curve[] }

const PAUSE = 5000; // ms between two readings of the same curve
const HOUR = 3_600_000;
const GAP = 5; // usual steps after which a curve is broken off instead of drawn through
const PHASES = ["l1", "l2", "l3"] as const;
const DASHES = ["solid", "dashed", "dotted"] as const;

export function draw(element: HTMLElement): () => void {
  const words = JSON.parse(element.dataset["words"] ?? "{}") as Words;
  const message = document.createElement("p");
  message.className = "hint";
  message.textContent = words["loading"] ?? "";
  const canvas = document.createElement("div");
  canvas.className = "canvas";
  element.replaceChildren(canvas, message);
  const chart = echarts.init(canvas);
  new ResizeObserver(() => chart.resize()).observe(canvas);
  const dark = matchMedia("(prefers-color-scheme: dark)");

  const show = async (): Promise<void> => {
    const [from, to] = period(element);
    const panels = layout(words);
    const names = panels.flatMap((panel) => panel.curves.map((curve) => curve.quantity));
    try {
      const series = await fetchSeries(element.dataset["point"] ?? "", names, from, to);
      const [begin, end] = element.dataset["marks"] ? fitted(series, from, to) : [from, to];
      chart.setOption(option(element, words, panels, series, begin, end), { notMerge: true });
      message.textContent = remark(words, series);
      element.dataset["drawn"] = String(series.times.length);
    } catch {
      message.textContent = words["failed"] ?? "";
    }
  };

  let last = Date.now();
  void show();
  dark.addEventListener("change", () => void show());
  return () => {
    const closed = Number(element.dataset["to"] ?? Infinity) < Date.now() - 60_000; // nothing more comes
    if (closed || Date.now() - last < PAUSE) return;
    last = Date.now();
    void show();
  };
}

function period(element: HTMLElement): [number, number] {
  const { from, to, hours } = element.dataset;
  return from && to ? [Number(from), Number(to)] : [Date.now() - Number(hours) * HOUR, Date.now()];
}

// Around an event, the part of the period in which something was read: of a young point there is little, and it is wanted large.
function fitted(series: Series, from: number, to: number): [number, number] {
  const times = series.times.map((time) => Date.parse(time));
  const [first, last] = [times[0], times[times.length - 1]];
  if (first === undefined || last === undefined) return [from, to];
  const margin = Math.max(0.03 * (last - first), 2000);
  return [Math.max(from, first - margin), Math.min(to, last + margin)];
}

function layout(words: Words): Panel[] {
  const phases = (quantity: string): Curve[] =>
    PHASES.map((phase, i) => ({
      name: words[phase] ?? phase, quantity: `${quantity}_${phase}`, colour: style(`--${phase}`), dash: DASHES[i] ?? "solid",
    }));
  const total: Curve = { name: words["total"] ?? "", quantity: "active_power", colour: style("--ink"), dash: "solid" };
  return [
    { key: "current", factor: 1, curves: phases("current") },
    { key: "voltage", factor: 1, curves: phases("voltage") },
    { key: "power", factor: 0.001, curves: [total] },
  ];
}

function option(
  element: HTMLElement, words: Words, panels: Panel[], series: Series, from: number, to: number,
): echarts.EChartsCoreOption {
  const ink = style("--ink");
  const faint = style("--rule");
  const axis = { axisLine: { lineStyle: { color: faint } }, axisLabel: { color: ink }, splitLine: { lineStyle: { color: faint } } };
  const marks = JSON.parse(element.dataset["marks"] ?? "{}") as Record<string, number | null>;
  const limits = JSON.parse(element.dataset["limits"] ?? "{}") as Record<string, number>;
  const top = (i: number) => `${7 + i * 30}%`;
  return {
    animation: false,
    textStyle: { fontFamily: style("--font") },
    // Drawn, not made of elements: those would carry styles that the content security policy forbids.
    tooltip: { trigger: "axis", renderMode: "richText", confine: true, valueFormatter: (value: unknown) => figure(value) },
    axisPointer: { link: [{ xAxisIndex: "all" }] },
    legend: { data: panels[0]?.curves.map((c) => c.name) ?? [], bottom: 0, left: "center", textStyle: { color: ink }, itemWidth: 36, itemGap: 20 },
    title: panels.map((panel, i) => ({
      text: words[panel.key] ?? "", left: 0, top: i === 0 ? 0 : `${1 + i * 30}%`, textStyle: { color: ink, fontSize: 13 },
    })),
    grid: panels.map((_, i) => ({ left: 56, right: 16, top: top(i), height: "20%" })),
    xAxis: panels.map((_, i) => ({
      ...axis, type: "time", gridIndex: i, min: from, max: to, splitLine: { show: false },
      axisLabel: { color: ink, hideOverlap: true, formatter: (value: number) => clock(value), show: i === panels.length - 1 },
      axisPointer: { label: { formatter: ({ value }: { value: unknown }) => clock(Number(value), true) } },
    })),
    yAxis: panels.map((_, i) => ({ ...axis, type: "value", gridIndex: i, splitNumber: 3, min: (v: { min: number }) => Math.min(0, v.min) })),
    series: panels.flatMap((panel, i) => lines(panel, i, series, words, marks, limits[panel.key])),
  };
}

function lines(
  panel: Panel, index: number, series: Series, words: Words, marks: Record<string, number | null>, limit?: number,
): object[] {
  const times = series.times.map((time) => Date.parse(time));
  return panel.curves.flatMap((curve, i) => {
    const column = series.columns[curve.quantity];
    if (!column) return [];
    const base = { type: "line", xAxisIndex: index, yAxisIndex: index, symbol: "none", connectNulls: false };
    return [
      ...band(base, curve, column, times, panel.factor),
      {
        ...base,
        name: curve.name,
        data: pairs(times, column.values, panel.factor),
        color: curve.colour,
        lineStyle: { width: 1.6, type: curve.dash },
        ...(i === 0 ? { markLine: markLine(index, words, marks, limit === undefined ? undefined : limit * panel.factor) } : {}),
      },
    ];
  });
}

function band(base: object, curve: Curve, column: Column, times: number[], factor: number): object[] {
  const { low, high } = column;
  if (!low || !high) return [];
  const height = high.map((value, i) => {
    const least = low[i];
    return value === null || least === null || least === undefined ? null : value - least;
  });
  const hidden = {
    ...base, stack: `band ${curve.quantity}`, stackStrategy: "all", lineStyle: { opacity: 0 }, silent: true,
    tooltip: { show: false },
  };
  return [
    { ...hidden, data: pairs(times, low, factor) },
    { ...hidden, data: pairs(times, height, factor), areaStyle: { color: curve.colour, opacity: 0.22 } },
  ];
}

// A missing stretch is a hole in the curve: nobody has measured there.
function pairs(times: number[], values: (number | null)[], factor: number): Pair[] {
  const steps = times.slice(1).map((time, i) => time - (times[i] ?? time)).sort((a, b) => a - b);
  const usual = steps[Math.floor(steps.length / 2)] ?? 0;
  const out: Pair[] = [];
  times.forEach((time, i) => {
    const before = times[i - 1];
    if (before !== undefined && usual > 0 && time - before > GAP * usual) out.push([before + usual, null]);
    const value = values[i];
    out.push([time, value === null || value === undefined ? null : value * factor]);
  });
  return out;
}

function markLine(panel: number, words: Words, marks: Record<string, number | null>, limit?: number): object {
  const upright = (["began", "detected", "ended"] as const).flatMap((name, i) => {
    const at = marks[name];
    const label = {
      show: panel === 0, formatter: words[name] ?? name, color: style("--ink"), position: "end", distance: [0, 2 + (i % 2) * 12],
    };
    const colour = style(name === "ended" ? "--ink" : "--critical");
    return at ? [{ xAxis: at, label, lineStyle: { color: colour, type: name === "began" ? "solid" : "dashed", width: 1.5 } }] : [];
  });
  const level = limit === undefined ? [] : [{
    yAxis: limit,
    label: { formatter: `${words["limit"] ?? ""} ${figure(limit)}`, position: "insideStartTop", color: style("--ink") },
    lineStyle: { color: style("--warning"), type: "dashed", width: 1.5 },
  }];
  return { silent: true, symbol: "none", animation: false, data: [...upright, ...level] };
}

function remark(words: Words, series: Series): string {
  if (series.times.length === 0) return words["empty"] ?? "";
  if (series.resolution === 0) return "";
  return (words["periods"] ?? "").replace("{seconds}", figure(series.resolution));
}

function style(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function figure(value: unknown): string {
  return typeof value === "number" ? value.toLocaleString("en", { maximumFractionDigits: 2 }) : "—";
}

function clock(at: number, seconds = false): string {
  return new Intl.DateTimeFormat("zh-CN", {
    timeZone: "Asia/Shanghai", hour: "2-digit", minute: "2-digit", hour12: false, ...(seconds ? { second: "2-digit" } : {}),
  }).format(at);
}
