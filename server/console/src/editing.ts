// What somebody is about to enter is not taken away by a page that brings itself up to date.

const FIELDS = "input:not([type=hidden]), textarea, select";
const LEFT = 120_000; // ms after the last touch from which on a page is rather kept true than a forgotten word

export function keepWhatIsEntered(): void {
  let held = false;
  let touched = 0;
  const isHeld = (live: HTMLElement) => Date.now() - touched < LEFT && isEdited(live);
  for (const kind of ["focusin", "input"]) document.addEventListener(kind, () => (touched = Date.now()));
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    const swap = (event as CustomEvent<{ target: HTMLElement; swapOverride?: string }>).detail;
    held = swap.target.id === "live" && isHeld(swap.target);
    if (held) swap.swapOverride = "none"; // the alarm bar, which lies outside, is renewed all the same
  });
  document.addEventListener("focusout", () => window.setTimeout(() => {
    const live = document.getElementById("live");
    if (held && live && !isHeld(live)) document.body.dispatchEvent(new CustomEvent("stillcold:changed", { detail: "alerts" }));
  }));
}

function isEdited(live: HTMLElement): boolean {
  const fields = [...live.querySelectorAll<HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement>(FIELDS)];
  return fields.some((field) => field === document.activeElement || isFilled(field));
}

function isFilled(field: HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement): boolean {
  return !(field instanceof HTMLSelectElement) && field.value !== field.defaultValue;
}
