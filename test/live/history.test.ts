import { expect, it } from "vitest";
import { LatencyHistory } from "../../src/live/history.js";
import { LatencyHistogram } from "../../src/measure/histogram.js";

const ms = 1e6;

it("tells the percentiles of each bin by itself", () => {
  const histogram = new LatencyHistogram();
  const history = new LatencyHistory();
  for (let i = 1; i <= 100; i++) histogram.record(i * ms);
  history.take(histogram.buckets(), 2, 1000);
  // A second of nothing but slow ones: what came before must not hide them.
  for (let i = 0; i < 10; i++) histogram.record(500 * ms);
  history.take(histogram.buckets(), 2, 2000);
  history.take(histogram.buckets(), 5, 3000);
  const [first, second, third] = history.bins;
  expect(first).toMatchObject({ atMs: 1000, answers: 100, failures: 2 });
  for (const [name, wanted] of [
    ["p50Ns", 50],
    ["p90Ns", 90],
    ["p99Ns", 99],
    ["maxNs", 100],
  ] as const) {
    // Never below, and at most 0.8 % above.
    expect(first![name]).toBeGreaterThanOrEqual(wanted * ms);
    expect(first![name]).toBeLessThan(wanted * ms * 1.01);
  }
  expect(second).toMatchObject({ answers: 10, failures: 0 });
  expect(second!.p50Ns! / ms).toBeCloseTo(502, -1);
  expect(third).toEqual({ atMs: 3000, answers: 0, failures: 3, p50Ns: null, p90Ns: null, p99Ns: null, maxNs: null });
});

it("begins anew with a histogram that does, and keeps 15 minutes", () => {
  const histogram = new LatencyHistogram();
  const history = new LatencyHistory();
  for (let i = 0; i < 50; i++) histogram.record(3 * ms);
  history.take(histogram.buckets(), 9, 0);
  histogram.reset();
  for (let i = 0; i < 4; i++) histogram.record(3 * ms);
  history.take(histogram.buckets(), 1, 1);
  expect(history.bins.at(-1)).toMatchObject({ answers: 4, failures: 1 });
  for (let i = 0; i < 500; i++) history.take(histogram.buckets(), 1, i);
  expect(history.bins).toHaveLength(180);
  expect(history.bins.at(-1)!.atMs).toBe(499);
});
