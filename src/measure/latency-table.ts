// A latency table: one latency histogram per target, for many targets, in one block of memory. It is bucket-major, so that only
// the rows of buckets that occur are ever touched and take memory: targets differ far less in their latencies than they are many.
import { LatencyHistogram, type LatencySummary, rankOf } from "./histogram.js";
import { bucketCountOf, indexOf, lowestOf } from "./log-linear.js";

/** Within each power of two there are 32 buckets, so a bucket is at most 1/32 of its values wide: 3.1 %. */
const subBits = 5;
const bucketCount = bucketCountOf(subBits);
/** What a count of 32 bits holds at most. */
const mostCounted = 2 ** 32 - 1;
/** What a summary tells, ascending. */
const percentiles = [50, 90, 99, 99.9] as const;
/** More targets than this would need more address space than a kernel gives. */
const mostTargets = 2 ** 20;

/**
 * LatencyTable counts round trips per target, in ns. A target is its index, from 0. Percentiles are told never below the true
 * value and at most 3.1 % above; counts and maxima exactly. Of `targets` * 4.2 KiB of address space a row of 4 octets per target
 * becomes resident with each bucket that occurs. A count that has reached 2^32 - 1 stays there: what it could not take is told by
 * `saturated` and is still in `total()`.
 */
export class LatencyTable {
  /** The number of targets. */
  readonly targets: number;
  /** Of bucket b and target t at b * targets + t. */
  readonly #counts: Uint32Array;
  readonly #maxNs: Float64Array;
  /** Of each bucket over all targets; 0 where the bucket's row was never touched. */
  readonly #totals = new Float64Array(bucketCount);
  /** The buckets that have values, from the first to the last. */
  #firstBucket = bucketCount;
  #lastBucket = -1;
  #rejected = 0;
  #saturated = 0;

  constructor(targets: number) {
    if (!(Number.isInteger(targets) && targets >= 1 && targets <= mostTargets))
      throw new RangeError(`targets: expected a whole number of 1-${mostTargets}, got ${targets}`);
    this.targets = targets;
    this.#counts = new Uint32Array(bucketCount * targets);
    this.#maxNs = new Float64Array(targets);
  }

