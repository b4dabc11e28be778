// Trials against real answerers: what is told of them is what happened, to the query.
import { afterEach, describe, expect, test } from "vitest";
import { Answerer } from "../../src/engine/answerer.js";
import type { Offer, Sending } from "../../src/load/feeder.js";
import { parseObjective } from "../../src/load/objective.js";
import type { Asked, QuerySource } from "../../src/load/query-source.js";
import { runTrial, type Setting, type Trial } from "../../src/load/trial.js";
import type { Query } from "../../src/probe/query.js";
import { answerTo, freePort, type Handler, reply, startAnswerer } from "../support/answerer.js";
import { question } from "../support/engine.js";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

function repeating(...queries: Query[]): QuerySource {
  return { summary: "a few", repeats: queries, next: async () => [], close: async () => {} };
}

/** A stream of numbered names: `name(0)`, `name(1)`, …, so many; `atNs` for a replay. */
function streaming(total: number, atNs?: (at: number) => number): QuerySource {
  let at = 0;
  return {
    summary: "a stream",
    repeats: undefined,
    next: async (most) =>
      Array.from({ length: Math.min(most, total - at) }, (): Asked => {
        const n = at++;
        return { query: { name: `n${n}.example.com`, type: "A" }, ...(atNs && { atNs: atNs(n) }) };
      }),
    close: async () => {},
  };
}

/** An answerer that keeps the names that it was asked, in their order. */
async function noting(handler: Handler = (query, peer, socket) => reply(answerTo(query), peer, socket)) {
  const names: string[] = [];
  const answerer = await startAnswerer((query, peer, socket) => {
    names.push(query.subarray(13, 13 + query[12]!).toString());
    handler(query, peer, socket);
  });
  closing.push(() => answerer.close());
  return { target: { address: answerer.address, port: answerer.port }, names };
}

function native() {
  const answerer = Answerer.start({ address: "127.0.0.1" });
  closing.push(() => answerer.close());
  return { target: { address: answerer.address, port: answerer.port }, answerer };
}

interface More {
  readonly sending?: Partial<Sending>;
  readonly setting?: Partial<Setting>;
  readonly endEarly?: boolean;
  readonly signal?: AbortSignal;
}

async function tried(target: Sending["target"], source: QuerySource, offer: Offer, more: More = {}): Promise<Trial> {
  const sending = {
    target,
    timeoutMs: 500,
    ports: 8,
    train: 64,
    arrivals: "constant",
    sources: [],
    ...more.sending,
  } as const;
  const setting = { sending, objective: parseObjective("loss<0.1%"), shards: 1, cpus: [], ...more.setting };
  const { endEarly = false, signal = new AbortController().signal } = more;
  const trial = await runTrial(setting, source, offer, { endEarly, signal, onProgress: () => {} });
  expectToAddUp(trial);
  return trial;
}

/** What holds of every trial, however it went. */
function expectToAddUp(trial: Trial) {
  const { sent, answered, timeouts, unreachable, send_failed, voided, cancelled } = trial;
  expect(sent).toBe(answered + timeouts + unreachable + send_failed + voided + cancelled);
  expect(Object.values(trial.rcodes).reduce((sum, count) => sum + count, 0)).toBe(answered);
  expect(trial.latency.count).toBe(answered + timeouts + unreachable);
  expect(trial.buckets.reduce((sum, [, , count]) => sum + count, 0)).toBe(trial.latency.count);
  expect(trial.lateness.count).toBe(sent);
  for (const [key, total] of [
    ["sent", sent],
    ["answered", answered],
    ["lost", timeouts + unreachable],
  ] as const)
    expect(
      trial.moments.reduce((sum, moment) => sum + moment[key], 0),
      key,
    ).toBe(total);
}

