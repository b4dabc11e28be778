import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { quantile, quantileInterval, ranks, wilson } from "../../src/load/quantile.js";
import type { Bucket } from "../../src/load/record.js";

/** The chance that so many of `total` or fewer fall below a percentile, summed term by term. */
function binomial(total: number, share: number, most: number): number {
  let sum = 0;
  for (let hits = 0, log = total * Math.log1p(-share); hits <= most; hits++) {
    sum += Math.exp(log);
    log += Math.log((total - hits) / (hits + 1)) + Math.log(share / (1 - share));
  }
  return sum;
}

describe("quantile", () => {
  it("is the sorted value of its rank, by the end of its bucket", () => {
    const values = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 1000 }), (unsorted, mille) => {
        const sorted = [...unsorted].sort((a, b) => a - b);
        const buckets = [...new Set(sorted)].map((ns): Bucket => [ns, ns + 1, sorted.filter((v) => v === ns).length]);
        // As whole numbers: what a float makes of 0.999 * 1000 is not the question here.
        const rank = Math.max(1, Math.ceil((mille * sorted.length) / 1000));
        expect(quantile(buckets, mille / 1000)).toBe(sorted[rank - 1]);
      }),
    );
  });

  it("is unknown where there is nothing", () => {
    expect(quantile([], 0.5)).toBeNaN();
    expect(quantileInterval([], 0.5)).toEqual({ value: Number.NaN, lower: Number.NaN, upper: Number.NaN });
  });
});

describe("ranks", () => {
  it.each([
    [10, 0.5],
    [100, 0.5],
    [100, 0.9],
    [399, 0.5],
    [1000, 0.99],
    [1000, 0.999],
    [50_000, 0.999],
    [5000, 0.5],
    [20_000, 0.99],
  ])("of %i at %f hold the percentile with 95 %%, and not much more", (total, share) => {
    const [below, above] = ranks(total, share);
    const covered =
      binomial(total, share, Math.min(above, total + 1) - 1) - (below > 0 ? binomial(total, share, below - 1) : 0);
    expect(covered).toBeGreaterThan(0.9495);
    // One rank nearer on both sides would hold less than that: the interval is no wider than it must be.
    const nearer = binomial(total, share, above - 2) - binomial(total, share, below);
    expect(nearer).toBeLessThan(0.96);
  });

  it("are beyond the values where these are too few", () => {
    const [below, above] = ranks(100, 0.999);
    expect(below).toBeLessThanOrEqual(100);
    expect(above).toBe(101);
    const one: Bucket[] = [[10, 11, 100]];
    expect(quantileInterval(one, 0.999).upper).toBe(Number.POSITIVE_INFINITY);
  });

  it("mirror each other", () => {
    const [below, above] = ranks(300, 0.1);
    expect(ranks(300, 0.9)).toEqual([301 - above, 301 - below]);
  });
});

describe("wilson", () => {
  it("bounds a share as the literature's example does, and never leaves 0-1", () => {
    // Newcombe (1998), table I: 81 of 263 and 0 of 20.
    expect(wilson(81, 263)).toMatchObject({ lower: expect.closeTo(0.2553, 4), upper: expect.closeTo(0.3662, 4) });
    expect(wilson(0, 20)).toMatchObject({ lower: 0, upper: expect.closeTo(0.1611, 4) });
    expect(wilson(20, 20)).toMatchObject({ lower: expect.closeTo(0.8389, 4), upper: 1 });
    expect(wilson(0, 0).value).toBeNaN();
  });
});
