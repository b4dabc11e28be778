// Trains: what leaves together, and that no probe in a train is lost or told wrongly.
import { spawnSync } from "node:child_process";
import { getSystemErrorName } from "node:util";
import { describe, expect, test } from "vitest";
import type { Plan } from "../../src/probe/plan.js";
import { answerTo, echo, freePort, reply, silent } from "../support/answerer.js";
import { question, Recorder, type Row } from "../support/engine.js";
import { inNamespace } from "../support/namespace.js";
import { start, startChild } from "./transports/opened.js";

const fixture = new URL("./transports/trains-fixture.ts", import.meta.url);
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
/** Only root may drop packets, and only with nftables. */
const cannotLose = process.getuid?.() !== 0 || spawnSync("nft", ["--version"]).status !== 0;
const errorName = (errno: number) => getSystemErrorName(-errno);

/** 5,000 a second are 20 in 4 ms: trains, at a rate that a busy machine can hold. */
const rateQps = 5000;
const trainUs = 4000;
const trainPlan = (target: { address: string; port: number }, count: number, more: Partial<Plan> = {}): Plan => ({
  probes: [{ target, query: question }],
  schedule: { rateQps, count },
  timeoutMs: 2000,
  trainUs,
  ...more,
});

/** trainsOf groups rows by what left at one moment from one port, each in the order in which they were due. */
function trainsOf(rows: readonly Row[]): Row[][] {
  const trains = new Map<string, Row[]>();
  for (const row of rows) {
    const key = `${row.sourcePort} ${row.sentNs}`;
    trains.set(key, [...(trains.get(key) ?? []), row]);
  }
  return [...trains.values()].map((train) => train.toSorted((a, b) => a.dueNs - b.dueNs));
}
const byDue = (rows: readonly Row[]) => rows.toSorted((a, b) => a.dueNs - b.dueNs);

describe("a train", () => {
  test.each([
    ["train", { train: 16 }, 16],
    ["train_us", {}, 20],
  ])(
    "is bounded by %s, leaves when its last query is due, and is answered like any other",
    async (_, more, longest) => {
      const recorder = new Recorder();
      recorder.submit(trainPlan(await startChild(), 2000, more));
      await recorder.until(2000);
      const { counters, tally } = recorder.stop();
      expect(counters).toMatchObject({ sent: 2000, rows: 2000, trainsRefused: 0 });
      expect(tally).toEqual({ answered: 2000 });
      expect(counters.trains).toBeGreaterThanOrEqual(2000 / longest - 1);
      const trains = trainsOf(recorder.rows);
      for (const train of trains) {
        expect(train.length).toBeLessThanOrEqual(longest);
        expect(train.at(-1)!.dueNs - train[0]!.dueNs).toBeLessThanOrEqual(trainUs * 1000);
        expect(train[0]!.sentNs).toBeGreaterThanOrEqual(train.at(-1)!.dueNs);
      }
      expect(trains.filter(({ length }) => length === longest).length).toBeGreaterThan(trains.length / 2);
      byDue(recorder.rows).forEach(({ dueNs }, i, all) => {
        expect(Math.abs(dueNs - all[0]!.dueNs - (i * 1e9) / rateQps)).toBeLessThan(1000);
      });
    },
  );

  test.each([
    ["train: 1", { train: 1 }],
    ["a rate at which train_us has room for one", { trainUs: 1e6 / rateQps }],
  ])("is not made with %s", async (_, more) => {
    const recorder = new Recorder();
    recorder.submit(trainPlan(await startChild(), 1000, more));
    await recorder.until(1000);
    const { counters, tally } = recorder.stop();
    expect(counters).toMatchObject({ sent: 1000, rows: 1000, trains: 0 });
    expect(tally).toEqual({ answered: 1000 });
  });

  test("goes to one target, and its share of the rate bounds it", async () => {
    const targets = await Promise.all([startChild(), startChild()]);
    const recorder = new Recorder();
    const probes = targets.map((target) => ({ target, query: question }));
    recorder.submit({ ...trainPlan(targets[0]!, 2000), probes });
    await recorder.until(2000);
    const { counters, tally } = recorder.stop();
    expect(counters).toMatchObject({ sent: 2000, rows: 2000 });
    expect(tally).toEqual({ answered: 2000 });
    expect(counters.trains).toBeGreaterThan(0);
    // Sends that share a moment may share a port too, so only one target's rows are a train.
    for (const probe of [0, 1]) {
      const rows = recorder.rows.filter((row) => row.probe === probe);
      expect(rows).toHaveLength(1000);
      for (const train of trainsOf(rows)) expect(train.length).toBeLessThanOrEqual(10);
    }
  });

  test("is sent over IPv6 and by every shard", async () => {
    const targets = [await startChild(), await start(echo, "::1"), await startChild()];
    const recorder = new Recorder({ shards: 3 });
    const probes = targets.map((target) => ({ target, query: question }));
    recorder.submit({ ...trainPlan(targets[0]!, 3000), probes });
    await recorder.until(3000);
    const { counters, tally } = recorder.stop();
    expect(counters).toMatchObject({ sent: 3000, rows: 3000 });
    expect(tally).toEqual({ answered: 3000 });
    expect(counters.trains).toBeGreaterThan(100);
    expect(new Set(recorder.rows.map(({ shard }) => shard)).size).toBe(3);
  });
});