describe("a constant rate", () => {
  test("sends what was wanted, and tells of each query", async () => {
    const { target, answerer } = native();
    const trial = await tried(target, repeating(question), { kind: "rate", rateQps: 5000, seconds: 1.2 });
    expect(trial).toMatchObject({ sent: 6000, answered: 6000, offered_qps: 5000, ended_early: null, misses: [] });
    expect(answerer.queries()).toBe(6000);
    expect(trial.sent_qps).toBeCloseTo(5000, -2);
    expect(trial.ports.used).toBe(8);
    expect(trial.answer_octets).toBeGreaterThan(12);
    expect(trial.cpu.generator).toBeGreaterThan(0);
  });

  test("streams queries that are more than one plan takes, each once and none left out", async () => {
    const { target, names } = await noting();
    const trial = await tried(target, streaming(1e9), { kind: "rate", rateQps: 4000, seconds: 1.5 });
    expect(trial.sent).toBe(6000);
    expect(new Set(names).size).toBe(6000);
    expect(Math.max(...names.map((name) => Number(name.slice(1))))).toBe(5999);
  });

  test("ends with a source that ends", async () => {
    const { target, names } = await noting();
    const trial = await tried(target, streaming(700), { kind: "rate", rateQps: 1000, seconds: 5 });
    expect(trial).toMatchObject({ sent: 700, ended_early: "the queries ran out" });
    expect(names).toHaveLength(700);
  });

  test("takes turns on its source addresses", async () => {
    const peers = new Map<string, number>();
    const { target } = await noting((query, peer, socket) => {
      peers.set(peer.address, (peers.get(peer.address) ?? 0) + 1);
      reply(answerTo(query), peer, socket);
    });
    const sources = ["127.0.0.1", "127.0.0.2", "127.0.0.3"];
    const trial = await tried(
      target,
      repeating(question),
      { kind: "rate", rateQps: 1000, seconds: 1 },
      { sending: { sources } },
    );
    expect(trial.sent).toBe(1000);
    expect([...peers].sort()).toEqual([
      ["127.0.0.1", 334],
      ["127.0.0.2", 333],
      ["127.0.0.3", 333],
    ]);
  });
});

test("a ramp rises evenly", async () => {
  const { target } = native();
  const trial = await tried(target, repeating(question), { kind: "ramp", fromQps: 1000, toQps: 9000, seconds: 2 });
  expect(trial.sent).toBe(10_000);
  const [first, second] = trial.moments;
  expect(first!.sent / second!.sent).toBeCloseTo(3000 / 7000, 1);
});

describe("a closed loop", () => {
  test("never has more in flight than it may", async () => {
    let [waiting, most] = [0, 0];
    const { target } = await noting((query, peer, socket) => {
      most = Math.max(most, ++waiting);
      setTimeout(() => {
        waiting--;
        reply(answerTo(query), peer, socket);
      }, 5);
    });
    const trial = await tried(target, repeating(question), { kind: "closed", inflight: 20, seconds: 1 });
    expect(most).toBeLessThanOrEqual(20);
    expect(trial.answered).toBeGreaterThan(200);
    expect(trial.cancelled).toBeLessThanOrEqual(20);
  });

  test("asks a stream in its order, each query once", async () => {
    const { target, names } = await noting();
    const trial = await tried(target, streaming(3000), { kind: "closed", inflight: 10, seconds: 20 });
    expect(trial.answered).toBe(3000);
    expect(new Set(names).size).toBe(3000);
  });
});

test("a replay keeps the times of its source", async () => {
  const { target } = native();
  // 100 at once every 100 ms.
  const source = streaming(1000, (at) => Math.floor(at / 100) * 100e6);
  const trial = await tried(target, source, { kind: "replay" });
  expect(trial.answered).toBe(1000);
  expect(trial.seconds).toBeGreaterThan(0.85);
  expect(trial.seconds).toBeLessThan(1.3);
});

