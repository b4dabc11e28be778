// Source ports: successive sends take turns on them, so that all workers and all paths of a service are asked; and what is
// lost at our own ports is not called the server's loss.
import { expect, test } from "vitest";
import type { Plan } from "../../../src/probe/plan.js";
import { echo, silent } from "../../support/answerer.js";
import { question, Recorder } from "../../support/engine.js";
import { stallable } from "../../support/stall.js";
import { start, startChild } from "./opened.js";

const fixture = new URL("./trains-fixture.ts", import.meta.url);
/** An answerer that notes from which ports it was asked. */
async function noting() {
  const ports = new Map<number, number>();
  const target = await start((query, peer, socket) => {
    ports.set(peer.port, (ports.get(peer.port) ?? 0) + 1);
    echo(query, peer, socket);
  });
  return { target, ports };
}

test.each<[string, Plan["schedule"], Partial<Plan>, number]>([
  ["64 with a rate", { rateQps: 2000, count: 640 }, {}, 64],
  ["64 with a closed loop", { inflight: 64, count: 1280 }, { train: 1 }, 64],
  ["1 with an interval", { intervalMs: 5, count: 50 }, {}, 1],
  ["as many as are asked for", { rateQps: 2000, count: 1500 }, { ports: 300, train: 1 }, 300],
  ["more than one with an interval", { intervalMs: 5, count: 100 }, { ports: 4 }, 4],
  ["1 for a rate", { rateQps: 2000, count: 400 }, { ports: 1 }, 1],
])("there are %s, and rows tell which", async (_, schedule, more, expected) => {
  const { target, ports } = await noting();
  const recorder = new Recorder();
  const count = schedule.count!;
  recorder.submit({ probes: [{ target, query: question }], schedule, timeoutMs: 2000, ...more });
  await recorder.until(count);
  const { counters, tally } = recorder.stop();
  expect(counters).toMatchObject({ sent: count, rows: count });
  expect(tally).toEqual({ answered: count });
  expect(ports.size).toBe(expected);
  const told = new Map<number, number>();
  for (const { sourcePort } of recorder.rows) told.set(sourcePort, (told.get(sourcePort) ?? 0) + 1);
  expect(new Map([...told].sort())).toEqual(new Map([...ports].sort()));
});

test("singles use the ports about evenly", async () => {
  const { target, ports } = await noting();
  const recorder = new Recorder();
  recorder.submit({
    probes: [{ target, query: question }],
    schedule: { rateQps: 4000, count: 2560 },
    timeoutMs: 2000,
    train: 1,
  });
  await recorder.until(2560);
  recorder.stop();
  expect(ports.size).toBe(64);
  // What is due at one moment leaves from one port, so a prober that was late makes them a little uneven.
  const counts = [...ports.values()].sort((a, b) => a - b);
  expect(counts[32]! / 40).toBeGreaterThan(0.8);
  expect(counts[32]! / 40).toBeLessThan(1.2);
});

test("a window that ends as one is sent again from other ports", async () => {
  const target = await start(silent);
  const recorder = new Recorder();
  recorder.submit({
    probes: [{ target, query: question }],
    schedule: { inflight: 64, count: 2560 },
    timeoutMs: 50,
    train: 1,
  });
  await recorder.until(2560);
  const { counters, tally } = recorder.stop();
  expect(counters).toMatchObject({ sent: 2560, rows: 2560 });
  expect((tally.timeout ?? 0) + (tally.voided ?? 0)).toBe(2560);
  expect(new Set(recorder.rows.map(({ sourcePort }) => sourcePort)).size).toBe(64);
});

test("each of several targets is asked from every port", async () => {
  const all = await Promise.all(Array.from({ length: 4 }, noting));
  const recorder = new Recorder();
  recorder.submit({
    probes: all.map(({ target }) => ({ target, query: question })),
    schedule: { rateQps: 4000, count: 2560 },
    timeoutMs: 2000,
    ports: 16,
    train: 1,
  });
  await recorder.until(2560);
  recorder.stop();
  expect(all.map(({ ports }) => ports.size)).toEqual([16, 16, 16, 16]);
});

test.each([
  ["trains", 64],
  ["singles", 1],
])("four SO_REUSEPORT workers each get 15 to 35 percent of the queries, in %s", async (_, train) => {
  const target = await startChild(4);
  const recorder = new Recorder({ answerOctets: 0 });
  recorder.submit({
    probes: [{ target, query: question }],
    schedule: { rateQps: 10_000, count: 10_000 },
    timeoutMs: 2000,
    trainUs: 1000,
    // The kernel deals out ports by a hash: of 64, a worker gets less than 15 % or more than 35 % in one run of five.
    ports: 512,
    train,
  });
  await recorder.until(10_000);
  expect(recorder.stop().tally).toEqual({ answered: 10_000 });
  const counts = await target.stop();
  expect(counts.reduce((sum, count) => sum + count)).toBe(10_000);
  for (const count of counts) {
    expect(count).toBeGreaterThan(1500);
    expect(count).toBeLessThan(3500);
  }
});

test("answers that our own receive queue dropped are voided, not the server's loss", async () => {
  const { counters, tally, burst } = await stallable(fixture, "answers in one burst", "20000").result;
  expect(counters).toMatchObject({ sent: 20_000, rows: 20_000 });
  expect(counters.receiveDrops).toBeGreaterThan(0);
  expect(tally.voided).toBeGreaterThan(0);
  // What did not reach the answerer is a timeout, and nothing else is.
  expect(tally.timeout ?? 0).toBeLessThanOrEqual(20_000 - burst);
  expect(tally.answered + tally.voided + (tally.timeout ?? 0)).toBe(20_000);
});