describe("queries of mixed lengths", () => {
  const names = ["a.example.com", "bb.example.com", "a.example.com", "longer.name.example.com", "cc.example.com"];
  const train = 10;
  /** A round of trains repeats the table until they can be full. */
  const round = names.length * train;

  test("keep their mix: exact after each round, and within a train's length at any time", async () => {
    const target = await startChild();
    const recorder = new Recorder();
    const probes = names.map((name) => ({ target, query: { name, type: "A" } }));
    const count = 20 * round;
    recorder.submit({ ...trainPlan(target, count, { train }), probes });
    await recorder.until(count);
    const { counters, tally } = recorder.stop();
    expect(counters).toMatchObject({ sent: count, rows: count });
    expect(tally).toEqual({ answered: count });
    expect(counters.trains).toBeGreaterThan(0);
    const asked = names.map(() => 0);
    byDue(recorder.rows).forEach(({ probe }, i) => {
      asked[probe]!++;
      const lead = Math.max(...asked) - Math.min(...asked);
      expect(lead).toBeLessThanOrEqual((i + 1) % round === 0 ? 0 : 2 * train);
    });
    for (const train of trainsOf(recorder.rows)) {
      expect(new Set(train.map(({ probe }) => names[probe]!.length)).size).toBe(1);
    }
  });

  test("get answers of any length, each its own", async () => {
    const target = await start((query, peer, socket) => {
      // As many octets more as the id says, so that every answer tells whose it is.
      reply(Buffer.concat([answerTo(query), Buffer.alloc(query.readUInt16BE(0) % 200, 0xee)]), peer, socket);
    });
    const recorder = new Recorder();
    const probes = names.map((name) => ({ target, query: { name, type: "A" } }));
    recorder.submit({ ...trainPlan(target, 1000, { train }), probes, timeoutMs: 5000 });
    await recorder.until(1000);
    expect(recorder.stop().tally).toEqual({ answered: 1000 });
    for (const { answer, probe } of recorder.rows) {
      const name = names[probe]!.split(".").map((label) => String.fromCharCode(label.length) + label);
      expect(answer.toString("latin1", 12)).toContain(name.join(""));
      const more = answer.readUInt16BE(0) % 200;
      expect(answer.subarray(answer.length - more).every((octet) => octet === 0xee)).toBe(true);
      expect(answer.length - more).toBe(12 + names[probe]!.length + 2 + 4 + 11);
    }
  });
});

