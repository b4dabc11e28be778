// The rows of an engine as an async iterable: all of them, each once, kept or not, however the reading ends.
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import type { ResultBatch } from "../../src/engine/batch.js";
import { Engine } from "../../src/engine/engine.js";
import { silent, startAnswerer } from "../support/answerer.js";
import { question, rowsOf } from "../support/engine.js";

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

async function answering(handler?: typeof silent) {
  const one = await startAnswerer(handler);
  open.push(one.close);
  return one;
}

const plan = (target: { address: string; port: number }, count: number) => ({
  probes: [0, 1].map(() => ({ target, query: question })),
  schedule: { inflight: 32, count },
  timeoutMs: 10_000,
});

describe("batches", () => {
  test("may all be kept: they are copies, with their answers", async () => {
    const target = await answering();
    await using engine = new Engine({ batchRows: 7, answerOctets: 512 });
    const run = engine.submit(plan(target, 100));
    const kept: ResultBatch[] = [];
    let left = 100;
    for await (const batch of engine.batches()) {
      kept.push(batch);
      left -= batch.length;
      if (left === 0) break;
    }
    const rows = kept.flatMap(rowsOf);
    expect(rows).toHaveLength(100);
    expect(new Set(rows.map(({ sourcePort, sentNs }) => `${sourcePort} ${sentNs}`)).size).toBeGreaterThan(1);
    for (const batch of kept) expect(batch.rttNs).toHaveLength(batch.length);
    for (const { probe, outcome, answer, answerSize } of rows) {
      expect([run.first, run.first + 1]).toContain(probe);
      expect(outcome).toBe("answered");
      expect(answer).toHaveLength(answerSize);
      expect(answer.includes("health")).toBe(true);
    }
  });

  test("make sending wait where nobody reads, and none is lost", async () => {
    const target = await answering();
    await using engine = new Engine({ ringRows: 16 });
    engine.submit(plan(target, 200));
    while (engine.counters().sent < 16) await sleep(5);
    expect(engine.counters().sent).toBe(16);
    let rows = 0;
    for await (const { length } of engine.batches()) {
      rows += length;
      if (rows === 200) break;
    }
    expect(engine.counters()).toMatchObject({ sent: 200, rows: 200 });
  });

  test.each(["stop", "close"] as const)("end after %s, when every row that was left has been read", async (end) => {
    const target = await answering(silent);
    const engine = new Engine({ batchRows: 3 });
    open.push(() => engine.close());
    const batches = engine.batches();
    const first = batches.next();
    engine.submit({ ...plan(target, 20) });
    while (engine.counters().sent < 20) await sleep(5);
    engine[end]();
    const read = [(await first).value!];
    for await (const batch of batches) read.push(batch);
    const rows = read.flatMap(rowsOf);
    expect(rows.map(({ outcome }) => outcome)).toEqual(Array.from({ length: 20 }, () => "cancelled"));
  });

  test("end with the engine's signal; an aborted one lets no engine be made", async () => {
    const target = await answering();
    const controller = new AbortController();
    const engine = new Engine({ signal: controller.signal });
    engine.submit({ ...plan(target, 1e6), schedule: { rateQps: 100 } });
    let rows = 0;
    for await (const batch of engine.batches()) {
      rows += batch.length;
      if (rows >= 5) controller.abort();
    }
    expect(rows).toBeGreaterThanOrEqual(5);
    expect(() => engine.counters()).toThrow(expect.objectContaining({ code: "ERR_ENGINE_CLOSED" }));
    expect(() => new Engine({ signal: controller.signal })).toThrow(/abort/i);
  });

  test("go on where an earlier reader broke off", async () => {
    const target = await answering();
    await using engine = new Engine({ batchRows: 1 });
    engine.submit(plan(target, 10));
    const seen: number[] = [];
    for await (const { sentNs } of engine.batches()) {
      seen.push(sentNs[0]!);
      if (seen.length === 4) break;
    }
    for await (const { sentNs } of engine.batches()) {
      seen.push(sentNs[0]!);
      if (seen.length === 10) break;
    }
    expect(engine.counters().rows).toBe(10);
  });

  test("have one reader, and none where onBatch reads or the engine is closed", () => {
    const engine = new Engine();
    engine.batches();
    expect(() => engine.batches()).toThrow("batches: expected no other reader, got one that reads");
    engine.close();
    expect(() => engine.batches()).toThrow(expect.objectContaining({ code: "ERR_ENGINE_CLOSED" }));
    using told = new Engine({}, () => {});
    expect(() => told.batches()).toThrow("batches: expected no other reader, got an onBatch");
  });

  test("let the event loop have its turn, however fast they come", async () => {
    const target = await answering();
    await using engine = new Engine({ batchRows: 1 });
    engine.submit(plan(target, 1000));
    while (engine.counters().rows < 1000) await sleep(5);
    let turns = 0;
    const count = () => {
      turns++;
      immediate = setImmediate(count);
    };
    let immediate = setImmediate(count);
    let rows = 0;
    for await (const { length } of engine.batches()) {
      rows += length;
      if (rows === 1000) break;
    }
    clearImmediate(immediate);
    expect(turns).toBeGreaterThan(20);
  });
});
