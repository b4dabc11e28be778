// Prometheus's text format (version 0.0.4), written by hand: it is lines of text, and thousands of targets are a million of them.
// A registry such as prom-client's keeps an object for each series, and makes its text in one go (bench: metrics).
import { monotonicNs, nsPerMs } from "../units.js";

/** Metric is what can be told, whether or not there is anything to tell. */
export interface Metric {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram" | "summary";
  /** The labels of its samples, in order, but for `le` and `quantile`, which their types have of their own. */
  readonly labels: readonly string[];
  /** One sentence. */
  readonly help: string;
}

/** Family is a metric with its samples: whole lines, made as they are asked for. */
export interface Family {
  readonly metric: Metric;
  readonly samples: Iterable<string>;
}

export const contentType = "text/plain; version=0.0.4; charset=utf-8";
/** The event loop has its turn after so much work, or so many characters. */
const sliceNs = 2 * nsPerMs;
const sliceLength = 65_536;
/** Reading the clock costs about what a line does; so it is read once in so many, and before each family. */
const linesPerLook = 32;

/** describe makes a metric. */
export function describe(type: Metric["type"], name: string, labels: readonly string[], help: string): Metric {
  return { name, type, labels, help };
}

/** expose writes families in slices, between which the event loop has its turn. Families without samples are left out. */
export async function* expose(families: Iterable<Family>): AsyncGenerator<string> {
  let slice = "";
  let lines = 0;
  let fromNs = monotonicNs();
  const isDone = () => slice.length >= sliceLength || monotonicNs() - fromNs >= sliceNs;
  const rest = async () => {
    await new Promise(setImmediate);
    slice = "";
    fromNs = monotonicNs();
  };
  for (const { metric, samples } of families) {
    let head = `# HELP ${metric.name} ${metric.help}\n# TYPE ${metric.name} ${metric.type}\n`;
    for (const sample of samples) {
      slice += head + sample;
      head = "";
      if (++lines % linesPerLook !== 0 || !isDone()) continue;
      yield slice;
      await rest();
    }
    if (!isDone()) continue;
    if (slice !== "") yield slice;
    await rest();
  }
  if (slice !== "") yield slice;
}

/** labelsOf writes `{service="resolver",prefix="203.0.113.53/32"}`; nothing where the metric has none. */
export function labelsOf({ labels }: Metric, values: readonly string[]): string {
  return labels.length === 0 ? "" : `{${labels.map((label, i) => `${label}="${escapeLabel(values[i]!)}"`).join(",")}}`;
}

/** sampleOf writes one line. A value that is not known is NaN. */
export function sampleOf(metric: Metric, values: readonly string[], value: number): string {
  return `${metric.name}${labelsOf(metric, values)} ${numberOf(value)}\n`;
}

/** numberOf writes a number as the format has it. */
export function numberOf(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}

/** escapeLabel writes what may be any text, also a stranger's, so that it stays within its quotes. */
export function escapeLabel(text: string): string {
  return /["\\\n]/.test(text) ? text.replace(/[\\"]/g, "\\$&").replaceAll("\n", "\\n") : text;
}

/** Collection gathers samples of metrics in any order; they come out family by family. */
export class Collection {
  readonly #lines = new Map<Metric, string[]>();

  add(metric: Metric, values: readonly string[], value: number): void {
    this.append(metric, sampleOf(metric, values, value));
  }

  /** oneHot adds a sample for each state, the last of the labels: 1 for the one that it is in, 0 for the others. */
  oneHot(metric: Metric, values: readonly string[], states: readonly string[], state: string): void {
    for (const one of states) this.add(metric, [...values, one], one === state ? 1 : 0);
  }

  /** append adds lines that are written already. */
  append(metric: Metric, lines: string): void {
    const known = this.#lines.get(metric);
    if (known) known.push(lines);
    else this.#lines.set(metric, [lines]);
  }

  families(): Family[] {
    return [...this.#lines].map(([metric, samples]) => ({ metric, samples }));
  }
}
