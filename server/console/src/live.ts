// Keeps a page up to date, and says so when it cannot.

import { listen, type Message } from "./stream";

const PAUSE = { alerts: 500, lines: 3000 } as Record<string, number>; // ms between two refreshes for a topic
const PATIENCE = 2000; // ms that a stream may be away before anybody is told
const LOOK = 10_000; // ms between looks whether the server is back, or whether we must log in again
const SILENT = 60_000; // ms without any sign of life, also not of the worker

export function follow(changed: (topic: string) => void): void {
  const due = new Map<string, number>();
  const last = new Map<string, number>();
  let heard = Date.now();
  let lost: number | undefined;
  let missed = true; // since the page was made

  // The first change is shown at once, those that follow it together.
  const soon = (topic: string) => {
    if (due.has(topic)) return;
    const wait = Math.max(0, (last.get(topic) ?? 0) + (PAUSE[topic] ?? 1000) - Date.now());
    due.set(topic, window.setTimeout(() => {
      due.delete(topic);
      last.set(topic, Date.now());
      changed(topic);
    }, wait));
  };

  subscribe((message) => {
    if (message.kind === "lost") {
      missed = true;
      lost ??= window.setTimeout(() => show(heard), PATIENCE);
      return;
    }
    heard = Date.now();
    window.clearTimeout(lost);
    lost = undefined;
    show(undefined);
    if (message.kind === "changed") soon(message.topic);
    else if (message.kind === "open") {
      if (missed) changed("alerts"); // what happened while nobody listened
      missed = false;
    }
  });

  window.addEventListener("offline", () => show(heard));
  setInterval(() => {
    if (Date.now() - heard > SILENT) show(heard); // the worker is gone too, or the machine has slept
    if (isLost()) changed("alerts");
  }, LOOK);
}

export function isLost(): boolean {
  return document.getElementById("lost")?.hidden === false;
}

function subscribe(tell: (message: Message) => void): void {
  if (typeof SharedWorker === "undefined") {
    listen(tell);
    return;
  }
  const worker = new SharedWorker(new URL("./worker.ts", import.meta.url), { type: "module", name: "stillcold" });
  worker.port.onmessage = (event: MessageEvent<Message>) => tell(event.data);
  worker.onerror = () => listen(tell);
  window.addEventListener("pagehide", () => worker.port.postMessage("bye"));
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload(); // back from the browser's memory: the worker has forgotten us
  });
}

function show(since: number | undefined): void {
  const banner = document.getElementById("lost");
  if (!banner || banner.hidden !== (since !== undefined)) return; // it stands as it should
  const said = (navigator.onLine ? banner.dataset["lost"] : banner.dataset["offline"]) ?? "";
  banner.textContent = since === undefined ? "" : said.replace("{time}", clock(since));
  banner.hidden = since === undefined;
}

function clock(at: number): string {
  return new Intl.DateTimeFormat("zh-CN", { timeZone: "Asia/Shanghai", timeStyle: "medium", hour12: false }).format(at);
}
