// Transmit stamps: each send has its own, and a train has one.
import { expect, test } from "vitest";
import { flag } from "../../../src/engine/batch.js";
import type { Plan } from "../../../src/probe/plan.js";
import { freePort } from "../../support/answerer.js";
import { question, Recorder } from "../../support/engine.js";
import type { ChildAnswerer } from "./child-answerer.js";
import { startChild } from "./opened.js";

const planOf = (target: ChildAnswerer, schedule: Plan["schedule"], more: Partial<Plan> = {}): Plan => ({
  probes: [{ target, query: question }],
  schedule,
  timeoutMs: 2000,
  transmitStamps: true,
  ...more,
});

test.each<[string, Plan["schedule"], Partial<Plan>]>([
  ["one after another", { rateQps: 1000, count: 500 }, { train: 1 }],
  ["several at a time", { inflight: 8, count: 4000 }, { train: 1, ports: 1 }],
])("queries that leave %s have a stamp each", async (_, schedule, more) => {
  const recorder = new Recorder();
  recorder.submit(planOf(await startChild(), schedule, more));
  await recorder.until(schedule.count!);
  expect(recorder.stop().tally).toEqual({ answered: schedule.count });
  const stamped = recorder.rows.filter(({ flags }) => flags & flag.transmitStamp);
  expect(stamped.length).toBeGreaterThan(0.95 * recorder.rows.length);
  expect(new Set(stamped.map(({ sentNs }) => sentNs)).size).toBe(stamped.length);
  for (const { sentNs, dueNs, rttNs } of stamped) {
    expect(sentNs).toBeGreaterThanOrEqual(dueNs);
    expect(rttNs).toBeGreaterThan(0);
  }
});

test("a train has one stamp", async () => {
  const recorder = new Recorder();
  recorder.submit(planOf(await startChild(), { rateQps: 5000, count: 2000 }, { train: 10, trainUs: 4000 }));
  await recorder.until(2000);
  const { counters, tally } = recorder.stop();
  expect(tally).toEqual({ answered: 2000 });
  const stamped = recorder.rows.filter(({ flags }) => flags & flag.transmitStamp);
  expect(stamped.length).toBeGreaterThan(1900);
  expect(new Set(stamped.map(({ sentNs }) => sentNs)).size).toBeLessThanOrEqual(counters.trains);
});

test("without them, rows say that their sent time is not the kernel's", async () => {
  const recorder = new Recorder();
  recorder.submit(planOf(await startChild(), { rateQps: 1000, count: 100 }, { transmitStamps: false }));
  await recorder.until(100);
  recorder.stop();
  expect(recorder.rows.filter(({ flags }) => flags & flag.transmitStamp)).toEqual([]);
});

test("a port where nobody listens is told of all the same", async () => {
  const recorder = new Recorder();
  const target = { address: "127.0.0.1", port: await freePort() };
  recorder.submit({
    probes: [{ target, query: question }],
    schedule: { rateQps: 1000, count: 300 },
    timeoutMs: 2000,
    transmitStamps: true,
  });
  await recorder.until(300);
  const { counters, tally } = recorder.stop();
  expect(counters).toMatchObject({ sent: 300, rows: 300 });
  expect(tally).toEqual({ unreachable: 300 });
});
