// One stream of the server's events, made again for as long as somebody listens.

export type Message = { kind: "changed"; topic: string } | { kind: "open" } | { kind: "lost" };

const TOPICS = ["alerts", "lines"];
const AGAIN = 5000; // ms; an EventSource gives up when it is answered with an error

export function listen(tell: (message: Message) => void): void {
  const source = new EventSource("/api/v1/events");
  for (const topic of TOPICS) {
    source.addEventListener(topic, () => tell({ kind: "changed", topic }));
  }
  // Not onopen: what changes between the head of the answer and this event is told to nobody.
  source.addEventListener("ready", () => tell({ kind: "open" }));
  source.onerror = () => {
    tell({ kind: "lost" });
    if (source.readyState === EventSource.CLOSED) setTimeout(() => listen(tell), AGAIN);
  };
}
