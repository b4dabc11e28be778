// A run of trials against real answerers: what it ends with when all goes well, and when something dies, complains or interrupts.
import { afterEach, describe, expect, test } from "vitest";
import { type BenchOptions, bench } from "../../src/load/bench.js";
import { Guard } from "../../src/load/guard.js";
import { parseObjective } from "../../src/load/objective.js";
import type { LoadRecord, TrialRecord } from "../../src/load/record.js";
import { answerTo, type Handler, reply, startAnswerer } from "../support/answerer.js";
import { question } from "../support/engine.js";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function answering(handler: Handler) {
  const answerer = await startAnswerer(handler);
  closing.push(() => answerer.close());
  return { address: answerer.address, port: answerer.port };
}

const goal = { fromQps: 100, maxQps: 1e6, resolution: 0.05, finalSeconds: 1, withinSeconds: 120 };

async function run(
  target: BenchOptions["setting"]["sending"]["target"],
  more: Partial<BenchOptions> = {},
  objective = "loss<1%",
) {
  const records: LoadRecord[] = [];
  const sending = { target, timeoutMs: 300, ports: 8, train: 1, arrivals: "constant", sources: [] } as const;
  const result = await bench({
    work: { mode: "search", goal },
    setting: { sending, objective: parseObjective(objective), shards: 1, cpus: [] },
    source: { summary: "one", repeats: [question], next: async () => [], close: async () => {} },
    sample: question,
    signal: new AbortController().signal,
    start: {
      target,
      queries: "one",
      objective: [objective],
      settings: {},
      environment: { anyprobe: "0", kernel: "0", cpu: "0", cpus: 2, node: "0", host: "here", path: "loopback" },
      ceiling: null,
    },
    onRecord: (record) => records.push(record),
    ...more,
  });
  const trials = records.filter((record): record is TrialRecord => record.type === "trial");
  return { records, trials, result };
}

/** Answers so many queries of each tenth of a second, and none of the others. */
function upTo(qps: number): Handler {
  let [tenth, taken] = [0, 0];
  return (query, peer, socket) => {
    const now = Math.floor(performance.now() / 100);
    if (now !== tenth) [tenth, taken] = [now, 0];
    if (++taken <= qps / 10) reply(answerTo(query), peer, socket);
  };
}

test("a search ends near what the server holds, and its records are in order", async () => {
  const { records, trials, result } = await run(await answering(upTo(2000)));
  expect(records[0]!.type).toBe("start");
  expect(records.at(-1)).toBe(result);
  expect(trials.map(({ trial }) => trial)).toEqual(trials.map((_, i) => i + 1));
  expect(new Set(records.map(({ run_id }) => run_id)).size).toBe(1);
  expect(result).toMatchObject({ status: "complete", objective_held: true, trials: trials.length });
  // A window that a trial's queries straddle lets a few more pass; the lab measures how close it comes.
  expect(result.lower_qps).toBeGreaterThan(1500);
  expect(result.lower_qps).toBeLessThan(2300);
  expect(trials[result.trial! - 1]).toMatchObject({ offered_qps: result.lower_qps, misses: [] });
});

describe("what is not the server's capacity is not called that", () => {
  test("a target that dies halfway ends the run, with what was known until then", async () => {
    let queries = 0;
    const { result, trials } = await run(
      await answering((query, peer, socket) => {
        if (++queries < 300) reply(answerTo(query), peer, socket);
      }),
    );
    expect(result).toMatchObject({ status: "stopped", reason: "the target stopped answering", capacity_qps: null });
    expect(trials.length).toBeGreaterThan(0);
  });

  test("a search that is interrupted has no capacity, only bounds", async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort("SIGINT"), 1500);
    const { result } = await run(await answering(upTo(1e9)), { signal: controller.signal });
    expect(result).toMatchObject({ status: "interrupted", reason: "SIGINT", capacity_qps: null });
    expect(result.lower_qps).toBeGreaterThanOrEqual(100);
  });

  test("a search whose time runs out has none either", async () => {
    const work = { mode: "search", goal: { ...goal, withinSeconds: 3 } } as const;
    const { result } = await run(await answering(upTo(2000)), { work });
    expect(result).toMatchObject({ status: "time", capacity_qps: null });
  });

  test("all that may be offered is a lower bound", async () => {
    const work = { mode: "search", goal: { ...goal, maxQps: 400 } } as const;
    const { result } = await run(await answering(upTo(1e9)), { work });
    expect(result).toMatchObject({ status: "complete", lower_qps: 400, upper_qps: null, capacity_qps: null });
    expect(result.reason).toMatch(/400\/s held, and more was not allowed/);
  });

  test("a search whose queries run out has none", async () => {
    let left = 2000;
    const source = {
      summary: "a pipe",
      repeats: undefined,
      next: async (most: number) => {
        const count = Math.min(most, left);
        left -= count;
        return Array.from({ length: count }, () => ({ query: question }));
      },
      close: async () => {},
    };
    const { result } = await run(await answering(upTo(1e9)), { source });
    expect(result).toMatchObject({ status: "stopped", reason: "the queries ran out", capacity_qps: null });
    expect(result.upper_qps).toBeNull();
  });

  test("one that is interrupted before its first trial has none, and no trial", async () => {
    const { result } = await run(await answering(upTo(1e9)), { signal: AbortSignal.abort("SIGINT") });
    expect(result).toMatchObject({ status: "interrupted", trials: 0, lower_qps: null, capacity_qps: null });
  });

  test("a rate that the generator did not offer is not known to be held", async () => {
    const work = { mode: "rate", offers: [{ kind: "rate", rateQps: 50e6, seconds: 0.3 }] } as const;
    const { result, trials } = await run(await answering(upTo(1e9)), { work });
    expect(result.objective_held).not.toBe(true);
    expect(trials[0]!.ended_early).toBe("the generator was too far behind");
    expect(result.limited_by_generator).toMatch(/it sent .* where 50,000,000\/s were wanted/);
  });

  test("a server that fails all has none", async () => {
    const { result } = await run(
      await answering((query, peer, socket) => reply(answerTo(query, 2), peer, socket)),
      {},
      "servfail<1%",
    );
    expect(result).toMatchObject({ status: "complete", objective_held: false, lower_qps: null, capacity_qps: null });
  });
});

test("steps are one trial each; the objective is held when all hold it", async () => {
  const offers = [100, 200].map((rateQps) => ({ kind: "rate", rateQps, seconds: 0.5 }) as const);
  const { result, trials } = await run(await answering(upTo(1e9)), { work: { mode: "steps", offers } });
  expect(trials.map(({ offered_qps, sent }) => [offered_qps, sent])).toEqual([
    [100, 50],
    [200, 100],
  ]);
  expect(result).toMatchObject({ mode: "steps", objective_held: true, capacity_qps: null });
});

test("the guard stops a run when the service stops answering its own question", async () => {
  let failing = false;
  const target = await answering((query, peer, socket) => {
    const guarded = query.includes("guard");
    if (!guarded || !failing) reply(answerTo(query), peer, socket);
  });
  setTimeout(() => {
    failing = true;
  }, 1000);
  const guard = new Guard(target, { name: "guard.example.com", type: "A" }, 200);
  closing.push(() => guard.close());
  const work = { mode: "rate", offers: [{ kind: "rate", rateQps: 100, seconds: 60 }] } as const;
  const { result, trials } = await run(target, { guard, work });
  expect(result.status).toBe("stopped");
  expect(result.reason).toMatch(/the guard's probe failed 3 times in a row/);
  expect(trials[0]!.seconds).toBeLessThan(30);
});
