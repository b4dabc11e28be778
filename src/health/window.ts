// What was sampled within two sliding windows, a long one and a short one that ends with it, counted as samples come and go.
// Each sample is kept until the long window has passed it, so exactly the samples sent within a window are counted.
import { bucketCountOf, endNs, indexOf, lowestOf } from "../measure/log-linear.js";

/** maxSamples is how many samples are kept at most, 14 octets each, twice: beyond, the oldest go before their time. */
export const maxSamples = 131_072;
/** maxBounds is how many bounds a sample can be held against. */
export const maxBounds = 32;

/** As LatencyHistogram: a bucket is at most 1/128 of its values wide. */
const subBits = 7;
/** Slower than every answer: no answer at all. */
const lostBucket = bucketCountOf(subBits);
/** So many buckets are counted together too, so that finding a percentile does not walk through all of them. */
const blockBits = 7;
const blockCount = (lostBucket >>> blockBits) + 1;
const firstCapacity = 256;

/** Tally is what one window holds. */
export class Tally {
  #samples = 0;
  readonly #broken: Uint32Array;
  readonly #buckets = new Uint32Array(lostBucket + 1);
  readonly #blocks = new Uint32Array(blockCount);

  constructor(bounds: number) {
    this.#broken = new Uint32Array(bounds);
  }

  get samples(): number {
    return this.#samples;
  }

  /** broke tells how many samples broke a bound. */
  broke(bound: number): number {
    return this.#broken[bound]!;
  }

