// When probes are sent: intervals on their grid, paces, bursts, rates and counts; and from which source.
import { hrtime } from "node:process";
import { afterEach, describe, expect, test } from "vitest";
import { startNs } from "../../src/engine/compile.js";
import type { Plan } from "../../src/probe/plan.js";
import { type Answerer, echo, silent, startAnswerer } from "../support/answerer.js";
import { question, Recorder, type Row } from "../support/engine.js";
import { inNamespace } from "../support/namespace.js";
import { stallable } from "../support/stall.js";

const open: Answerer[] = [];
const start = async (...args: Parameters<typeof startAnswerer>) => {
  const answerer = await startAnswerer(...args);
  open.push(answerer);
  return answerer;
};
afterEach(async () => {
  await Promise.all(open.splice(0).map((answerer) => answerer.close()));
});
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
/** CLOCK_MONOTONIC, which hrtime reads. */
const monotonicNs = () => Number(hrtime.bigint());
const fixture = new URL("./fixtures/engine.ts", import.meta.url);
const duesMs = (rows: readonly Row[], probe = 0) =>
  rows
    .filter((row) => row.probe === probe)
    .map(({ dueNs }) => dueNs / 1e6)
    .sort((a, b) => a - b);
const gaps = (times: readonly number[]) => times.slice(1).map((time, i) => time - times[i]!);

