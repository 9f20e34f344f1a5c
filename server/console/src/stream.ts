// One stream of the server's events, made again for as long as somebody listens.

export type Message = { kind: "changed"; topic: string } | { kind: "open" | "lost" | "alive" };

const TOPICS = ["alerts", "lines"];
const WAITS = [1000, 2000, 4000, 8000, 15_000]; // ms before each further attempt; the last for all that follow
const SILENT = 40_000; // ms; the server gives a sign of life every 15 s, so this line is dead though nobody has closed it

export function listen(tell: (message: Message) => void, failures = 0): void {
  const source = new EventSource("/api/v1/events");
  let heard = Date.now();
  let failed = failures;
  const on = (name: string, message: Message): void => source.addEventListener(name, () => {
    heard = Date.now();
    tell(message);
  });
  const again = (): void => {
    clearInterval(watch);
    source.close(); // its own attempts have neither a longer wait nor an end
    tell({ kind: "lost" });
    const wait = WAITS[Math.min(failed, WAITS.length - 1)] ?? 0;
    setTimeout(() => listen(tell, failed + 1), wait * (0.75 + Math.random() / 2)); // not all consoles at once
  };
  const watch = setInterval(() => {
    if (Date.now() - heard > SILENT) again();
  }, 5000);

  for (const topic of TOPICS) on(topic, { kind: "changed", topic });
  on("alive", { kind: "alive" });
  // Not onopen: what changes between the head of the answer and this event is told to nobody.
  on("ready", { kind: "open" });
  source.addEventListener("ready", () => { failed = 0; });
  source.onerror = again;
}