  /**
   * percentileNs tells the round trip that `percentile` (0-100) of all samples do not exceed: never below it, at most 0.8 %
   * above. Infinity where it is that of a probe without an answer, NaN where there are no samples.
   */
  percentileNs(percentile: number): number {
    if (this.#samples === 0) return Number.NaN;
    const rank = this.#samples - within((100 - percentile) / 100, this.#samples);
    let seen = 0;
    let block = 0;
    while (block < blockCount - 1 && seen + this.#blocks[block]! < rank) seen += this.#blocks[block++]!;
    let bucket = block << blockBits;
    while (bucket < lostBucket && seen + this.#buckets[bucket]! < rank) seen += this.#buckets[bucket++]!;
    if (bucket === lostBucket) return Number.POSITIVE_INFINITY;
    return bucket === lostBucket - 1 ? endNs : lowestOf(bucket + 1, subBits) - 1;
  }

  /** add counts a sample in (1) or out (-1). */
  add(times: 1 | -1, broken: number, bucket: number): void {
    this.#samples += times;
    this.#buckets[bucket]! += times;
    this.#blocks[bucket >>> blockBits]! += times;
    for (let rest = broken; rest !== 0; rest &= rest - 1) this.#broken[31 - Math.clz32(rest & -rest)]! += times;
  }
}

/** Windows counts samples in both windows; they may come in any order, while time only goes forward. */
export class Windows {
  readonly long: Tally;
  readonly short: Tally;
  readonly #longNs: number;
  readonly #shortNs: number;
  readonly #capacity: number;
  #nowNs = Number.NEGATIVE_INFINITY;
  /** The samples in the order in which they were sent, from `#first` to before `#end`: when, which bounds broken, how long. */
  #sentNs = new Float64Array(firstCapacity);
  #broken = new Uint32Array(firstCapacity);
  #bucket = new Uint16Array(firstCapacity);
  /** Of the long window, and of what is kept. */
  #first = 0;
  /** The first that the short window holds. */
  #firstShort = 0;
  /** The first that was sent after now, and so is in no window yet. */
  #ahead = 0;
  #end = 0;

  /** The windows are in ns, the short one no longer than the long one; `bounds` is at most maxBounds. */
  constructor(longNs: number, shortNs: number, bounds: number, capacity = maxSamples) {
    this.#longNs = longNs;
    this.#shortNs = shortNs;
    this.#capacity = capacity;
    this.long = new Tally(bounds);
    this.short = new Tally(bounds);
  }

  /** record takes a sample with the bounds that it broke, one bit each; `rttNs` undefined: no answer came. */
  record(sentNs: number, broken: number, rttNs: number | undefined): void {
    if (sentNs <= this.#nowNs - this.#longNs) return;
    if (this.#end - this.#first === this.#capacity) {
      if (sentNs < this.#sentNs[this.#first]!) return;
      this.#dropFirst();
    }
    if (this.#end === this.#sentNs.length) this.#makeRoom();
    const bucket = rttNs === undefined ? lostBucket : indexOf(Math.max(1, rttNs), subBits);
    this.#insert(sentNs, broken, bucket);
    if (sentNs > this.#nowNs) return;
    this.#ahead++;
    this.long.add(1, broken, bucket);
    if (sentNs > this.#nowNs - this.#shortNs) this.short.add(1, broken, bucket);
    else this.#firstShort++;
  }

  /** advance lets time pass: from then on the windows are those that end at `nowNs`, which it includes. */
  advance(nowNs: number): void {
    this.#nowNs = Math.max(this.#nowNs, nowNs);
    const sentNs = this.#sentNs;
    for (; this.#ahead < this.#end && sentNs[this.#ahead]! <= this.#nowNs; this.#ahead++) {
      this.#count(this.long, 1, this.#ahead);
      this.#count(this.short, 1, this.#ahead);
    }
    const shortFromNs = this.#nowNs - this.#shortNs;
    for (; this.#firstShort < this.#ahead && sentNs[this.#firstShort]! <= shortFromNs; this.#firstShort++)
      this.#count(this.short, -1, this.#firstShort);
    const longFromNs = this.#nowNs - this.#longNs;
    while (this.#first < this.#firstShort && sentNs[this.#first]! <= longFromNs) this.#dropFirst();
  }

  #dropFirst(): void {
    const index = this.#first++;
    const counted = index < this.#ahead;
    if (counted) this.#count(this.long, -1, index);
    else this.#ahead++;
    if (index < this.#firstShort) return;
    if (counted) this.#count(this.short, -1, index);
    this.#firstShort++;
  }

  #count(tally: Tally, times: 1 | -1, index: number): void {
    tally.add(times, this.#broken[index]!, this.#bucket[index]!);
  }

  /** Late samples are few, or little late: those sent after them move up by one. */
  #insert(sentNs: number, broken: number, bucket: number): void {
    let at = this.#end++;
    if (at > this.#first && this.#sentNs[at - 1]! > sentNs) {
      const last = at;
      at = this.#placeOf(sentNs);
      this.#sentNs.copyWithin(at + 1, at, last);
      this.#broken.copyWithin(at + 1, at, last);
      this.#bucket.copyWithin(at + 1, at, last);
    }
    this.#sentNs[at] = sentNs;
    this.#broken[at] = broken;
    this.#bucket[at] = bucket;
  }

  /** Behind all that were sent no later. */
  #placeOf(sentNs: number): number {
    let [low, high] = [this.#first, this.#end - 1];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#sentNs[middle]! <= sentNs) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Moves what is kept to the front; into arrays twice as long where it fills more than half, so that this stays rare. */
  #makeRoom(): void {
    const count = this.#end - this.#first;
    if (count > this.#sentNs.length / 2) {
      const length = this.#sentNs.length * 2;
      const move = <A extends Float64Array | Uint32Array | Uint16Array>(from: A, to: A): A => {
        to.set(from.subarray(this.#first, this.#end));
        return to;
      };
      this.#sentNs = move(this.#sentNs, new Float64Array(length));
      this.#broken = move(this.#broken, new Uint32Array(length));
      this.#bucket = move(this.#bucket, new Uint16Array(length));
    } else {
      this.#sentNs.copyWithin(0, this.#first, this.#end);
      this.#broken.copyWithin(0, this.#first, this.#end);
      this.#bucket.copyWithin(0, this.#first, this.#end);
    }
    this.#firstShort -= this.#first;
    this.#ahead -= this.#first;
    this.#end -= this.#first;
    this.#first = 0;
  }
}

/** within tells how many of `count` lie within a share; of 1,000 one does within 0.1 %, whatever a float says. */
export function within(share: number, count: number): number {
  return Math.floor(share * count + 1e-7);
}