describe("an interval schedule", () => {
  test("spreads the first starts evenly over the interval", () => {
    expect(Array.from({ length: 8 }, (_, i) => startNs(i, 8, 800))).toEqual([0, 100, 200, 300, 400, 500, 600, 700]);
    expect(startNs(0, 1, 800)).toBe(0);
  });

  test("asks each probe on its own beat, to the nanosecond, never before it is due", async () => {
    const target = await start();
    const recorder = new Recorder();
    recorder.submit({
      probes: Array.from({ length: 16 }, () => ({ target, query: question })),
      schedule: { intervalMs: 80, count: 160 },
      timeoutMs: 500,
    });
    await recorder.until(160);
    const { counters } = recorder.stop();
    // A busy machine may miss a beat; it then counts it.
    const all = Array.from({ length: 16 }, (_, probe) => duesMs(recorder.rows, probe));
    const missed = all.flatMap(gaps).reduce((sum, gap) => sum + Math.round(gap / 80) - 1, 0);
    expect(missed).toBeLessThanOrEqual(counters.skipped);
    for (const dues of all) for (const gap of gaps(dues)) expect(gap % 80).toBeCloseTo(0, 3);
    // Four points of the interval, of four probes each, so that they share wake-ups.
    const points = all.map((dues) => Math.round(dues[0]! % 80));
    expect(points.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 16 }, (_, i) => Math.floor(i / 4) * 20));
    for (const { dueNs, sentNs } of recorder.rows) expect(sentNs).toBeGreaterThanOrEqual(dueNs);
  });

  test("has few probes at one point of the grid, however many there are: bursts overrun queues", async () => {
    const target = await start(silent);
    const recorder = new Recorder();
    const probes = Array.from({ length: 4000 }, () => ({ target, query: question }));
    recorder.submit({ probes, schedule: { intervalMs: 100, count: 8000 }, timeoutMs: 10 });
    await recorder.until(8000);
    recorder.stop();
    const together = new Map<number, number>();
    for (const { dueNs } of recorder.rows) together.set(dueNs, (together.get(dueNs) ?? 0) + 1);
    expect(Math.max(...together.values())).toBeLessThanOrEqual(300);
  });

  test("may give each probe an interval of its own, 0 for none", async () => {
    const target = await start();
    const recorder = new Recorder();
    recorder.submit({
      probes: [
        { target, query: question, intervalMs: 10 },
        { target, query: question, intervalMs: 50 },
        { target, query: question, intervalMs: 0 },
      ],
      schedule: { intervalMs: 1000 },
      timeoutMs: 500,
    });
    await sleep(520);
    recorder.stop();
    const asked = [0, 1, 2].map((probe) => duesMs(recorder.rows, probe).length);
    expect(asked[0]).toBeGreaterThan(40);
    expect(asked[1]).toBeGreaterThan(8);
    expect(asked[1]).toBeLessThanOrEqual(11);
    expect(asked[2]).toBe(0);
  });

  test("is paced faster, slower, paused and resumed, from then on", async () => {
    const recorder = new Recorder();
    const run = recorder.submit({
      probes: [{ target: await start(), query: question }],
      schedule: { intervalMs: 1000 },
      timeoutMs: 500,
    });
    const during = async (ms: number) => {
      const before = recorder.rows.length;
      await sleep(ms);
      return recorder.rows.length - before;
    };
    await recorder.until(1);
    run.pace(0, 10, 0);
    const fast = await during(300);
    run.pace(0, 100);
    const slow = await during(350);
    run.pace(0, 0);
    await sleep(20);
    const paused = await during(150);
    run.pace(0, 20, 40);
    const resumed = await during(200);
    recorder.stop();
    expect(fast).toBeGreaterThan(20);
    expect(fast).toBeLessThanOrEqual(31);
    expect([3, 4]).toContain(slow);
    expect(paused).toBe(0);
    expect(resumed).toBeGreaterThan(5);
    expect(resumed).toBeLessThanOrEqual(9);
    const dues = duesMs(recorder.rows);
    expect(gaps(dues.slice(2, 20)).every((gap) => Math.abs((gap % 10) - 0) < 1e-3 || gap % 10 > 9.999)).toBe(true);
  });

  test("lets a probe be asked in a burst beside its beat", async () => {
    const recorder = new Recorder();
    const run = recorder.submit({
      probes: [{ target: await start(), query: question, intervalMs: 0 }],
      schedule: { intervalMs: 1000 },
      timeoutMs: 500,
    });
    run.burst(0, 5, 20);
    await recorder.until(5);
    run.burst(0, 3, 0);
    await recorder.until(8);
    run.burst(0, 0, 0);
    await sleep(50);
    recorder.stop();
    const dues = duesMs(recorder.rows);
    expect(dues).toHaveLength(8);
    // A burst's gaps never shrink, so that a late prober does not flood.
    for (const gap of gaps(dues.slice(0, 5))) expect(gap).toBeGreaterThanOrEqual(19.999);
    expect(dues[4]! - dues[0]!).toBeLessThan(130);
    expect(dues[7]! - dues[5]!).toBeLessThan(20);
  });

  test("skips and counts the starts that passed while the prober stood still", async () => {
    let received = 0;
    const answerer = await start((query, peer, socket) => {
      echo(query, peer, socket);
      if (++received === 5) child.stall(1000);
    });
    const child = stallable(fixture, "interval and stall", `${answerer.port}`);
    const { counters, dueNs } = await child.result;
    expect(counters).toMatchObject({ sent: 20, rows: 20 });
    expect(counters.skipped).toBeGreaterThanOrEqual(17);
    const between = gaps(dueNs.map((ns: number) => ns / 1e6));
    expect(between.reduce((sum, gap) => sum + Math.round(gap / 50) - 1, 0)).toBe(counters.skipped);
    for (const gap of between) expect(gap / 50).toBeCloseTo(Math.round(gap / 50), 6);
  });
});

