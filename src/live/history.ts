// Latency over time: percentiles of each few seconds, from a histogram that only ever grows.
import { rankOf, type Span } from "../measure/histogram.js";

/** Bin is what came in a few seconds: when they ended (Unix time), and the percentiles of the answers; null without any. */
export interface Bin {
  readonly atMs: number;
  readonly answers: number;
  readonly failures: number;
  readonly p50Ns: number | null;
  readonly p90Ns: number | null;
  readonly p99Ns: number | null;
  readonly maxNs: number | null;
}

/** A bin is so long. ms */
export const binMs = 5000;
/** 15 minutes. */
const mostBins = 180;

/** LatencyHistory keeps the newest bins. */
export class LatencyHistory {
  #bins: readonly Bin[] = [];
  #before: ReadonlyMap<number, number> = new Map();
  #failuresBefore = 0;

  /** A new array whenever there is a new bin, and the same one until then. */
  get bins(): readonly Bin[] {
    return this.#bins;
  }

  /** take makes a bin of what came since the last one: `buckets` and `failures` count all that ever came. */
  take(buckets: readonly Span[], failures: number, atMs: number): void {
    const came = buckets.map((span) => ({ ...span, count: span.count - (this.#before.get(span.fromNs) ?? 0) }));
    // Whoever counts less than before has begun anew.
    const fresh = came.some(({ count }) => count < 0) || buckets.length < this.#before.size ? [...buckets] : came;
    const spans = fresh.filter(({ count }) => count > 0);
    const answers = spans.reduce((sum, { count }) => sum + count, 0);
    const bin: Bin = {
      atMs,
      answers,
      failures: failures < this.#failuresBefore ? failures : failures - this.#failuresBefore,
      p50Ns: percentileOf(spans, answers, 50),
      p90Ns: percentileOf(spans, answers, 90),
      p99Ns: percentileOf(spans, answers, 99),
      maxNs: percentileOf(spans, answers, 100),
    };
    this.#bins = [...this.#bins.slice(-(mostBins - 1)), bin];
    this.#before = new Map(buckets.map(({ fromNs, count }) => [fromNs, count]));
    this.#failuresBefore = failures;
  }
}

/** The last value of the bucket, so that none is told too good. */
function percentileOf(spans: readonly Span[], count: number, percentile: number): number | null {
  if (count === 0) return null;
  const rank = rankOf(percentile, count);
  let seen = 0;
  for (const span of spans) {
    seen += span.count;
    if (seen >= rank) return span.toNs - 1;
  }
  return null;
}
