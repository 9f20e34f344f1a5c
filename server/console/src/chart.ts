// Curves in panels, one above the other, with the event marked: what is in them, the page says.

import { LineChart } from "echarts/charts";
import {
  DataZoomComponent, GridComponent, LegendComponent, MarkAreaComponent, MarkLineComponent, TitleComponent,
  TooltipComponent,
} from "echarts/components";
import * as echarts from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";
import { serverNow } from "./ages";
import { type Hole, holesOf, usualStep, GAP } from "./holes";
import { type Column, fetchAll, type Series } from "./series";

echarts.use([
  LineChart, DataZoomComponent, GridComponent, LegendComponent, MarkAreaComponent, MarkLineComponent, TitleComponent,
  TooltipComponent, CanvasRenderer,
]);

type Words = Record<string, string>;
type Pair = [number, number | null];
interface Curve { point: string; quantity: string; name: string; ink: string }
interface Panel { title: string; curves: Curve[]; factor: number; limit: number | null; from_zero: boolean; steps: boolean }
interface Spec { start: number; end: number; panels: Panel[]; marks: Record<string, number | null>; areas: Pair[]; fitted: boolean }
type Read = Map<string, Series>;

const PAUSE = 5000; // ms between two readings of the same curve
const DASHES: Record<string, string> = { l2: "dashed", l3: "dotted" };
const LEFT = 80; // px, for the figures of a register: all panels begin below one another
const [ABOVE, TITLE, BELOW] = [14, 22, 84]; // px: marks' words, a panel's title, times with slider and legend

export function draw(element: HTMLElement): () => void {
  const words = JSON.parse(element.dataset["words"] ?? "{}") as Words;
  const causes = JSON.parse(element.dataset["absences"] ?? "{}") as Words;
  const message = document.createElement("p");
  message.className = "hint";
  message.textContent = words["loading"] ?? "";
  const canvas = document.createElement("div");
  element.replaceChildren(canvas, message);
  let said = told(element);
  canvas.className = "canvas";
  const chart = echarts.init(canvas);
  new ResizeObserver(() => chart.resize()).observe(canvas);
  const dark = matchMedia("(prefers-color-scheme: dark)");

  const show = async (): Promise<void> => {
    const spec = JSON.parse(said) as Spec;
    const [from, to] = spec.end ? [spec.start, spec.end] : [serverNow() + spec.start, serverNow()];
    try {
      const read = await fetchAll(spec.panels.flatMap((panel) => panel.curves), from, to);
      const [begin, end] = spec.end && spec.fitted ? fitted(read, from, to) : [from, to];
      const panels = measured(spec.panels, read);
      canvas.className = `canvas panels-${panels.length}`;
      chart.resize();
      const seen = zoomed(chart);
      chart.setOption(option(spec, words, causes, panels, read, begin, end, canvas.clientHeight), { notMerge: true });
      if (seen) chart.dispatchAction({ type: "dataZoom", start: seen[0], end: seen[1] });
      message.textContent = remark(words, read);
      element.dataset["drawn"] = String(Math.max(...[...read.values()].map((series) => series.times.length)));
    } catch {
      message.textContent = words["failed"] ?? "";
    }
  };

  let last = Date.now();
  void show();
  dark.addEventListener("change", () => void show());
  return () => {
    const { end } = JSON.parse(said) as Spec;
    const closed = end !== 0 && end < serverNow() - 60_000; // nothing more comes
    const now = told(element);
    if (now === said && (closed || Date.now() - last < PAUSE)) return;
    last = Date.now();
    said = now;
    void show();
  };
}

// What somebody has zoomed to, in per cent: new samples leave it.
function zoomed(chart: echarts.ECharts): [number, number] | undefined {
  const [zoom] = ((chart.getOption() as { dataZoom?: { start: number; end: number }[] } | undefined)?.dataZoom ?? []);
  return zoom && (zoom.start > 0 || zoom.end < 100) ? [zoom.start, zoom.end] : undefined;
}

function told(element: HTMLElement): string {
  return element.closest<HTMLElement>("[data-spec]")?.dataset["spec"] ?? "{}";
}

// Around an event, the part of the period in which something was read: of a young point there is little, and it is wanted large.
function fitted(read: Read, from: number, to: number): [number, number] {
  const times = [...read.values()].flatMap((series) => [series.times[0], series.times.at(-1)]).flatMap((time) => (time ? [Date.parse(time)] : []));
  if (times.length === 0) return [from, to];
  const [first, last] = [Math.min(...times), Math.max(...times)];
  const margin = Math.max(0.03 * (last - first), 2000);
  return [Math.max(from, first - margin), Math.min(to, last + margin)];
}

// Panels of which the meters show something; all of them where they show nothing.
function measured(panels: Panel[], read: Read): Panel[] {
  const shown = panels.filter((panel) => panel.curves.some((curve) => column(read, curve)?.values.some((value) => value !== null)));
  return shown.length ? shown : panels;
}

function column(read: Read, curve: Curve): Column | undefined {
  return read.get(curve.point)?.columns[curve.quantity];
}

