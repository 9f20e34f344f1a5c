// The alarms' sound: repeated until somebody acknowledges, in one tab of the browser, silenced for a while at most.

import { isLost } from "./live";

type Tone = [start: number, length: number, hertz: number]; // s, s, Hz
interface Pattern { every: number; tones: Tone[] } // s
interface Silence { until: number; newest: number } // ms
type Words = Record<"on" | "blocked" | "silent", string>;

// The higher the severity, the more urgent: faster, higher, more tones. A lost connection has a sound of its own.
const PATTERNS: Record<string, Pattern> = {
  critical: { every: 2.5, tones: [[0, 0.16, 988], [0.22, 0.16, 740], [0.44, 0.16, 988], [0.66, 0.16, 740]] },
  warning: { every: 6, tones: [[0, 0.22, 659], [0.32, 0.22, 523]] },
  info: { every: 20, tones: [[0, 0.2, 523]] },
  lost: { every: 8, tones: [[0, 0.35, 392], [0.45, 0.35, 294]] },
};
const SILENT = 5 * 60_000; // ms
const TURN = 4000; // ms after which a tab that has not said that it plays does not play any more
const LOUDNESS: Record<string, number> = { low: 0.08, middle: 0.25, high: 0.8 };
const me = String(Math.random());

export function soundAlarms(): void {
  const button = document.getElementById("sound") as HTMLButtonElement | null;
  if (!button || typeof AudioContext === "undefined") return;
  const words = JSON.parse(button.dataset["words"] ?? "{}") as Words;
  const context = new AudioContext();
  let playing: { name: string; source: AudioBufferSourceNode } | undefined;

  const look = (): void => {
    const state = context.state !== "running" ? "blocked" : isSilent() ? "silent" : "on";
    const name = state === "on" && mayPlay() ? wanted() : "";
    if (name !== (playing?.name ?? "")) {
      playing?.source.stop();
      playing = name ? { name, source: play(context, name) } : undefined;
    }
    button.dataset["state"] = state;
    button.dataset["playing"] = name;
    button.querySelector("span")!.textContent = words[state].replace("{time}", clock(silence().until));
    button.hidden = false;
  };
  const unlock = (): void => void context.resume().then(look);

  // Browsers let a page sound only after somebody has touched it.
  for (const touch of ["pointerdown", "keydown"]) document.addEventListener(touch, unlock, { capture: true });
  button.addEventListener("click", () => {
    if (button.dataset["state"] !== "blocked") keep("silence", isSilent() ? null : { until: Date.now() + SILENT, newest: newest() });
    look();
  });
  window.addEventListener("storage", look);
  window.addEventListener("pagehide", () => { if (playing) keep("player", null); });
  document.body.addEventListener("htmx:afterSettle", look);
  context.addEventListener("statechange", look);
  setInterval(look, 1000);
  look();
  chooseLoudness(context);
}

function chooseLoudness(context: AudioContext): void {
  for (const choice of document.querySelectorAll<HTMLInputElement>("#loudness input")) {
    choice.checked = choice.value === (read<string>("loudness") ?? "middle");
    choice.addEventListener("change", () => keep("loudness", choice.value));
  }
  const hear = document.getElementById("try-sound");
  hear?.addEventListener("click", () => void context.resume().then(() => play(context, "critical", false)));
}

function wanted(): string {
  return isLost() ? "lost" : document.getElementById("bar")?.dataset["worst"] ?? "";
}

// When the newest alarm came, by the server's clock: one that comes later ends a silence.
function newest(): number {
  return Number(document.getElementById("bar")?.dataset["newest"] ?? 0);
}

function silence(): Silence {
  return read<Silence>("silence") ?? { until: 0, newest: 0 };
}

function isSilent(): boolean {
  const { until, newest: then } = silence();
  return Date.now() < until && newest() <= then;
}

// Whoever said so last plays; the others hear of it before their next look.
function mayPlay(): boolean {
  if (!wanted()) return false;
  const player = read<{ tab: string; at: number }>("player");
  if (player && player.tab !== me && Date.now() - player.at < TURN) return false;
  keep("player", { tab: me, at: Date.now() });
  return true;
}

// A loop of the sound card's, not of a timer: browsers slow down the timers of a tab that nobody sees.
function play(context: AudioContext, name: string, loop = true): AudioBufferSourceNode {
  const { every, tones } = PATTERNS[name] ?? { every: 1, tones: [] };
  const buffer = context.createBuffer(1, every * context.sampleRate, context.sampleRate);
  const samples = buffer.getChannelData(0);
  for (const [start, length, hertz] of tones) {
    const [first, count] = [Math.round(start * context.sampleRate), Math.round(length * context.sampleRate)];
    for (let i = 0; i < count; i++) {
      const edge = Math.min(1, i / 200, (count - i) / 800); // no clicks
      samples[first + i] = edge * Math.sin((2 * Math.PI * hertz * i) / context.sampleRate);
    }
  }
  const source = new AudioBufferSourceNode(context, { buffer, loop });
  const gain = new GainNode(context, { gain: LOUDNESS[read<string>("loudness") ?? "middle"] ?? 0.25 });
  source.connect(gain).connect(context.destination);
  source.start();
  return source;
}

function read<T>(name: string): T | null {
  return JSON.parse(localStorage.getItem(`stillcold.${name}`) ?? "null") as T | null;
}

function keep(name: string, value: unknown): void {
  localStorage.setItem(`stillcold.${name}`, JSON.stringify(value));
}

function clock(at: number): string {
  return new Intl.DateTimeFormat("zh-CN", { timeZone: "Asia/Shanghai", timeStyle: "short", hour12: false }).format(at);
}