  /**
   * record counts one round trip of a target; what is no positive, finite number is not recorded but counted in `rejected`.
   * Throws RangeError where there is no such target.
   */
  record(target: number, rttNs: number): void {
    this.#expectTarget(target);
    if (!(rttNs > 0 && rttNs < Number.POSITIVE_INFINITY)) {
      this.#rejected++;
      return;
    }
    const bucket = indexOf(rttNs, subBits);
    if (this.#totals[bucket]!++ === 0) this.#touch(bucket);
    const at = bucket * this.targets + target;
    if (this.#counts[at]! < mostCounted) this.#counts[at]!++;
    else this.#saturated++;
    if (rttNs > this.#maxNs[target]!) this.#maxNs[target] = rttNs;
  }

  /** How many values were refused because they were no round trip. */
  get rejected(): number {
    return this.#rejected;
  }

  /** How many round trips found their count full; from then on that target's percentiles are not to be believed. */
  get saturated(): number {
    return this.#saturated;
  }

  /** count tells how many round trips of a target are counted. */
  count(target: number): number {
    this.#expectTarget(target);
    let count = 0;
    for (let bucket = this.#firstBucket; bucket <= this.#lastBucket; bucket++) count += this.#countOf(bucket, target);
    return count;
  }

  /** summary sums up the round trips of a target, as its histogram would, in a few us: of 65,536 targets within a second. */
  summary(target: number): LatencySummary {
    const count = this.count(target);
    const maxNs = count === 0 ? Number.NaN : this.#maxNs[target]!;
    const ns = percentiles.map(() => Number.NaN);
    let seen = 0;
    for (let bucket = this.#firstBucket, next = 0; next < ns.length && bucket <= this.#lastBucket; bucket++) {
      seen += this.#countOf(bucket, target);
      while (next < ns.length && seen > 0 && seen >= rankOf(percentiles[next]!, count))
        ns[next++] = highestOf(bucket, maxNs);
    }
    return { count, p50Ns: ns[0]!, p90Ns: ns[1]!, p99Ns: ns[2]!, p999Ns: ns[3]!, maxNs };
  }

  /**
   * percentilesNs writes percentiles (0-100, ascending) of a target into `into`, as `summary` tells them, and gives the count they
   * are of. It makes nothing, and costs about a microsecond.
   */
  percentilesNs(target: number, percentiles: readonly number[], into: Float64Array): number {
    const count = this.count(target);
    const maxNs = this.#maxNs[target]!;
    into.fill(Number.NaN);
    let next = 0;
    for (let bucket = 0, seen = 0; seen < count; bucket++) {
      const here = this.#countOf(bucket, target);
      if (here === 0) continue;
      seen += here;
      for (; next < percentiles.length && seen >= rankOf(percentiles[next]!, count); next++)
        into[next] = highestOf(bucket, maxNs);
    }
    return count;
  }

  /**
   * cumulate writes into `below` how many round trips of a target are at most each of `boundsNs` (ascending), and gives the sum of
   * all, in ns, to the 3.1 % of a bucket. A bucket that a bound cuts counts above it; the sum never falls.
   */
  cumulate(target: number, boundsNs: readonly number[], below: Float64Array): number {
    this.#expectTarget(target);
    below.fill(0);
    let sumNs = 0;
    let bound = 0;
    for (let bucket = 0; bucket < bucketCount; bucket++) {
      const count = this.#countOf(bucket, target);
      if (count === 0) continue;
      const endNs = lowestOf(bucket + 1, subBits) - 1;
      sumNs += ((lowestOf(bucket, subBits) + endNs) / 2) * count;
      while (bound < boundsNs.length && endNs > boundsNs[bound]!) bound++;
      if (bound < boundsNs.length) below[bound]! += count;
    }
    for (let i = 1; i < boundsNs.length; i++) below[i]! += below[i - 1]!;
    return sumNs;
  }

  /** toHistogram exports a target, each bucket by its last value, for percentiles, spread, printing and HdrHistogram. */
  toHistogram(target: number): LatencyHistogram {
    this.#expectTarget(target);
    const histogram = new LatencyHistogram();
    this.#exportTo(histogram, target);
    return histogram;
  }

  /** total exports all targets as one, likewise; it does not saturate. */
  total(): LatencyHistogram {
    const histogram = new LatencyHistogram();
    const maxNs = this.#maxNs.reduce((most, ns) => Math.max(most, ns), 0);
    for (let bucket = 0; bucket < bucketCount; bucket++) {
      const count = this.#totals[bucket]!;
      if (count > 0) histogram.record(highestOf(bucket, maxNs), count);
    }
    return histogram;
  }

  /** merge adds another's counts to this one's, target by target. Throws RangeError where it has not as many targets. */
  merge(other: LatencyTable): void {
    if (other.targets !== this.targets)
      throw new RangeError(`merge: expected a table of ${this.targets} targets, got one of ${other.targets}`);
    this.#rejected += other.#rejected;
    // Before the rows, which add to it: a table may be merged with itself.
    this.#saturated += other.#saturated;
    for (let bucket = 0; bucket < bucketCount; bucket++) {
      if (other.#totals[bucket] === 0) continue;
      this.#touch(bucket);
      this.#totals[bucket]! += other.#totals[bucket]!;
      this.#mergeRow(bucket * this.targets, other);
    }
    for (let target = 0; target < this.targets; target++)
      this.#maxNs[target] = Math.max(this.#maxNs[target]!, other.#maxNs[target]!);
  }

  #touch(bucket: number) {
    this.#firstBucket = Math.min(this.#firstBucket, bucket);
    this.#lastBucket = Math.max(this.#lastBucket, bucket);
  }

  #exportTo(histogram: LatencyHistogram, target: number) {
    const maxNs = this.#maxNs[target]!;
    for (let bucket = this.#firstBucket; bucket <= this.#lastBucket; bucket++) {
      const count = this.#countOf(bucket, target);
      if (count > 0) histogram.record(highestOf(bucket, maxNs), count);
    }
  }

  #mergeRow(from: number, other: LatencyTable) {
    for (let at = from; at < from + this.targets; at++) {
      const more = other.#counts[at]!;
      // A page of zeros that is only read takes no memory; written, it would.
      if (more === 0) continue;
      const sum = this.#counts[at]! + more;
      this.#counts[at] = Math.min(sum, mostCounted);
      this.#saturated += Math.max(0, sum - mostCounted);
    }
  }

  /** A row that was never touched is not read either: so a target costs a few hundred reads at most. */
  #countOf(bucket: number, target: number): number {
    return this.#totals[bucket] === 0 ? 0 : this.#counts[bucket * this.targets + target]!;
  }

  #expectTarget(target: number) {
    if (!(target < this.targets) || target >>> 0 !== target)
      throw new RangeError(`target: expected a whole number of 0-${this.targets - 1}, got ${target}`);
  }
}

/** highestOf tells the last value of a bucket, so that nothing is told too good; the greatest that was recorded bounds it. */
function highestOf(bucket: number, maxNs: number): number {
  return bucket === bucketCount - 1 ? maxNs : Math.min(lowestOf(bucket + 1, subBits) - 1, maxNs);
}
