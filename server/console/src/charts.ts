// Finds the curves of a page and draws them; the drawing itself is loaded only where there are some.

const drawn = new Map<HTMLElement, () => void>();

export function drawCharts(within: ParentNode): void {
  for (const element of within.querySelectorAll<HTMLElement>("[data-chart]")) {
    if (drawn.has(element)) continue;
    drawn.set(element, () => undefined);
    void import("./chart").then(({ draw }) => drawn.set(element, draw(element)));
  }
}

export function refreshCharts(): void {
  for (const [element, refresh] of drawn) {
    if (element.isConnected) refresh();
    else drawn.delete(element);
  }
}
