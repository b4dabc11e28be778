// Latencies: percentiles over the last minutes, and how all of them are spread.

import type { Bin } from "../../src/live/history.js";
import { count, latency, percent } from "../../src/load/figure.js";
import type { Span } from "../../src/measure/histogram.js";
import type { Chart, Mark, Plot } from "../chart.js";
import { drawChart } from "../chart.js";
import { latencyAxis } from "../latency-axis.js";
import { cells, element, List, type Row, say, show, table } from "./dom.js";

/** Latencies is what one check, or all targets together, took. */
export interface Latencies {
  readonly name: string;
  readonly bins: readonly Bin[];
  /** Since the beginning. */
  readonly spread: readonly Span[];
  /** Moments that the plot marks. */
  readonly moments: readonly { readonly atMs: number; readonly text: string; readonly tone: "good" | "bad" | "open" }[];
}

const lines = [
  ["p50", "s1", "p50Ns"],
  ["p90", "s4", "p90Ns"],
  ["p99", "s2", "p99Ns"],
  ["max", "s3", "maxNs"],
] as const;
/** The plot is at least so wide. s */
const leastSeconds = 120;

/** LatencyView shows one of several at a time. */
export class LatencyView {
  readonly element: HTMLElement;
  readonly #choice = element("select", { "aria-label": "Latencies of" });
  readonly #options: List<Latencies>;
  readonly #figure: HTMLElement;
  readonly #spread: List<SpanShare>;
  readonly #wait = element("p", { class: "quiet" }, "The first percentiles come after five seconds.");
  #chart: Chart | undefined;
  #drawn: { readonly bins: readonly Bin[]; readonly moments: string } | undefined;
  #all: readonly Latencies[] = [];

  constructor() {
    this.#options = new List(this.#choice, ({ name }) => ({
      element: element("option", { value: name }, name),
      update: () => {},
    }));
    this.#choice.addEventListener("change", () => this.#draw());
    const canvas = element("div", { class: "canvas", tabindex: "0", role: "img", "aria-labelledby": "over-time" });
    this.#figure = element("figure", { class: "card", "data-plot": "latency" });
    this.#figure.append(
      element("h3", { id: "over-time" }, "Over time"),
      element("figcaption", {}, "Of the answers of each five seconds. Arrow keys read values; drag to zoom."),
      element("ul", { class: "legend", "aria-label": "Lines" }),
      canvas,
      this.#wait,
    );
    const { box, body } = table("Distribution of latencies", ["From", "to", "", "Answers", "Share"]);
    this.#spread = new List(body, spanRow);
    const spread = element("div", { class: "card spread" }, element("h3", {}, "Distribution"));
    spread.append(element("p", { class: "quiet" }, "Of all answers since the beginning."), box);
    const head = element("div", { class: "tools" }, element("h2", {}, "Latency"), this.#choice);
    this.element = element("section", {}, head, element("div", { class: "grid" }, this.#figure, spread));
    const redraw = () => this.#chart?.redraw();
    window.addEventListener("resize", () => requestAnimationFrame(redraw));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  }

  show(all: readonly Latencies[]): void {
    this.#all = all;
    this.#options.show(all.map((one) => [one.name, one]));
    show(this.#choice, all.length > 1);
    this.#draw();
  }

  #draw() {
    const chosen = this.#all.find(({ name }) => name === this.#choice.value) ?? this.#all[0];
    if (!chosen) return;
    const most = Math.max(1, ...chosen.spread.map((span) => span.count));
    const sum = chosen.spread.reduce((sum, span) => sum + span.count, 0);
    this.#spread.show(chosen.spread.map((span) => [String(span.fromNs), { span, ofMost: span.count / most, sum }]));
    const { bins } = chosen;
    show(this.#wait, bins.length === 0);
    const moments = JSON.stringify(chosen.moments);
    if (bins.length === 0 || (this.#drawn?.bins === bins && this.#drawn.moments === moments)) return;
    this.#drawn = { bins, moments };
    const plot = plotOf(chosen);
    if (this.#chart) this.#chart.update(plot);
    else this.#chart = drawChart(this.#figure, plot);
  }
}

function plotOf({ bins, moments }: Latencies): Plot {
  const xs = bins.map(({ atMs }) => atMs / 1000);
  const to = xs.at(-1)!;
  const from = Math.min(xs[0]!, to - leastSeconds);
  const values = bins.flatMap(({ p50Ns, maxNs }) => [p50Ns, maxNs]);
  const step = to - from > 600 ? 180 : to - from > 240 ? 60 : 30;
  const ticks: number[] = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) ticks.push(at);
  return {
    x: { label: "time", scale: "linear", text: (s, tick) => clock(s, !tick || step < 60), range: [from, to], ticks },
    y: latencyAxis(values, "latency"),
    xs,
    lines: lines.map(([name, colour, key]) => ({
      name,
      colour,
      values: bins.map((bin) => bin[key]),
      // One alone has no line.
      points: bins.length < 3,
    })),
    marks: moments.map(({ atMs, text, tone }): Mark => ({ axis: "x", at: atMs / 1000, text, colour: tone })),
  };
}

function clock(seconds: number, withSeconds: boolean): string {
  return new Date(seconds * 1000).toTimeString().slice(0, withSeconds ? 8 : 5);
}

interface SpanShare {
  readonly span: Span;
  readonly ofMost: number;
  readonly sum: number;
}

function spanRow(): Row<SpanShare> {
  const row = element("tr");
  const bar = element("div", { class: "bar" });
  cells(row, [[""], [""], [""], [""], [""]]);
  row.children[2]!.append(bar);
  return {
    element: row,
    update: ({ span: { fromNs, toNs, count: answers }, ofMost, sum }) => {
      const texts = [latency(fromNs), latency(toNs), undefined, count(answers), percent(sum === 0 ? 0 : answers / sum)];
      texts.forEach((text, i) => {
        if (text !== undefined) say(row.children[i] as HTMLElement, text);
      });
      // What is there at all can be seen.
      bar.style.width = answers === 0 ? "0" : `max(2px, ${(100 * ofMost).toFixed(1)}%)`;
    },
  };
}
