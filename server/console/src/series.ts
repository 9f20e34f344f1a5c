// Series from the API.

export interface Column {
  unit: string;
  values: (number | null)[];
  low: (number | null)[] | null;
  high: (number | null)[] | null;
}

export interface Series {
  resolution: number;
  times: string[];
  columns: Record<string, Column>;
}

export async function fetchSeries(point: string, names: string[], from: number, to: number): Promise<Series> {
  const query = new URLSearchParams(names.map((name) => ["quantity", name]));
  query.set("from", new Date(from).toISOString());
  query.set("to", new Date(to).toISOString());
  query.set("max_points", "900");
  const answer = await fetch(`/api/v1/points/${encodeURIComponent(point)}/series?${query}`);
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  return (await answer.json()) as Series;
}
