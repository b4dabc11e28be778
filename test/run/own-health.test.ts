// The prober's own health, of real stalls: a process that is stopped and continued, and an event loop that is held up.
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { OwnHealth, type OwnHealthReport, parseCpuTime, stealShare } from "../../src/run/own-health.js";
import { monotonicNs } from "../../src/units.js";
import { silent, startAnswerer } from "../support/answerer.js";
import { stallable } from "../support/stall.js";

const fixture = new URL("./fixtures/own-health.ts", import.meta.url);
const ms = 1e6;
const minute = 60e9;
const idle = { stalls: 0, stalledNs: 0 };
const timeout = { outcome: "timeout", rttNs: 100 * ms } as const;
const voided = { outcome: "voided", rttNs: 100 * ms } as const;

let health: OwnHealth;
const open = () => {
  health = new OwnHealth({ tickMs: 1000, patienceMs: 50 });
  return health;
};
afterEach(() => health?.close());

/** holdUp keeps the event loop from turning. */
const holdUp = (forMs: number) => {
  const untilNs = monotonicNs() + forMs * ms;
  while (monotonicNs() < untilNs);
};

test("a prober that was stopped with probes in flight says how many say nothing, and for how long it stood still", async () => {
  const answerer = await startAnswerer(silent);
  const child = stallable(fixture, "stall", `${answerer.port}`);
  await expect.poll(() => answerer.received, { timeout: 20_000 }).toBe(3);
  child.stall(1500);
  const report: OwnHealthReport = await child.result;
  await answerer.close();
  expect(report).toMatchObject({ voided: 3, stalls: 1 });
  expect(report.stalledNs).toBeGreaterThan(1000 * ms);
  expect(report.tickMaxNs).toBeGreaterThan(1000 * ms);
  expect(report.eventLoopMaxNs).toBeGreaterThan(1000 * ms);
  expect(report.complaints).toHaveLength(1);
  expect(report.complaints[0]).toMatch(/^the prober stood still for \d+\.\d+s: 3 probes say nothing/);
});

test("an event loop that is held up shows as lag, and one that is free does not", async () => {
  open();
  await sleep(350);
  const free = health.report(idle).eventLoopMaxNs;
  holdUp(600);
  // Its timer runs when the loop turns again.
  await expect.poll(() => health.report(idle).eventLoopMaxNs).toBeGreaterThan(450 * ms);
  expect(free).toBeLessThan(health.report(idle).eventLoopMaxNs);
  expect(health.complaints()).toEqual([]);
});

test("a row's wait is from the probe's end until it was judged, without what passes are made to wait", () => {
  open();
  health.judged(timeout, 0, 120 * ms);
  expect(health.report(idle).drainMaxNs).toBe(0);
  health.judged(timeout, 0, 450 * ms);
  health.judged(timeout, 0, 160 * ms);
  expect(health.report(idle).drainMaxNs).toBe(300 * ms);
});

test("a tick is late by what is beyond its interval", () => {
  open();
  const nowNs = monotonicNs();
  health.ticked(nowNs + 1000 * ms, idle);
  health.ticked(nowNs + 3500 * ms, idle);
  health.ticked(nowNs + 4500 * ms, idle);
  expect(health.report(idle).tickMaxNs).toBe(1500 * ms);
});

test("stalls are counted from look to look, also when a reload's engine counts from zero", () => {
  open();
  health.ticked(monotonicNs(), { stalls: 2, stalledNs: 300 * ms });
  health.ticked(monotonicNs(), { stalls: 2, stalledNs: 300 * ms });
  health.ticked(monotonicNs(), { stalls: 1, stalledNs: 100 * ms });
  expect(health.report({ stalls: 2, stalledNs: 150 * ms })).toMatchObject({ stalls: 4, stalledNs: 450 * ms });
});

test("what was bad is told for the minute after it, and then no more", () => {
  open();
  let nowNs = monotonicNs();
  health.judged(voided, nowNs, nowNs + 100 * ms);
  health.ticked(nowNs, { stalls: 1, stalledNs: 1500 * ms });
  const complaint = ["the prober stood still for 1.50s: 1 probe says nothing"];
  expect(health.complaints()).toEqual(complaint);
  nowNs += minute;
  health.ticked(nowNs, { stalls: 1, stalledNs: 1500 * ms });
  expect(health.complaints()).toEqual(complaint);
  nowNs += minute;
  health.ticked(nowNs, { stalls: 1, stalledNs: 1500 * ms });
  expect(health.complaints()).toEqual([]);
  expect(health.report({ stalls: 1, stalledNs: 1500 * ms })).toMatchObject({ voided: 0, stalls: 0, drainMaxNs: 0 });
});

test("probes that say nothing without a stall were lost on the way back", () => {
  open();
  for (let i = 0; i < 12; i++) health.judged(voided, 0, 100 * ms);
  expect(health.complaints()).toEqual(["the prober lost what came back to it: 12 probes say nothing"]);
});

test("the report is plain JSON", () => {
  open();
  const report = health.report(idle);
  expect(JSON.parse(JSON.stringify(report))).toEqual(report);
});

describe("CPU time", () => {
  const line = "cpu  100 20 30 400 50 6 7 80 9 10\ncpu0 1 2 3 4 5 6 7 8 9 10\n";

  test("is the first line of /proc/stat, guests' counted once", () => {
    expect(parseCpuTime(line)).toEqual({ total: 693, steal: 80 });
  });

  test.each(["", "cpu0 1 2 3 4 5 6 7 8\n", "cpu  1 2 3\n", "intr 5\n"])("is not in %j", (text) => {
    expect(parseCpuTime(text)).toBeUndefined();
  });

  test("stolen is a share of what passed between two readings", () => {
    expect(stealShare({ total: 1000, steal: 50 }, { total: 1200, steal: 100 })).toBe(0.25);
    expect(stealShare({ total: 1000, steal: 50 }, { total: 1200, steal: 40 })).toBe(0);
    expect(stealShare({ total: 1000, steal: 50 }, { total: 1000, steal: 50 })).toBeNull();
    expect(stealShare(undefined, { total: 1000, steal: 50 })).toBeNull();
  });

  test("is looked at on this host every 10 s", () => {
    open();
    expect(health.report(idle).stealShare).toBeNull();
    holdUp(50);
    health.ticked(monotonicNs() + 11e9, idle);
    expect(health.report(idle).stealShare).toSatisfy((share: number) => share >= 0 && share <= 1);
  });
});
