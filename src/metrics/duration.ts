// Latencies as a Prometheus histogram: cumulative counts below fixed bounds, so that those of several hosts can be added up.
import type { LatencyHistogram } from "../measure/histogram.js";
import { nsPerSecond, nsPerUs } from "../units.js";
import { labelsOf, type Metric, numberOf } from "./exposition.js";

/** 50 us, 100 us, 200 us, … 6.55 s. */
export const durationBoundsNs: readonly number[] = Array.from({ length: 18 }, (_, n) => 50 * nsPerUs * 2 ** n);
const bounds = [...durationBoundsNs.map((ns) => numberOf(ns / nsPerSecond)), "+Inf"];

/** Cumulated is what a histogram's samples tell. */
export interface Cumulated {
  /** How many are at most each of durationBoundsNs. */
  readonly below: ArrayLike<number>;
  readonly count: number;
  readonly sumNs: number;
}

/**
 * cumulate adds histograms up. A bucket (0.8 % wide) that a bound cuts is counted above it, so that nothing is told too good; each
 * value adds the middle of its bucket to the sum, which therefore never falls.
 */
export function cumulate(histograms: Iterable<LatencyHistogram>): Cumulated {
  const below = new Float64Array(durationBoundsNs.length);
  let count = 0;
  let sumNs = 0;
  for (const histogram of histograms) {
    for (const bucket of histogram.buckets()) {
      count += bucket.count;
      sumNs += ((bucket.fromNs + bucket.toNs - 1) / 2) * bucket.count;
      const bound = durationBoundsNs.findIndex((ns) => bucket.toNs - 1 <= ns);
      if (bound >= 0) below[bound]! += bucket.count;
    }
  }
  for (let bound = 1; bound < below.length; bound++) below[bound]! += below[bound - 1]!;
  return { below, count, sumNs };
}

/** histogramOf writes the lines of one histogram. */
export function histogramOf(metric: Metric, values: readonly string[], cumulated: Cumulated): string {
  return histogramLines(metric.name, labelsOf(metric, values).slice(1, -1), cumulated);
}

/** histogramLines writes them with labels that are written already: `target="192.0.2.1:53"`, or nothing. */
export function histogramLines(name: string, labels: string, { below, count, sumNs }: Cumulated): string {
  const before = `${name}_bucket{${labels === "" ? "" : `${labels},`}le="`;
  let lines = "";
  for (let bound = 0; bound < bounds.length; bound++)
    lines += `${before}${bounds[bound]}"} ${bound === below.length ? count : below[bound]}\n`;
  const after = labels === "" ? "" : `{${labels}}`;
  return `${lines}${name}_sum${after} ${numberOf(sumNs / nsPerSecond)}\n${name}_count${after} ${count}\n`;
}
