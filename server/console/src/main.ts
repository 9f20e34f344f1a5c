import "./style.css";
import "htmx.org";
import { keepAges } from "./ages";
import { drawCharts, refreshCharts } from "./charts";
import { listenToKeys } from "./keys";
import { follow } from "./live";
import { offerPush } from "./push";
import { soundAlarms } from "./sound";

keepAges();
offerPush();
drawCharts(document);
document.body.addEventListener("htmx:load", (event) => {
  drawCharts(event.target as HTMLElement);
  refreshCharts(); // those that stayed may have been told something new
});

if (document.body.dataset["live"] !== undefined) {
  follow((topic) => {
    document.body.dispatchEvent(new CustomEvent("stillcold:changed", { detail: topic }));
    refreshCharts();
  });
  soundAlarms();
  listenToKeys();
}
