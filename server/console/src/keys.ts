// Keys: j and k go through what a page lists, Enter opens, others press what is marked with them, ? shows them all.

const ITEMS = ".incident, .closed li, tbody tr:has(a[href])";
const OFF = "stillcold.keys"; // single keys must be possible to switch off: who speaks to a computer presses them unwillingly

export function listenToKeys(): void {
  const help = document.getElementById("keys") as HTMLDialogElement | null;
  const off = help?.querySelector<HTMLInputElement>("input");
  if (off) {
    off.checked = localStorage.getItem(OFF) !== "off";
    off.addEventListener("change", () => localStorage.setItem(OFF, off.checked ? "on" : "off"));
  }
  document.getElementById("show-keys")?.addEventListener("click", () => help?.showModal());
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || help?.open) return;
    if (localStorage.getItem(OFF) === "off") return;
    if (act(event.key, help)) event.preventDefault();
  });
}

function act(key: string, help: HTMLDialogElement | null): boolean {
  if (key === "?") help?.showModal();
  else if (key === "j") step(1);
  else if (key === "k") step(-1);
  else return press(key);
  return true;
}

function step(by: number): void {
  const items = [...document.querySelectorAll<HTMLElement>(`#live :is(${ITEMS})`)].filter((item) => item.offsetParent);
  const at = items.findIndex((item) => item.contains(document.activeElement));
  const next = items[at < 0 ? (by > 0 ? 0 : items.length - 1) : Math.min(items.length - 1, Math.max(0, at + by))];
  next?.querySelector<HTMLElement>("a[href]")?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

// Of what the page is about, or else of the item that was gone to: never of one that nobody has looked at.
function press(key: string): boolean {
  const marked = [...document.querySelectorAll<HTMLElement>("#live [data-key]")].filter((one) => one.dataset["key"] === key);
  const item = document.activeElement?.closest(ITEMS);
  const here = item ? marked.filter((one) => item.contains(one)) : marked;
  const [target] = here;
  if (!target || here.length > 1) return false;
  if (target instanceof HTMLDetailsElement) {
    target.open = true;
    target.querySelector<HTMLElement>("input:not([type=hidden]), select, textarea")?.focus();
  } else target.click();
  return true;
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || target.matches("input, select, textarea"));
}
