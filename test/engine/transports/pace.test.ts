// The pace of a load: an open loop at random times, and a closed loop that keeps so many in flight.
import { describe, expect, test } from "vitest";
import type { Plan } from "../../../src/probe/plan.js";
import { answerTo, reply, silent } from "../../support/answerer.js";
import { question, Recorder, type Row } from "../../support/engine.js";
import { start, startChild } from "./opened.js";

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** gapsOf gives the mean and the coefficient of variation of the gaps between due times. */
function gapsOf(rows: readonly Row[]) {
  const dues = rows.map(({ dueNs }) => dueNs).sort((a, b) => a - b);
  const gaps = dues.slice(1).map((due, i) => due - dues[i]!);
  const meanNs = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  const variance = gaps.reduce((sum, gap) => sum + (gap - meanNs) ** 2, 0) / gaps.length;
  return { gaps, meanNs, variation: Math.sqrt(variance) / meanNs };
}

describe("Poisson arrivals", () => {
  test.each([
    ["singles", { train: 1 }, 1],
    ["trains", { train: 16, trainUs: 4000 }, 1],
    ["several shards", { train: 1 }, 3],
  ])("have gaps of mean 1/rate that vary as random ones do, in %s", async (_, more, shards) => {
    const target = await startChild();
    const recorder = new Recorder({ shards, ringRows: 16_384, answerOctets: 0 });
    const count = 8000;
    recorder.submit({
      probes: Array.from({ length: shards }, () => ({ target, query: question })),
      schedule: { rateQps: 8000, arrivals: "poisson", count },
      timeoutMs: 2000,
      ...more,
    });
    await recorder.until(count);
    const { counters } = recorder.stop();
    expect(counters).toMatchObject({ sent: count, rows: count });
    const { gaps, meanNs, variation } = gapsOf(recorder.rows);
    // Both have a standard error of about 1 %.
    expect(meanNs / 125_000).toBeGreaterThan(0.93);
    expect(meanNs / 125_000).toBeLessThan(1.07);
    expect(variation).toBeGreaterThan(0.9);
    expect(variation).toBeLessThan(1.1);
    // An exponential distribution has 1/e of its gaps above its mean.
    const long = gaps.filter((gap) => gap > meanNs).length / gaps.length;
    expect(Math.abs(long - Math.exp(-1))).toBeLessThan(0.04);
    for (const { dueNs, sentNs } of recorder.rows) expect(sentNs).toBeGreaterThanOrEqual(dueNs);
  });

  test("take turns among the probes as even ones do", async () => {
    const target = await start(silent);
    const recorder = new Recorder();
    recorder.submit({
      probes: Array.from({ length: 3 }, () => ({ target, query: question })),
      schedule: { rateQps: 3000, arrivals: "poisson", count: 600 },
      timeoutMs: 200,
      train: 1,
    });
    await recorder.until(600);
    recorder.stop();
    const rows = recorder.rows.toSorted((a, b) => a.dueNs - b.dueNs);
    expect(rows.map(({ probe }) => probe)).toEqual(rows.map((_, i) => i % 3));
  });
});

describe("a closed loop", () => {
  /** The most probes that were in flight at one time, as rows tell it. */
  function mostInFlight(rows: readonly Row[]): number {
    const changes = rows.flatMap(({ sentNs, rttNs }) => [
      { atNs: sentNs, by: 1 },
      { atNs: sentNs + rttNs, by: -1 },
    ]);
    changes.sort((a, b) => a.atNs - b.atNs || a.by - b.by);
    let [now, most] = [0, 0];
    for (const { by } of changes) {
      now += by;
      most = Math.max(most, now);
    }
    return most;
  }
  const loop = (targets: readonly Plan["probes"][number]["target"][], schedule: Plan["schedule"], more = {}): Plan => ({
    probes: targets.map((target) => ({ target, query: question })),
    schedule,
    timeoutMs: 20_000,
    ...more,
  });

  test.each([
    ["trains", 40, 1, {}],
    ["singles", 40, 1, { train: 1 }],
    ["two shards", 41, 2, { train: 1 }],
    ["one target on two shards", 41, 1, { train: 1 }],
    ["one in flight", 1, 1, {}],
  ])("sends so many, and no more until they end: %s", async (_, inflight, shards, more) => {
    const targets = await Promise.all(Array.from({ length: shards }, () => start(silent)));
    const recorder = new Recorder({ shards });
    const run = recorder.submit(loop(targets, { inflight }, more));
    await sleep(300);
    expect(recorder.engine.counters().sent).toBe(inflight);
    run.cancel();
    const { counters, tally } = recorder.stop();
    expect(counters).toMatchObject({ sent: inflight, rows: inflight });
    expect(tally).toEqual({ cancelled: inflight });
  });

  test.each([
    ["trains", {}],
    ["singles", { train: 1 }],
  ])("keeps the window full and never over, in %s", async (_, more) => {
    const recorder = new Recorder({ ringRows: 16_384 });
    recorder.submit(loop([await startChild()], { inflight: 64, count: 10_000 }, more));
    await recorder.until(10_000);
    const { counters, tally } = recorder.stop();
    expect(counters).toMatchObject({ sent: 10_000, rows: 10_000 });
    expect(tally).toEqual({ answered: 10_000 });
    expect(mostInFlight(recorder.rows)).toBeLessThanOrEqual(64);
    expect(mostInFlight(recorder.rows)).toBeGreaterThan(60);
  });

  test("goes on as answers come, however slowly", async () => {
    let [held, most] = [0, 0];
    const target = await start((query, peer, socket) => {
      most = Math.max(most, ++held);
      setTimeout(() => {
        held--;
        reply(answerTo(query), peer, socket);
      }, 20);
    });
    const recorder = new Recorder();
    recorder.submit(loop([target], { inflight: 32, count: 640 }));
    await recorder.until(640);
    expect(recorder.stop().tally).toEqual({ answered: 640 });
    expect(most).toBeLessThanOrEqual(32);
    expect(mostInFlight(recorder.rows)).toBe(32);
  });

  test("puts a new probe in the place of one that timed out", async () => {
    const recorder = new Recorder();
    recorder.submit(loop([await start(silent)], { inflight: 8, count: 24 }, { timeoutMs: 100 }));
    await recorder.until(24);
    const { counters, tally } = recorder.stop();
    expect(counters).toMatchObject({ sent: 24, rows: 24 });
    expect(tally).toEqual({ timeout: 24 });
    expect(mostInFlight(recorder.rows)).toBeLessThanOrEqual(8);
  });
});
