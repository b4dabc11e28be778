// The log-linear scale that latencies are counted on: each power of two is cut into so many buckets of one width, as
// HdrHistogram cuts it. A scale is told by its `subBits` alone: 2 ** subBits buckets in each power of two, so that a bucket is
// at most 2 ** -subBits of its values wide. They are functions of a literal, not methods, so that V8 folds it where they are inlined.

/** The power of two from which on values fall into the last bucket: 137 s, in ns. */
const endPower = 37;
/** Values from here on fall into the last bucket. */
export const endNs = 2 ** endPower;
/** clz32 knows 32 bits; greater values are shifted right by this first, which the buckets up there do not notice. */
const highShift = 6;

/** bucketCountOf tells how many buckets a scale has. */
export function bucketCountOf(subBits: number): number {
  return (endPower - subBits + 1) << subBits;
}

/** indexOf tells the bucket of a positive, finite value; `subBits` is 1-24. */
export function indexOf(ns: number, subBits: number): number {
  if (ns < 0x8000_0000) return bucketOf(ns | 0, subBits);
  if (ns >= endNs) return bucketCountOf(subBits) - 1;
  return bucketOf((ns / (1 << highShift)) >>> 0, subBits) + (highShift << subBits);
}

/** Below 2 ** (subBits + 1) a bucket is one value; above, the top bits choose it. `value` is a whole number below 2^31. */
function bucketOf(value: number, subBits: number): number {
  const shift = 31 - subBits - Math.clz32(value);
  return shift > 0 ? (shift << subBits) + (value >>> shift) : value;
}

/** lowestOf tells the least value of a bucket, in ns. */
export function lowestOf(index: number, subBits: number): number {
  const shift = Math.max(0, (index >>> subBits) - 1);
  return (index - (shift << subBits)) * 2 ** shift;
}
