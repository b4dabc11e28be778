// The HTML report: one file that shows everything and asks nobody for anything. Its only script and style are those that the build
// made (dist/page), allowed by their hashes alone, so whatever is in the records stays text.
import { readBundle } from "../live/bundle.js";
import { answerOf, chosenTrial, type Report } from "./answer.js";
import { count, latency, lossOf, percent, toldOf } from "./figure.js";
import { html, jsonFor, Markup } from "./markup.js";
import { type PlotName, plotsOf } from "./report-plot.js";
import {
  countsTable,
  environmentTable,
  rcodesTable,
  secondsTable,
  spectrumTable,
  trialsTable,
} from "./report-section.js";

/** renderHtml writes the page. Throws an Error where this installation lacks the page's script. */
export async function renderHtml(report: Report): Promise<string> {
  const { script, style, policy } = await readBundle("report.js", "style.css");
  const { start, trials, result } = report;
  const { address, port } = start.target;
  const target = `${address.includes(":") ? `[${address}]` : address}:${port}`;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy.join("; ")}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>anyprobe bench: ${target}</title>
<link rel="icon" href="data:,">
<style>${new Markup(style)}</style>
</head>
<body>
<main>
${header(report, target)}
${answerCard(report)}
${tiles(report)}
${plotSection(report)}
${trials.length > 1 ? html`<section><h2>Trials</h2><div class="card long">${trialsTable(report)}</div></section>` : null}
<section><h2>What became of the queries</h2><div class="card long">${countsTable(report)}</div></section>
${notes(report)}
<section><h2>Objective, settings, environment</h2><div class="card long">${environmentTable(report)}</div></section>
<footer class="quiet">Made by anyprobe ${start.environment.anyprobe}, run ${start.run_id}. Latency counts from the time that a query was due until its answer, or its timeout.
The records that all of this is made from are in this file as JSON, in the element with the id “records”.</footer>
</main>
<script type="application/json" id="records">${jsonFor([start, ...trials, ...(result ? [result] : [])])}</script>
<script>${new Markup(script)}</script>
</body>
</html>
`.html;
}

function header({ start }: Report, target: string): Markup {
  const kinds = { search: "search for the highest rate", rate: "constant rate", closed: "closed loop" } as const;
  const kind = start.mode in kinds ? kinds[start.mode as keyof typeof kinds] : start.mode;
  const when = start.at.replace("T", " ").replace(/\.\d+/, "").replace("Z", " UTC");
  return html`<header>
<h1>${start.mode === "search" ? `How much can ${target} hold?` : `${target} under load`}</h1>
<p class="quiet">${[kind, start.queries, `objective ${start.objective.join(", ") || "none"}`, when].join(" · ")}</p>
</header>`;
}

function answerCard(report: Report): Markup {
  const { kind, label, figure, basis } = answerOf(report);
  return html`<section class="card answer ${kind}" aria-label="Answer">
<p>${label}</p>
<p class="figure" id="answer">${figure}</p>
${basis.map((sentence) => html`<p>${sentence}</p>`)}
</section>`;
}

function tiles(report: Report): Markup | null {
  const trial = chosenTrial(report);
  if (!trial) return null;
  const n = `n=${count(toldOf(trial))}`;
  const tile = (label: string, figure: string, below: string) =>
    html`<li class="card"><span class="quiet">${label}</span><b>${figure}</b><span class="quiet">${below}</span></li>`;
  return html`<ul class="tiles" aria-label="Figures of trial ${trial.trial}">
${tile("p50", latency(trial.latency.p50_ns), n)}
${tile("p99", latency(trial.latency.p99_ns), n)}
${tile("p99.9", latency(trial.latency.p999_ns), n)}
${tile("lost", percent(lossOf(trial)), `${count(trial.timeouts + trial.unreachable)} of ${count(toldOf(trial))}`)}
${tile("answered", `${count(trial.answered_qps)}/s`, `offered ${count(trial.offered_qps)}/s`)}
${tile("sent late, p99", latency(trial.lateness.p99_ns), "by this generator")}
</ul>`;
}

function plotSection(report: Report): Markup | null {
  const names = plotsOf(report);
  if (names.length === 0) return null;
  return html`<section><h2>Plots</h2><p class="quiet hint">Point at a plot, or focus it and use the arrow keys, to read its values. Drag to zoom, double-click to go back.</p><div class="grid">${names.map((name, i) => plot(name, report, names.length % 2 === 1 && i === 0))}</div></section>`;
}

const captions: Readonly<Record<PlotName, readonly [title: string, caption: string]>> = {
  load: [
    "Latency against offered load",
    "One point a trial. Trials far above the capacity, or limited by the generator, are only in the table.",
  ],
  spectrum: [
    "Percentile spectrum",
    "Which latency so many of the queries did not exceed; lost ones count with the whole timeout.",
  ],
  trials: ["Trials", "One bar a trial: how long it took, the load that it offered, and what came of it."],
  latency: ["Latency over time", "By the second in which queries were sent; pauses between trials are left out."],
  loss: ["Loss over time", "Share of the queries of each second that got no answer in time."],
  rcodes: ["Response codes over time", "Answers to the queries of each second. A second without any has no line."],
};

function plot(name: PlotName, report: Report, isWide: boolean): Markup {
  const [title, caption] = captions[name];
  return html`<figure class="card${isWide ? " wide" : ""}" data-plot="${name}">
<h3 id="title-${name}">${title}</h3>
<figcaption>${caption}</figcaption>
<ul class="legend" aria-label="Lines"></ul>
<div class="canvas" role="img" tabindex="0" aria-labelledby="title-${name}"></div>
${tableOf(name, report)}
</figure>`;
}

function tableOf(name: PlotName, report: Report): Markup | null {
  const table = {
    load: null,
    trials: null,
    spectrum: () => spectrumTable(report),
    latency: () => secondsTable(report, "latency"),
    loss: () => secondsTable(report, "loss"),
    rcodes: () => rcodesTable(report),
  }[name];
  return table && html`<details><summary>The same in a table</summary>${table()}</details>`;
}

function notes({ trials }: Report): Markup | null {
  const told = trials.flatMap(({ trial, notes }) => notes.map((note) => `Trial ${trial}: ${note}`));
  if (told.length === 0) return null;
  return html`<section><h2>Notes</h2><div class="card"><ul class="notes">${told.map((note) => html`<li>${note}</li>`)}</ul></div></section>`;
}
