// Where a point was not read, and why: shown, and never drawn through.

import { type Series } from "./series";

export interface Hole { from: number; to: number; cause: string }

export const GAP = 5; // usual steps after which a curve is broken off

export function usualStep(times: number[]): number {
  const steps = times.slice(1).map((time, i) => time - (times[i] ?? time)).sort((a, b) => a - b);
  return steps[Math.floor(steps.length / 2)] ?? 0;
}

// What the gateway has said of causes, and the times of which nothing has come at all.
export function holesOf(series: Series, from: number, to: number): Hole[] {
  const times = series.times.map((time) => Date.parse(time));
  const said = series.absent.map((one) => ({ from: Date.parse(one.from), to: Date.parse(one.to), cause: one.cause }));
  if (times.length === 0) return [{ from, to, cause: "no_data" }];
  const step = usualStep(times) || 1000;
  const ends = [from - step, ...times, to + step];
  const silent = ends.slice(1).flatMap((time, i) => {
    const before = ends[i] ?? time;
    return time - before > GAP * step ? [{ from: Math.max(from, before + step), to: Math.min(to, time), cause: "no_data" }] : [];
  });
  return [...said, ...silent];
}
