import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LatencyTable } from "../../src/measure/latency-table.js";

const targets = 5;
/** Whole ns from 1 to beyond the last bucket, every power of ten as likely as any other. */
const anyRtt = fc.double({ min: 0, max: 12, noNaN: true }).map((exponent) => Math.floor(10 ** exponent));
const inRange = (rttNs: number) => rttNs < 2 ** 37;
const anyRecord = fc.tuple(fc.nat(targets - 1), anyRtt);
const anyRecords = fc.array(anyRecord, { maxLength: 1000 });
type Records = readonly (readonly [target: number, rttNs: number])[];

function tableOf(records: Records): LatencyTable {
  const table = new LatencyTable(targets);
  for (const [target, rttNs] of records) table.record(target, rttNs);
  return table;
}

/** The model: every value kept and sorted. */
function sortedOf(records: Records, target?: number): number[] {
  const values = records.filter(([one]) => target === undefined || one === target).map(([, rttNs]) => rttNs);
  return values.sort((a, b) => a - b);
}

const ranks = { p50Ns: 500, p90Ns: 900, p99Ns: 990, p999Ns: 999 } as const;

function expectTold(told: { readonly [key in keyof typeof ranks | "count" | "maxNs"]: number }, sorted: number[]) {
  expect(told.count).toBe(sorted.length);
  if (sorted.length === 0) return expect(told.maxNs).toBeNaN();
  expect(told.maxNs).toBe(sorted.at(-1));
  for (const [key, thousandths] of Object.entries(ranks)) {
    const exact = sorted[Math.max(1, Math.ceil((thousandths * sorted.length) / 1000)) - 1]!;
    expect(told[key as keyof typeof ranks]).toBeGreaterThanOrEqual(exact);
    // Beyond the range all values share the last bucket, whose last value is the maximum.
    const most = exact < 2 ** 37 * (1 - 1 / 64) ? exact * (1 + 1 / 32) : sorted.at(-1)!;
    expect(told[key as keyof typeof ranks]).toBeLessThanOrEqual(most);
  }
}

describe("a latency table", () => {
  it("tells every target's percentiles never below the true value and at most 3.2 % above, and its maximum exactly", () => {
    fc.assert(
      fc.property(anyRecords, (records) => {
        const table = tableOf(records);
        for (let target = 0; target < targets; target++) {
          const sorted = sortedOf(records, target);
          expect(table.count(target)).toBe(sorted.length);
          expectTold(table.summary(target), sorted);
        }
        expectTold(table.total().summary(), sortedOf(records));
      }),
    );
  });

  it("exports a target as a histogram that tells the same, to HdrHistogram as well", () => {
    fc.assert(
      fc.property(fc.array(anyRtt.filter(inRange), { minLength: 1, maxLength: 300 }), (rtts) => {
        const table = tableOf(rtts.map((rttNs) => [3, rttNs]));
        const histogram = table.toHistogram(3);
        expect(histogram.summary()).toEqual(table.summary(3));
        const hdr = histogram.toHdr();
        expect(hdr.totalCount).toBe(rtts.length);
        for (const percentile of [50, 90, 99, 99.9, 100]) {
          const told = Math.min(Math.max(hdr.getValueAtPercentile(percentile), histogram.minNs), histogram.maxNs);
          expect(histogram.percentileNs(percentile)).toBe(told);
        }
      }),
      { numRuns: 30 },
    );
  });

  it("exports a copy: what is recorded later does not change it", () => {
    const table = tableOf([[0, 1e6]]);
    const histogram = table.toHistogram(0);
    table.record(0, 2e6);
    table.summary(0);
    expect(histogram.count).toBe(1);
  });

  it("merges into what recording everything in one would have given", () => {
    fc.assert(
      fc.property(anyRecords, anyRecords, (some, others) => {
        const merged = tableOf(some);
        merged.merge(tableOf(others));
        const whole = tableOf([...some, ...others]);
        for (let target = 0; target < targets; target++) expect(merged.summary(target)).toEqual(whole.summary(target));
        expect(merged.total().summary()).toEqual(whole.total().summary());
      }),
    );
  });

  it("holds a count that is full, tells so, and still counts it in the total", () => {
    const table = tableOf([
      [0, 1e6],
      [1, 1e6],
    ]);
    // Merged with itself, a count doubles.
    for (let doubled = 0; doubled < 33; doubled++) table.merge(table);
    expect([table.count(0), table.count(1)]).toEqual([2 ** 32 - 1, 2 ** 32 - 1]);
    expect(table.saturated).toBeGreaterThan(0);
    expect(table.total().count).toBe(2 ** 34);
    const saturated = table.saturated;
    table.record(0, 1e6);
    expect(table.count(0)).toBe(2 ** 32 - 1);
    expect(table.saturated).toBe(saturated + 1);
    expect(table.total().count).toBe(2 ** 34 + 1);
  });

  it("loses nothing that it does not tell: the counts and the saturated make the total", () => {
    const table = tableOf([[2, 5e5]]);
    for (let doubled = 0; doubled < 34; doubled++) table.merge(table);
    expect(table.count(2) + table.saturated).toBe(table.total().count);
  });

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])("counts %d as rejected and records nothing", (rttNs) => {
    const table = tableOf([[1, rttNs]]);
    expect([table.count(1), table.rejected, table.total().count]).toEqual([0, 1, 0]);
    table.merge(table);
    expect(table.rejected).toBe(2);
  });

  it.each([-1, 0.5, targets, Number.NaN, 2 ** 32])("refuses target %d, which it does not have", (target) => {
    const table = new LatencyTable(targets);
    expect(() => table.record(target, 1e6)).toThrow(RangeError);
    expect(() => table.count(target)).toThrow(`target: expected a whole number of 0-4, got ${target}`);
    expect(() => table.summary(target)).toThrow(RangeError);
    expect(() => table.toHistogram(target)).toThrow(RangeError);
    expect(table.total().count).toBe(0);
  });

  it.each([0, 1.5, -1, Number.NaN, 2 ** 20 + 1])("refuses to be made for %d targets", (count) => {
    expect(() => new LatencyTable(count)).toThrow("targets: expected a whole number of 1-1048576");
  });

  it("merges only with a table of as many targets", () => {
    expect(() => new LatencyTable(2).merge(new LatencyTable(3))).toThrow("expected a table of 2 targets, got one of 3");
  });
});