describe("what the server does wrong", () => {
  test("a lost query counts with the whole timeout, in every percentile", async () => {
    let turn = 0;
    const { target } = await noting((query, peer, socket) => {
      if (++turn % 10 !== 0) reply(answerTo(query), peer, socket);
    });
    const trial = await tried(target, repeating(question), { kind: "rate", rateQps: 1000, seconds: 1 });
    expect(trial).toMatchObject({ answered: 900, timeouts: 100, misses: [{ limit: "loss<0.1%", got: 0.1 }] });
    expect(trial.latency.p50_ns).toBeLessThan(500e6);
    expect(trial.latency.p95_ns).toBeGreaterThanOrEqual(500e6);
  });

  test("REFUSED and truncated answers are told apart, and told to look like rate limiting", async () => {
    let turn = 0;
    const { target } = await noting((query, peer, socket) => {
      const answer = answerTo(query, ++turn % 4 === 0 ? 5 : 0);
      if (turn % 4 === 1) answer[2]! |= 2;
      reply(answer, peer, socket);
    });
    const trial = await tried(
      target,
      repeating(question),
      { kind: "rate", rateQps: 1000, seconds: 1 },
      {
        setting: { objective: parseObjective("refused<10%,truncated<30%") },
      },
    );
    expect(trial).toMatchObject({ rcodes: { NOERROR: 750, REFUSED: 250 }, truncated: 250 });
    expect(trial.misses).toEqual([{ limit: "refused<10%", got: 0.25 }]);
    expect(trial.notes.join("\n")).toMatch(/REFUSED: the server may limit the rate/);
    expect(trial.notes.join("\n")).toMatch(/truncated/);
  });

  test("answers after the timeout are lost, and told as late", async () => {
    const { target } = await noting(
      (query, peer, socket) => void setTimeout(() => reply(answerTo(query), peer, socket), 150),
    );
    const trial = await tried(
      target,
      repeating(question),
      { kind: "rate", rateQps: 200, seconds: 1 },
      { sending: { timeoutMs: 50 } },
    );
    expect(trial.timeouts).toBe(200);
    expect(trial.late).toBeGreaterThan(0);
    expect(trial.notes.join("\n")).toMatch(/came after the timeout/);
  });

  test("a closed port is loss as slow as any, not fast answers", async () => {
    const target = { address: "127.0.0.1", port: await freePort() };
    const trial = await tried(target, repeating(question), { kind: "rate", rateQps: 500, seconds: 0.5 });
    expect(trial).toMatchObject({ answered: 0, unreachable: 250 });
    expect(trial.latency.p50_ns).toBeGreaterThanOrEqual(500e6);
  });
});

describe("an early end", () => {
  test("comes when a share cannot be held any more", async () => {
    const { target } = await noting(() => {});
    const trial = await tried(
      target,
      repeating(question),
      { kind: "rate", rateQps: 1000, seconds: 30 },
      { endEarly: true },
    );
    expect(trial.ended_early).toBe("loss<0.1% cannot be held any more");
    expect(trial.seconds).toBeLessThan(10);
    expect(trial.misses).toHaveLength(1);
  });

  test("comes when it is aborted, with all that was sent until then", async () => {
    const { target } = native();
    const controller = new AbortController();
    setTimeout(() => controller.abort("SIGINT"), 2000);
    const trial = await tried(
      target,
      streaming(1e9),
      { kind: "rate", rateQps: 5000, seconds: 60 },
      { signal: controller.signal },
    );
    expect(trial.ended_early).toBe("SIGINT");
    expect(trial.answered).toBeGreaterThan(100);
  });

  test("a source that fails fails the trial", async () => {
    const { target } = native();
    const source: QuerySource = { ...streaming(1), next: () => Promise.reject(new Error("line 7: no such thing")) };
    await expect(tried(target, source, { kind: "rate", rateQps: 10, seconds: 1 })).rejects.toThrow("line 7");
  });

  test("a source address that is not this host's fails it with the kernel's words", async () => {
    const { target } = native();
    const offer = { kind: "rate", rateQps: 10, seconds: 1 } as const;
    await expect(tried(target, repeating(question), offer, { sending: { sources: ["203.0.113.77"] } })).rejects.toThrow(
      /EADDRNOTAVAIL/,
    );
  });
});
