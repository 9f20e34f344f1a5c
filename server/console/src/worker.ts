// Shares one stream between all tabs: a browser opens six connections to a server on HTTP/1.1, and each stream takes one.

import { listen, type Message } from "./stream";

const scope = self as unknown as { onconnect: (event: MessageEvent) => void };
const tabs = new Set<MessagePort>();
let state: Message = { kind: "lost" };

scope.onconnect = (event) => {
  const port = event.ports[0];
  if (!port) return;
  tabs.add(port);
  port.onmessage = () => tabs.delete(port); // the only thing that a tab says is that it goes away
  port.postMessage(state);
  if (tabs.size === 1 && !started) start();
};

let started = false;

function start(): void {
  started = true;
  listen((message) => {
    if (message.kind === "open" || message.kind === "lost") state = message;
    for (const tab of tabs) tab.postMessage(message);
  });
}
