import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LatencyHistogram } from "../../src/measure/histogram.js";

/** Whole ns over the whole range, every power of ten as likely as any other. */
const anyRtt = fc.double({ min: 2, max: Math.log10(128e9), noNaN: true }).map((exponent) => Math.floor(10 ** exponent));
const anyRtts = fc.array(anyRtt, { minLength: 1, maxLength: 2000 });
const percentiles = [0, 1, 50, 90, 99, 99.9, 100];

function histogramOf(rtts: readonly number[]): LatencyHistogram {
  const histogram = new LatencyHistogram();
  for (const rtt of rtts) histogram.record(rtt);
  return histogram;
}

/** The percentile by sorting: the least value that so many of all values do not exceed. */
function exactPercentile(rtts: readonly number[], thousandths: number): number {
  const sorted = rtts.toSorted((a, b) => a - b);
  return sorted[Math.max(1, Math.ceil((thousandths * rtts.length) / 100_000)) - 1]!;
}

describe("a latency histogram", () => {
  it("tells every percentile never below the true value and at most 1 % above", () => {
    fc.assert(
      fc.property(anyRtts, (rtts) => {
        const histogram = histogramOf(rtts);
        for (const percentile of percentiles) {
          const exact = exactPercentile(rtts, Math.round(percentile * 1000));
          const told = histogram.percentileNs(percentile);
          expect(told).toBeGreaterThanOrEqual(exact);
          expect(told).toBeLessThanOrEqual(exact * 1.01);
        }
      }),
    );
  });

  it("tells count, minimum and maximum exactly", () => {
    fc.assert(
      fc.property(anyRtts, (rtts) => {
        const histogram = histogramOf(rtts);
        expect(histogram.count).toBe(rtts.length);
        expect(histogram.minNs).toBe(Math.min(...rtts));
        expect(histogram.maxNs).toBe(Math.max(...rtts));
        expect(histogram.summary()).toEqual({
          count: rtts.length,
          p50Ns: histogram.percentileNs(50),
          p90Ns: histogram.percentileNs(90),
          p99Ns: histogram.percentileNs(99),
          p999Ns: histogram.percentileNs(99.9),
          maxNs: Math.max(...rtts),
        });
      }),
    );
  });

  it("has the buckets of HdrHistogram, so that an export loses nothing", () => {
    fc.assert(
      fc.property(anyRtts, (rtts) => {
        const histogram = histogramOf(rtts);
        const hdr = histogram.toHdr();
        expect(hdr.totalCount).toBe(rtts.length);
        for (const percentile of percentiles) {
          const told = Math.min(Math.max(hdr.getValueAtPercentile(percentile), histogram.minNs), histogram.maxNs);
          expect(histogram.percentileNs(percentile)).toBe(told);
        }
      }),
      { numRuns: 30 },
    );
  });

  it("merges into what recording everything in one would have given", () => {
    fc.assert(
      fc.property(anyRtts, anyRtts, (some, others) => {
        const merged = histogramOf(some);
        merged.merge(histogramOf(others));
        const whole = histogramOf([...some, ...others]);
        expect(merged.summary()).toEqual(whole.summary());
        expect(merged.minNs).toBe(whole.minNs);
        merged.merge(new LatencyHistogram());
        expect(merged.summary()).toEqual(whole.summary());
      }),
    );
  });

  it("keeps values apart that are one bucket apart, at every power of two", () => {
    for (let power = 7; power < 37; power++) {
      const histogram = histogramOf([2 ** power - 1, 2 ** power]);
      expect(histogram.percentileNs(50)).toBe(2 ** power - 1);
      expect(histogram.percentileNs(100)).toBe(2 ** power);
    }
  });

  it("takes values beyond its range into its last bucket and still tells the maximum", () => {
    const histogram = histogramOf([1, 500e9]);
    expect(histogram.percentileNs(50)).toBe(1);
    expect(histogram.summary()).toMatchObject({ count: 2, p99Ns: 500e9, maxNs: 500e9 });
    expect(histogram.toHdr().totalCount).toBe(2);
  });

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])("counts %d as rejected and records nothing", (value) => {
    const histogram = histogramOf([value]);
    expect([histogram.count, histogram.rejected]).toEqual([0, 1]);
  });

  it("tells NaN where it has nothing to tell", () => {
    const histogram = new LatencyHistogram();
    const { count, ...rest } = histogram.summary();
    expect(count).toBe(0);
    for (const value of [...Object.values(rest), histogram.minNs]) expect(value).toBeNaN();
  });

  it("is empty after a reset", () => {
    const histogram = histogramOf([1e6, Number.NaN]);
    histogram.reset();
    expect([histogram.count, histogram.rejected, histogram.minNs]).toEqual([0, 0, Number.NaN]);
    expect(histogram.percentileNs(50)).toBeNaN();
  });

  it("prints the distribution in us", () => {
    const text = histogramOf([1e6, 2e6, 3e6]).print();
    expect(text).toMatch(/Value\s+Percentile\s+TotalCount/);
    expect(text).toMatch(/^\s*200\d\.\d+ /m);
    expect(text).toMatch(/Total count\s+=\s+3/);
  });

  it("refuses a percentile that is none", () => {
    expect(() => new LatencyHistogram().percentileNs(101)).toThrow(RangeError);
  });
});

describe("the spread of latencies", () => {
  it("counts in steps of 1-2-5, from the first that has any to the last", () => {
    expect(histogramOf([60e3, 90e3, 120e3, 1.5e6]).spread()).toEqual([
      { fromNs: 50e3, toNs: 100e3, count: 2 },
      { fromNs: 100e3, toNs: 200e3, count: 1 },
      { fromNs: 200e3, toNs: 500e3, count: 0 },
      { fromNs: 500e3, toNs: 1e6, count: 0 },
      { fromNs: 1e6, toNs: 2e6, count: 1 },
    ]);
    expect(new LatencyHistogram().spread()).toEqual([]);
  });

  it("counts every value once", () => {
    fc.assert(
      fc.property(anyRtts, (rtts) => {
        const spans = histogramOf(rtts).spread();
        expect(spans.reduce((sum, { count }) => sum + count, 0)).toBe(rtts.length);
        for (const [index, { fromNs }] of spans.entries()) if (index > 0) expect(fromNs).toBe(spans[index - 1]!.toNs);
      }),
    );
  });
});
