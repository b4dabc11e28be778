// The script of the HTML report: it draws the plots from the records in the page. All that is text was written before, so without
// this script the page still says everything.
import { reportOf } from "../src/load/answer.js";
import { type Chart, drawChart } from "./chart.js";
import { chartsOf } from "./plot.js";

const report = reportOf(JSON.parse(document.getElementById("records")!.textContent))!;
const plots = chartsOf(report);
const charts: Chart[] = [];

for (const figure of document.querySelectorAll<HTMLElement>("figure[data-plot]")) {
  const plot = plots[figure.dataset["plot"]!]?.();
  if (plot) charts.push(drawChart(figure, plot));
}

const redraw = () => {
  for (const chart of charts) chart.redraw();
};
let resizing = 0;
window.addEventListener("resize", () => {
  cancelAnimationFrame(resizing);
  resizing = requestAnimationFrame(redraw);
});
for (const query of ["(prefers-color-scheme: dark)", "print"]) matchMedia(query).addEventListener("change", redraw);

// A printer gets dark ink on light paper at a page's width, and the tables that are folded away on a screen.
const folded = new Set<HTMLDetailsElement>();
window.addEventListener("beforeprint", () => {
  document.documentElement.dataset["print"] = "";
  for (const details of document.querySelectorAll<HTMLDetailsElement>("details:not([open])")) {
    details.open = true;
    folded.add(details);
  }
  redraw();
});
window.addEventListener("afterprint", () => {
  delete document.documentElement.dataset["print"];
  for (const details of folded) details.open = false;
  folded.clear();
  redraw();
});
document.documentElement.dataset["drawn"] = String(charts.length);
