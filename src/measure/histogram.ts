// A latency histogram: counts in log-linear buckets, the same ones that HdrHistogram has at two significant digits, so that
// export to it is exact. Recording has its own index: straight into hdr-histogram-js costs an order of magnitude more.
import { build, encodeIntoCompressedBase64, type Histogram } from "hdr-histogram-js";
import { nsPerUs } from "../units.js";
import { bucketCountOf, endNs, indexOf, lowestOf } from "./log-linear.js";

/** Within each power of two there are 128 buckets, so a bucket is at most 1/128 of its values wide: 0.8 %. */
const subBits = 7;
const bucketCount = bucketCountOf(subBits);

/**
 * LatencySummary tells percentiles as HdrHistogram does: never below the true value, at most 0.8 % above (3.1 % from a
 * LatencyTable). NaN where count is 0.
 */
export interface LatencySummary {
  readonly count: number;
  readonly p50Ns: number;
  readonly p90Ns: number;
  readonly p99Ns: number;
  readonly p999Ns: number;
  readonly maxNs: number;
}

/** Span is how many values lie from `fromNs` on and below `toNs`, to the 0.8 % of a bucket. */
export interface Span {
  readonly fromNs: number;
  readonly toNs: number;
  readonly count: number;
}

/** LatencyHistogram counts round trips, in ns. One takes 31 KiB; its counts do not wrap below 2^53. */
export class LatencyHistogram {
  readonly #counts = new Float64Array(bucketCount);
  #count = 0;
  #rejected = 0;
  #minNs = Number.POSITIVE_INFINITY;
  #maxNs = 0;

  /**
   * record counts a round trip, or `times` of one length; what is no positive, finite number is not recorded but counted in
   * `rejected`.
   */
  record(rttNs: number, times = 1): void {
    if (!(rttNs > 0 && rttNs < Number.POSITIVE_INFINITY)) {
      this.#rejected += times;
      return;
    }
    this.#counts[indexOf(rttNs, subBits)]! += times;
    this.#count += times;
    if (rttNs < this.#minNs) this.#minNs = rttNs;
    if (rttNs > this.#maxNs) this.#maxNs = rttNs;
  }

  /** merge adds another's counts to this one's. */
  merge(other: LatencyHistogram): void {
    for (let index = 0; index < bucketCount; index++) this.#counts[index]! += other.#counts[index]!;
    this.#count += other.#count;
    this.#rejected += other.#rejected;
    this.#minNs = Math.min(this.#minNs, other.#minNs);
    this.#maxNs = Math.max(this.#maxNs, other.#maxNs);
  }

  /** reset forgets everything recorded. */
  reset(): void {
    this.#counts.fill(0);
    this.#count = 0;
    this.#rejected = 0;
    this.#minNs = Number.POSITIVE_INFINITY;
    this.#maxNs = 0;
  }

  get count(): number {
    return this.#count;
  }

  /** How many values were refused because they were no round trip. */
  get rejected(): number {
    return this.#rejected;
  }

  /** The least value, exactly; NaN while there is none. */
  get minNs(): number {
    return this.#count === 0 ? Number.NaN : this.#minNs;
  }

  /** The greatest value, exactly; NaN while there is none. */
  get maxNs(): number {
    return this.#count === 0 ? Number.NaN : this.#maxNs;
  }

  /** The mean of all values, to the 0.8 % of a bucket; NaN while there is none. */
  get meanNs(): number {
    const sum = this.buckets().reduce((sum, { fromNs, toNs, count }) => sum + ((fromNs + toNs - 1) / 2) * count, 0);
    return this.#count === 0 ? Number.NaN : this.#within(sum / this.#count);
  }

  /** percentileNs tells the value that `percentile` (0-100) of all values do not exceed; NaN while there is none. */
  percentileNs(percentile: number): number {
    if (!(percentile >= 0 && percentile <= 100))
      throw new RangeError(`expected a percentile of 0-100, got ${percentile}`);
    if (percentile === 0 || this.#count === 0) return this.minNs;
    const rank = rankOf(percentile, this.#count);
    let seen = 0;
    for (let index = indexOf(this.#minNs, subBits); index < bucketCount; index++) {
      seen += this.#counts[index]!;
      // The bucket's last value, so that no percentile is told too good; what was recorded bounds it.
      if (seen >= rank) return this.#within(index === bucketCount - 1 ? this.#maxNs : lowestOf(index + 1, subBits) - 1);
    }
    return Number.NaN;
  }

  /** countAbove tells how many values are greater than this, to the 0.8 % of a bucket. */
  countAbove(ns: number): number {
    let count = 0;
    for (let index = indexOf(ns, subBits) + 1; index < bucketCount; index++) count += this.#counts[index]!;
    return count;
  }

  /** summary sums up what was recorded, in ns. */
  summary(): LatencySummary {
    return {
      count: this.#count,
      p50Ns: this.percentileNs(50),
      p90Ns: this.percentileNs(90),
      p99Ns: this.percentileNs(99),
      p999Ns: this.percentileNs(99.9),
      maxNs: this.maxNs,
    };
  }

  /** spread gives the counts in steps of 1-2-5 (…, 50us, 100us, 200us, …), from the first that has any to the last. */
  spread(): Span[] {
    const spans: Span[] = [];
    let index = 0;
    for (let fromNs = 0, step = 0; index < bucketCount; step++) {
      const toNs = [1, 2, 5][step % 3]! * 10 ** Math.floor(step / 3);
      let count = 0;
      for (; index < bucketCount && lowestOf(index, subBits) < toNs; index++) count += this.#counts[index]!;
      if (count > 0 || spans.length > 0) spans.push({ fromNs, toNs, count });
      fromNs = toNs;
    }
    return spans.slice(0, spans.findLastIndex(({ count }) => count > 0) + 1);
  }

  /** buckets gives the counts as they are kept, ascending, without buckets that have none. */
  buckets(): Span[] {
    const spans: Span[] = [];
    for (let index = 0; index < bucketCount; index++) {
      const count = this.#counts[index]!;
      if (count > 0) spans.push({ fromNs: lowestOf(index, subBits), toNs: lowestOf(index + 1, subBits), count });
    }
    return spans;
  }

  /** toHdr exports the counts to a new HdrHistogram (ns, two digits), for its log format, merging and printing. */
  toHdr(): Histogram {
    const hdr = build({
      bitBucketSize: 64,
      autoResize: false,
      lowestDiscernibleValue: 1,
      highestTrackableValue: endNs - 1,
      numberOfSignificantValueDigits: 2,
    });
    for (let index = 0; index < bucketCount; index++) {
      const count = this.#counts[index]!;
      if (count > 0) hdr.recordValueWithCount(lowestOf(index, subBits), count);
    }
    return hdr;
  }

  /** print writes the distribution by percentile as HdrHistogram does, in us. */
  print(): string {
    return this.toHdr().outputPercentileDistribution(5, nsPerUs);
  }

  /** encode writes the counts in HdrHistogram's V2 compressed format, base64, which its tools read and merge. */
  encode(): string {
    return encodeIntoCompressedBase64(this.toHdr());
  }

  #within(ns: number): number {
    return Math.min(Math.max(ns, this.#minNs), this.#maxNs);
  }
}

/** rankOf tells which of `count` sorted values, from 1, is the percentile; 99.9 % of 1,000 is the 999th whatever a float says. */
export function rankOf(percentile: number, count: number): number {
  const rank = (percentile / 100) * count;
  const nearest = Math.round(rank);
  return Math.abs(rank - nearest) <= rank * 2 * Number.EPSILON ? nearest : Math.ceil(rank);
}
