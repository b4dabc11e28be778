// bench() for programs: a load test with nothing but a target and a source, and each way that it can fail to begin.
import { afterEach, describe, expect, test } from "vitest";
import { Answerer } from "../../src/engine/answerer.js";
import { type BenchOptions, bench, cacheHit, cycle, type LoadRecord } from "../../src/index.js";
import { freePort, silent, startAnswerer } from "../support/answerer.js";
import { question } from "../support/engine.js";
import { inNamespace } from "../support/namespace.js";

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

const offers: BenchOptions["offers"] = [
  { kind: "rate", rateQps: 200, seconds: 0.5 },
  { kind: "rate", rateQps: 400, seconds: 0.5 },
];

function answering() {
  const answerer = Answerer.start({ address: "127.0.0.1" });
  open.push(() => answerer.close());
  return { address: answerer.address, port: answerer.port };
}

describe("bench", () => {
  test("runs the trials that were offered, and tells of each", async () => {
    const records: LoadRecord[] = [];
    const options = { offers, objective: "loss<5%", onRecord: (record: LoadRecord) => records.push(record) };
    const result = await bench(answering(), cacheHit(question), options);
    expect(result).toMatchObject({ mode: "steps", status: "complete", objective_held: true, trials: 2 });
    expect(records.at(-1)).toBe(result);
    expect(records[0]).toMatchObject({
      ...{ type: "start", queries: "health.example.com A", objective: ["loss<5%"], ceiling: null },
      environment: { path: "loopback", node: process.version },
    });
    const trials = records.filter((record) => record.type === "trial");
    expect(trials.map(({ offered_qps, sent }) => [offered_qps, sent])).toEqual([
      [200, 100],
      [400, 200],
    ]);
  });

  test("ends with its signal, with what was found until then", async () => {
    const controller = new AbortController();
    const onRecord = ({ type }: LoadRecord) => {
      if (type === "trial") controller.abort("enough");
    };
    const result = await bench(answering(), cacheHit(question), { offers, onRecord, signal: controller.signal });
    expect(result).toMatchObject({ status: "interrupted", reason: "enough", trials: 1 });
    const late = bench(answering(), cacheHit(question), { offers, signal: controller.signal });
    await expect(late).rejects.toBe("enough");
  });

  test("rejects where nothing answers, and where its signal is aborted while it finds that out", async () => {
    const dead = { address: "127.0.0.1", port: await freePort() };
    await expect(bench(dead, cacheHit(question), { offers, timeoutMs: 100 })).rejects.toMatchObject({
      ...{ code: "ERR_LOAD_UNANSWERED", message: `expected an answer from 127.0.0.1:${dead.port}, got none` },
    });
    const mute = await startAnswerer(silent);
    open.push(mute.close);
    const signal = AbortSignal.timeout(100);
    await expect(bench(mute, cacheHit(question), { offers, signal })).rejects.toThrow("aborted due to timeout");
  });

  test("stops when the guard's own probes fail", async () => {
    const dying = await startAnswerer();
    open.push(dying.close);
    const long: BenchOptions["offers"] = [{ kind: "rate", rateQps: 100, seconds: 60 }];
    const onRecord = ({ type }: LoadRecord) => {
      if (type === "progress") dying.socket.removeAllListeners("message");
    };
    const options = { offers: long, guard: question, timeoutMs: 300, onRecord };
    expect(await bench(dying, cacheHit(question), options)).toMatchObject({
      status: "stopped",
      reason: "the guard's probe failed 3 times in a row: the last one had no answer",
    });
  });

  test("refuses what cannot be done", async () => {
    const target = answering();
    await expect(bench(target, cacheHit(question), { offers: [] })).rejects.toThrow("offers: expected one at least");
    await expect(bench(target, cacheHit(question), { offers, search: {} })).rejects.toThrow("expected either offers");
    await expect(bench(target, cacheHit(question), { objective: "p99" })).rejects.toThrow(
      "expected a limit as p99<5ms",
    );
    await expect(bench(target, cycle("nothing", []), { offers })).rejects.toThrow(
      "source: expected one query at least",
    );
  });

  test("loads no anycast address of this host, unless it is forced to", async () => {
    const fixture = new URL("./fixtures/target-host.ts", import.meta.url);
    expect(await inNamespace(fixture, "bench")).toEqual([
      "target: expected no anycast address of this host without `force`, got 203.0.113.53/32 on lo",
      "complete",
    ]);
  });
});
