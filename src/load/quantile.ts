// Percentiles of a distribution that is told by its buckets, and how sure one can be of them: a percentile lies between two of
// the sorted values whose ranks follow from the binomial distribution alone, whatever the latencies are distributed like.
import type { Bucket } from "./record.js";

/** Interval is where the true value lies with 95 % confidence; Infinity where there were too few values to bound it. */
export interface Interval {
  readonly value: number;
  readonly lower: number;
  readonly upper: number;
}

/** Standard deviations on each side that hold 95 % of a normal distribution. */
const z = 1.959964;
/** From this variance on the binomial distribution is as good as normal. */
const normalFrom = 100;

/** totalOf counts the values of a distribution. */
export function totalOf(buckets: readonly Bucket[]): number {
  return buckets.reduce((sum, [, , count]) => sum + count, 0);
}

/** quantile tells the value, ns, that a share (0-1) of all do not exceed, by its bucket's end; NaN where there is none. */
export function quantile(buckets: readonly Bucket[], share: number): number {
  const total = totalOf(buckets);
  return total === 0 ? Number.NaN : bucketAt(buckets, Math.max(1, Math.ceil(share * total - 1e-6)))[1] - 1;
}

/** quantileInterval bounds a percentile by the order statistics that hold it with 95 % confidence. NaN where there is none. */
export function quantileInterval(buckets: readonly Bucket[], share: number): Interval {
  const total = totalOf(buckets);
  if (total === 0) return { value: Number.NaN, lower: Number.NaN, upper: Number.NaN };
  const [below, above] = ranks(total, share);
  return {
    value: quantile(buckets, share),
    lower: below < 1 ? 0 : bucketAt(buckets, below)[0],
    upper: above > total ? Number.POSITIVE_INFINITY : bucketAt(buckets, above)[1],
  };
}

/** wilson bounds a share of which `hits` of `total` were seen; it never leaves 0-1 and needs no luck with few hits. */
export function wilson(hits: number, total: number): Interval {
  if (total === 0) return { value: Number.NaN, lower: Number.NaN, upper: Number.NaN };
  const share = hits / total;
  const middle = (share + z ** 2 / (2 * total)) / (1 + z ** 2 / total);
  const half = (z / (1 + z ** 2 / total)) * Math.sqrt((share * (1 - share)) / total + z ** 2 / (4 * total ** 2));
  // Rounding may leave a trace of what is exactly none or all.
  const lower = hits === 0 ? 0 : Math.max(0, middle - half);
  return { value: share, lower, upper: hits === total ? 1 : Math.min(1, middle + half) };
}

/**
 * ranks gives the ranks (from 1) of the two sorted values of `total` that the true percentile lies between with 95 % confidence.
 * A rank of 0, or of more than all, says that no value bounds it on that side.
 */
export function ranks(total: number, share: number): readonly [below: number, above: number] {
  const variance = total * share * (1 - share);
  if (variance >= normalFrom) {
    const half = z * Math.sqrt(variance);
    return [Math.floor(total * share - half), Math.ceil(total * share + half) + 1];
  }
  // From the tail that has fewer, so that the first probability is a number at all.
  if (share <= 0.5) return exactRanks(total, share);
  const [below, above] = exactRanks(total, 1 - share);
  return [total + 1 - above, total + 1 - below];
}

/** The greatest rank that at most 2.5 % of samples have too high, and the least that at most 2.5 % have too low. */
function exactRanks(total: number, share: number): [number, number] {
  let probability = Math.exp(total * Math.log1p(-share));
  let sum = 0;
  let below = 0;
  for (let hits = 0; hits <= total; hits++) {
    // The value of rank r is above the percentile when fewer than r values lie below it.
    sum += probability;
    if (sum <= 0.025) below = hits + 1;
    if (sum >= 0.975) return [below, hits + 1];
    probability *= ((total - hits) / (hits + 1)) * (share / (1 - share));
  }
  return [below, total + 1];
}

function bucketAt(buckets: readonly Bucket[], rank: number): Bucket {
  let seen = 0;
  for (const bucket of buckets) {
    seen += bucket[2];
    if (seen >= rank) return bucket;
  }
  return buckets.at(-1)!;
}