function option(
  spec: Spec, words: Words, causes: Words, panels: Panel[], read: Read, from: number, to: number, height: number,
): echarts.EChartsCoreOption {
  const ink = style("--ink");
  const faint = style("--rule");
  const axis = { axisLine: { lineStyle: { color: faint } }, axisLabel: { color: ink }, splitLine: { lineStyle: { color: faint } } };
  const block = (height - ABOVE - BELOW) / panels.length;
  const names = panels.filter((panel) => panel.curves.length > 1).flatMap((panel) => panel.curves.map((curve) => words[curve.name] ?? curve.name));
  return {
    animation: false,
    textStyle: { fontFamily: style("--font") },
    // Drawn, not made of elements: those would carry styles that the content security policy forbids.
    tooltip: { trigger: "axis", renderMode: "richText", confine: true, valueFormatter: (value: unknown) => figure(value) },
    axisPointer: { link: [{ xAxisIndex: "all" }] },
    legend: { type: "scroll", data: [...new Set(names)], bottom: 0, left: "center", textStyle: { color: ink }, itemWidth: 36, itemGap: 20 },
    title: panels.map((panel, i) => ({
      text: words[panel.title] ?? "", left: 0, top: i === 0 ? 0 : ABOVE + i * block - 2, padding: 0, textStyle: { color: ink, fontSize: 13 },
    })),
    grid: panels.map((_, i) => ({ outerBoundsMode: "none", left: LEFT, right: 16, top: ABOVE + i * block + TITLE, height: block - TITLE - 10 })),
    xAxis: panels.map((_, i) => ({
      ...axis, type: "time", gridIndex: i, min: from, max: to, splitLine: { show: false },
      axisLabel: { color: ink, hideOverlap: true, formatter: (value: number) => clock(value), show: i === panels.length - 1 },
      axisPointer: { label: { formatter: ({ value }: { value: unknown }) => clock(Number(value), true) } },
    })),
    yAxis: panels.map((panel, i) => ({
      ...axis, type: "value", gridIndex: i, splitNumber: 3,
      ...(panel.from_zero ? { min: (v: { min: number }) => Math.min(0, v.min) } : { scale: true }),
    })),
    dataZoom: [
      // With the control key only: without it a wheel moves the page.
      { type: "inside", xAxisIndex: "all", zoomOnMouseWheel: "ctrl", moveOnMouseMove: false, preventDefaultMouseMove: false },
      { type: "slider", xAxisIndex: "all", bottom: 28, height: 18, left: LEFT, right: 16, showDataShadow: false, labelFormatter: (at: number) => clock(at, true), textStyle: { color: ink } },
    ],
    series: panels.flatMap((panel, i) => lines(panel, i, read, words, spec, holesIn(panel, read, from, to), causes, from, to)),
  };
}

function holesIn(panel: Panel, read: Read, from: number, to: number): Hole[] {
  const series = read.get(panel.curves[0]?.point ?? "");
  return series ? holesOf(series, from, Math.min(to, serverNow())) : [];
}

function lines(
  panel: Panel, index: number, read: Read, words: Words, spec: Spec, holes: Hole[], causes: Words, from: number, to: number,
): object[] {
  const { factor, limit } = panel;
  return panel.curves.flatMap((curve, i) => {
    const values = column(read, curve);
    if (!values) return [];
    const times = (read.get(curve.point)?.times ?? []).map((time) => Date.parse(time));
    const base = { type: "line", xAxisIndex: index, yAxisIndex: index, symbol: "none", connectNulls: false };
    return [
      ...band(base, curve, values, times, factor),
      {
        ...base,
        name: words[curve.name] ?? curve.name,
        data: pairs(times, values.values, factor),
        color: style(`--${curve.ink}`),
        ...(panel.steps ? { step: "end" } : {}),
        lineStyle: { width: 1.6, type: DASHES[curve.ink] ?? "solid" },
        ...(i === 0 ? { markLine: markLine(index, words, spec.marks, limit === null ? undefined : limit * factor), markArea: markArea(index, spec.areas, holes, causes, (to - from) / 12) } : {}),
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
    ...base, stack: `band ${curve.point} ${curve.quantity}`, stackStrategy: "all", lineStyle: { opacity: 0 }, silent: true,
    tooltip: { show: false },
  };
  return [
    { ...hidden, data: pairs(times, low, factor) },
    { ...hidden, data: pairs(times, height, factor), areaStyle: { color: style(`--${curve.ink}`), opacity: 0.22 } },
  ];
}

// A missing stretch is a hole in the curve: nobody has measured there.
function pairs(times: number[], values: (number | null)[], factor: number): Pair[] {
  const usual = usualStep(times);
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
      ...(name === "began" ? { align: "right" } : {}), // leaves room for an end that came soon
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

// A hole that is narrower than its word has none: the next wider one tells it, or the table.
function markArea(panel: number, areas: Pair[], holes: Hole[], causes: Words, room: number): object {
  const label = { show: panel === 0, position: "insideTop", color: style("--ink") };
  const hole = { color: style("--soft"), opacity: 0.22 };
  return {
    silent: true,
    itemStyle: { color: style("--warning"), opacity: 0.14 },
    label: { ...label, fontWeight: 700 },
    data: [
      ...areas.map(([from, to], i) => [{ name: String(i + 1), xAxis: from }, { xAxis: to }]),
      ...holes.map(({ from, to, cause }) => [
        { name: to - from < room ? "" : causes[cause] ?? cause, xAxis: from, itemStyle: hole, label: { ...label, fontWeight: 400, fontSize: 11 } }, { xAxis: to },
      ]),
    ],
  };
}

function remark(words: Words, read: Read): string {
  const series = [...read.values()];
  if (series.every((one) => one.times.length === 0)) return words["empty"] ?? "";
  const resolution = Math.max(...series.map((one) => one.resolution));
  return resolution ? (words["periods"] ?? "").replace("{seconds}", figure(resolution)) : "";
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