describe("a train that is not answered whole", () => {
  test("of which only the first query is answered, has one row answered and the others timed out", async () => {
    let last: number | undefined;
    const target = await start((query, peer, socket) => {
      if (peer.port !== last) echo(query, peer, socket);
      last = peer.port;
    });
    const recorder = new Recorder();
    recorder.submit(trainPlan(target, 1000, { train: 10, timeoutMs: 1000 }));
    await recorder.until(1000);
    const { counters, tally } = recorder.stop();
    expect(counters).toMatchObject({ sent: 1000, rows: 1000 });
    expect(tally).toEqual({ answered: 100, timeout: 900 });
    for (const train of trainsOf(recorder.rows)) {
      expect(train.map(({ outcome }) => outcome)).toEqual(train.map((_, i) => (i === 0 ? "answered" : "timeout")));
    }
  });

  test("to a port where nobody listens, ends unreachable at once, every probe of it", async () => {
    const recorder = new Recorder();
    const dead = { address: "127.0.0.1", port: await freePort() };
    recorder.submit(trainPlan(dead, 2000, { timeoutMs: 20_000 }));
    await recorder.until(2000);
    const { counters, tally } = recorder.stop();
    expect(counters).toMatchObject({ sent: 2000, rows: 2000 });
    expect(tally).toEqual({ unreachable: 2000 });
    for (const { errno, rttNs } of recorder.rows) {
      expect(errorName(errno)).toBe("ECONNREFUSED");
      expect(rttNs).toBeLessThan(10e9);
    }
  });

  test("beside one that is, does not harm it", async () => {
    const recorder = new Recorder();
    const living = await startChild();
    const dead = { address: "127.0.0.1", port: await freePort() };
    const probes = [living, dead].map((target) => ({ target, query: question }));
    recorder.submit({ ...trainPlan(living, 2000), probes });
    await recorder.until(2000);
    const { counters, tally } = recorder.stop();
    expect(counters).toMatchObject({ sent: 2000, rows: 2000 });
    expect(tally).toEqual({ answered: 1000, unreachable: 1000 });
    for (const { probe, outcome } of recorder.rows) expect(outcome).toBe(probe === 0 ? "answered" : "unreachable");
  });

  test("whose answerer dies, gives a row for each probe", async () => {
    const living = await startChild();
    const recorder = new Recorder();
    recorder.submit(trainPlan(living, 2000, { timeoutMs: 500 }));
    await recorder.until(800);
    living.kill();
    await recorder.until(2000);
    const { counters, tally } = recorder.stop();
    expect(counters).toMatchObject({ sent: 2000, rows: 2000 });
    expect(tally.answered).toBeGreaterThanOrEqual(800);
    expect(tally.unreachable).toBeGreaterThan(0);
    expect((tally.answered ?? 0) + (tally.unreachable ?? 0) + (tally.timeout ?? 0)).toBe(2000);
  });

  test.runIf(process.getuid?.() === 0)("because the path is too narrow for it, goes query by query", async () => {
    const { counters, tally } = await inNamespace(fixture, "narrow path");
    expect(counters).toMatchObject({ sent: 200, rows: 200, trainsRefused: 1, trains: 0 });
    expect(tally).toEqual({ answered: 200 });
  });
});

describe("a run with trains", () => {
  test.skipIf(cannotLose)("has a timeout for each query that was lost, and no other", async () => {
    const { counters, tally, received } = await inNamespace(fixture, "loss");
    expect(counters).toMatchObject({ sent: 4000, rows: 4000 });
    expect(received).toBeLessThan(4000);
    expect(tally).toEqual({ answered: received, timeout: 4000 - received });
  });

  test("that is cancelled halfway has a row for each probe", async () => {
    const recorder = new Recorder();
    const run = recorder.submit(trainPlan(await start(silent), 10_000, { timeoutMs: 20_000 }));
    while (recorder.engine.counters().sent < 1000) await sleep(10);
    run.cancel();
    await sleep(50);
    const { sent } = recorder.engine.counters();
    await sleep(100);
    const { counters, tally } = recorder.stop();
    expect(counters.sent).toBe(sent);
    expect(counters.sent).toBeLessThan(10_000);
    expect(counters.rows).toBe(counters.sent);
    expect(tally).toEqual({ cancelled: counters.sent });
  });

  test("is told whole and with true round trips after the event loop stood still for 2 s", async () => {
    const recorder = new Recorder({ ringRows: 16_384 });
    recorder.submit(trainPlan(await startChild(), 10_000));
    const until = performance.now() + 2000;
    while (performance.now() < until) {}
    await recorder.until(10_000);
    const { counters, tally } = recorder.stop();
    expect(counters).toMatchObject({ sent: 10_000, rows: 10_000 });
    expect(tally).toEqual({ answered: 10_000 });
    const rtts = recorder.rows.map(({ rttNs }) => rttNs).sort((a, b) => a - b);
    expect(rtts[5000]!).toBeLessThan(500e6);
  });
});
