// Series from the API.

export interface Column {
  unit: string;
  values: (number | null)[];
  low: (number | null)[] | null;
  high: (number | null)[] | null;
}

export interface Absent { from: string; to: string; cause: string }

export interface Series {
  resolution: number;
  times: string[];
  columns: Record<string, Column>;
  absent: Absent[];
}

// What is asked of each point, in one request a point.
export async function fetchAll(asked: { point: string; quantity: string }[], from: number, to: number): Promise<Map<string, Series>> {
  const points = [...new Set(asked.map(({ point }) => point))];
  const names = (point: string) => [...new Set(asked.filter((one) => one.point === point).map(({ quantity }) => quantity))];
  const read = await Promise.all(points.map((point) => fetchSeries(point, names(point), from, to)));
  return new Map(read.map((series, i) => [points[i] ?? "", series]));
}

async function fetchSeries(point: string, names: string[], from: number, to: number): Promise<Series> {
  const query = new URLSearchParams(names.map((name) => ["quantity", name]));
  query.set("from", new Date(from).toISOString());
  query.set("to", new Date(to).toISOString());
  query.set("max_points", "900");
  const answer = await fetch(`/api/v1/points/${encodeURIComponent(point)}/series?${query}`);
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  return (await answer.json()) as Series;
}
