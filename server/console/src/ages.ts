// Counts ages up between two answers of the server, by the server's clock.

type Words = Record<"now" | "second" | "minute" | "hour" | "day", string>;

const ahead = Number(document.body.dataset["now"]) - Date.now(); // ms that the server's clock is ahead of this machine's

// What the server's clock shows, in ms: nobody looks after the clock of a wall screen.
export function serverNow(): number {
  return Date.now() + ahead;
}

export function keepAges(): void {
  const words = JSON.parse(document.body.dataset["age"] ?? "{}") as Words;
  setInterval(() => {
    for (const element of document.querySelectorAll<HTMLTimeElement>("time[data-ago]")) {
      const text = ago((serverNow() - Date.parse(element.dateTime)) / 1000, words);
      if (element.textContent !== text) element.textContent = text;
    }
  }, 1000);
}

function ago(seconds: number, words: Words): string {
  const s = Math.max(0, Math.floor(seconds));
  const [m, h, d] = [Math.floor(s / 60), Math.floor(s / 3600), Math.floor(s / 86400)];
  if (s < 1) return words.now;
  if (s < 60) return fill(words.second, { s });
  if (m < 60) return fill(words.minute, { m, s: s % 60 });
  if (h < 24) return fill(words.hour, { h, m: m % 60 });
  return fill(words.day, { d, h: h % 24 });
}

function fill(text: string, values: Record<string, number>): string {
  return text.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name]));
}