describe("a rate schedule", () => {
  test("has its due times evenly spaced, the probes in turn, and its count exact", async () => {
    const target = await start();
    const recorder = new Recorder();
    recorder.submit({
      probes: Array.from({ length: 3 }, () => ({ target, query: question })),
      schedule: { rateQps: 700, count: 350 },
      timeoutMs: 500,
    });
    await recorder.until(350);
    await sleep(30);
    recorder.stop();
    const rows = recorder.rows.toSorted((a, b) => a.dueNs - b.dueNs);
    expect(rows).toHaveLength(350);
    rows.forEach((row, i) => {
      expect(row.probe).toBe(i % 3);
      expect(Math.abs(row.dueNs - rows[0]!.dueNs - (i * 1e9) / 700)).toBeLessThan(1000);
    });
  });

  test("is one rate over all shards together", async () => {
    const target = await start();
    const recorder = new Recorder({ shards: 4 });
    recorder.submit({
      probes: Array.from({ length: 4 }, () => ({ target, query: question })),
      schedule: { rateQps: 1000, count: 402 },
      timeoutMs: 500,
    });
    await recorder.until(402);
    recorder.stop();
    expect(recorder.rows).toHaveLength(402);
    const dues = recorder.rows.map(({ dueNs }) => dueNs).sort((a, b) => a - b);
    for (const gap of gaps(dues)) expect(Math.abs(gap - 1e6)).toBeLessThan(1000);
  });

  test("never skips: what was missed is sent late, and its lateness is kept", async () => {
    let received = 0;
    const answerer = await start((query, peer, socket) => {
      echo(query, peer, socket);
      if (++received === 20) child.stall(800);
    });
    const child = stallable(fixture, "rate and stall", `${answerer.port}`);
    const { counters, gaps: between, latest } = await child.result;
    expect(counters).toMatchObject({ sent: 200, rows: 200, skipped: 0 });
    for (const gap of between) expect(Math.abs(gap - 10e6)).toBeLessThan(1000);
    expect(latest).toBeGreaterThan(600e6);
  });

  test("is neither paced nor given bursts", async () => {
    const recorder = new Recorder();
    const run = recorder.submit({
      probes: [{ target: await start(silent), query: question }],
      schedule: { rateQps: 100 },
      timeoutMs: 500,
    });
    run.burst(0, 1000, 0);
    run.pace(0, 1);
    await sleep(200);
    expect(recorder.stop().counters.sent).toBeLessThanOrEqual(21);
  });
});

describe("a start", () => {
  /** Due times of two plans, the second of which begins where the first ends. */
  async function inSequence(schedules: (startNs: number) => readonly [Plan["schedule"], Plan["schedule"]], shards = 1) {
    const target = await start();
    const recorder = new Recorder({ shards });
    const probes = Array.from({ length: 4 }, (_, i) => ({ target, query: question, atNs: i * 5e6 }));
    const startNs = monotonicNs() + 50e6;
    const runs = schedules(startNs).map((schedule) => recorder.submit({ probes, schedule, timeoutMs: 500 }));
    await recorder.until(runs.reduce((sum, run) => sum + ("count" in schedules(0)[0] ? 100 : run.probes.length), 0));
    const { counters } = recorder.stop();
    expect(counters).toMatchObject({ sent: recorder.rows.length, rows: recorder.rows.length });
    return { startNs, dues: recorder.rows.map(({ dueNs }) => dueNs).sort((a, b) => a - b), rows: recorder.rows };
  }

  test.each([1, 3])("lets the plans of one rate follow each other without a gap, with %i shards", async (shards) => {
    const { startNs, dues } = await inSequence(
      (startNs) => [
        { rateQps: 1000, count: 100, startNs },
        { rateQps: 1000, count: 100, startNs: startNs + 100e6 },
      ],
      shards,
    );
    expect(dues).toHaveLength(200);
    dues.forEach((due, i) => {
      expect(Math.abs(due - startNs - i * 1e6)).toBeLessThan(1000);
    });
  });

  test("lets replays follow each other likewise", async () => {
    const { startNs, dues } = await inSequence((startNs) => [
      { replay: true, startNs },
      { replay: true, startNs: startNs + 20e6 },
    ]);
    expect(dues.map((due) => Math.round((due - startNs) / 1e3))).toEqual(Array.from({ length: 8 }, (_, i) => i * 5000));
  });

  test("in the past makes its first probes late, and skips none", async () => {
    const { startNs, dues, rows } = await inSequence((startNs) => [
      { rateQps: 1000, count: 100, startNs: startNs - 150e6 },
      { rateQps: 1000, count: 100, startNs: startNs - 150e6 },
    ]);
    expect(dues).toHaveLength(200);
    expect(Math.abs(dues[0]! - startNs + 150e6)).toBeLessThan(1000);
    for (const { dueNs, sentNs } of rows) expect(sentNs).toBeGreaterThanOrEqual(dueNs);
    // They were submitted 100 ms after their start, or later.
    expect(Math.max(...rows.map(({ dueNs, sentNs }) => sentNs - dueNs))).toBeGreaterThan(90e6);
  });
});

describe("a replay", () => {
  test.each([1, 3])(
    "sends each probe once, at its own time, in whatever order they stand, with %i shards",
    async (shards) => {
      const target = await start();
      const recorder = new Recorder({ shards });
      // Of one time there are several.
      const times = Array.from({ length: 300 }, (_, i) => ((i * 7919) % 100) * 1e6 + 123);
      recorder.submit({
        probes: times.map((atNs) => ({ target, query: question, atNs })),
        schedule: { replay: true },
        timeoutMs: 500,
      });
      await recorder.until(300);
      await sleep(30);
      const { counters, tally } = recorder.stop();
      expect({ counters, tally }).toMatchObject({
        counters: { sent: 300, rows: 300, skipped: 0 },
        tally: { answered: 300 },
      });
      const rows = recorder.rows.toSorted((a, b) => a.probe - b.probe);
      expect(rows.map(({ probe }) => probe)).toEqual(times.map((_, i) => i));
      const startNs = rows[0]!.dueNs - times[0]!;
      rows.forEach(({ dueNs, sentNs }, i) => {
        expect(Math.abs(dueNs - startNs - times[i]!)).toBeLessThan(1000);
        expect(sentNs).toBeGreaterThanOrEqual(dueNs);
      });
      expect(new Set(rows.map(({ sourcePort }) => sourcePort)).size).toBeGreaterThan(30);
    },
  );

  test("that is stopped or cancelled halfway has a row for each probe that was sent, and for no other", async () => {
    const target = await start(silent);
    const recorder = new Recorder();
    const submit = () =>
      recorder.submit({
        probes: Array.from({ length: 1000 }, (_, i) => ({ target, query: question, atNs: i * 1e6 })),
        schedule: { replay: true },
        timeoutMs: 5000,
      });
    const cancelled = submit();
    submit();
    await sleep(100);
    cancelled.cancel();
    await sleep(50);
    const { counters, tally } = recorder.stop();
    expect(counters.rows).toBe(counters.sent);
    expect(counters.sent).toBeLessThan(1500);
    expect(tally).toEqual({ cancelled: counters.sent });
  });

  test("has room for all its probes at one moment", async () => {
    const target = await start(silent);
    const recorder = new Recorder({ ringRows: 8192 });
    recorder.submit({
      probes: Array.from({ length: 5000 }, () => ({ target, query: question, atNs: 0 })),
      schedule: { replay: true },
      timeoutMs: 300,
    });
    await recorder.until(5000);
    const { counters, tally } = recorder.stop();
    expect({ counters, tally }).toMatchObject({ counters: { sent: 5000, tableFull: 0 }, tally: { timeout: 5000 } });
  });
});

describe("the source", () => {
  test.each([
    ["127.0.0.2", "127.0.0.1", { ipv4: "127.0.0.2" }],
    ["::1", "::1", { ipv6: "::1" }],
  ])("%s is what the target sees", async (expected, address, source) => {
    const seen = new Set<string>();
    const target = await start((query, peer, socket) => {
      seen.add(peer.address);
      echo(query, peer, socket);
    }, address);
    const recorder = new Recorder();
    recorder.submit({
      probes: [{ target, query: question }],
      schedule: { rateQps: 200, count: 5 },
      timeoutMs: 500,
      source,
    });
    await recorder.until(5);
    expect(recorder.stop().tally).toEqual({ answered: 5 });
    expect([...seen]).toEqual([expected]);
  });

  test.each([
    ["198.51.100.7", { ipv4: "198.51.100.7" }, "127.0.0.1"],
    ["2001:db8::7", { ipv6: "2001:db8::7" }, "::1"],
  ])("%s, which is not this host's, is refused", (_, source, address) => {
    const recorder = new Recorder();
    const probes = [{ target: { address, port: 53 }, query: question }];
    expect(() => recorder.submit({ probes, schedule: { rateQps: 1 }, timeoutMs: 500, source })).toThrow(
      expect.objectContaining({ code: "ERR_ENGINE_SYSCALL", errno: "EADDRNOTAVAIL", syscall: "bind" }),
    );
    expect(recorder.stop().counters).toMatchObject({ sent: 0, rows: 0 });
  });

  test("may not be marked without CAP_NET_ADMIN", async () => {
    expect(await inNamespace(fixture, "unprivileged", { unprivileged: true })).toMatchObject({
      code: "ERR_ENGINE_SYSCALL",
      errno: "EPERM",
      syscall: "setsockopt SO_MARK",
      message: expect.stringContaining("CAP_NET_ADMIN"),
    });
  });
});
