// What happened to a probe, told truly: each outcome, brought about as it comes about in life.
import { constants } from "node:os";
import { afterEach, describe, expect, test } from "vitest";
import { flag } from "../../src/engine/batch.js";
import { type Answerer, answerTo, echo, freePort, reply, silent, startAnswerer } from "../support/answerer.js";
import { question, Recorder } from "../support/engine.js";
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
const fixture = new URL("./fixtures/engine.ts", import.meta.url);
const { ECONNREFUSED } = constants.errno;

describe("answered", () => {
  test("tells the rcode, the round trip and the answer's octets as they came", async () => {
    const sent: Buffer[] = [];
    const answerer = await start((query, peer, socket) => {
      const answer = Buffer.concat([answerTo(query, sent.length % 16), Buffer.alloc(sent.length, 0xab)]);
      sent.push(answer);
      reply(answer, peer, socket);
    });
    const recorder = new Recorder();
    recorder.submit({
      probes: [{ target: answerer, query: question }],
      schedule: { rateQps: 500, count: 32 },
      timeoutMs: 1000,
    });
    await recorder.until(32);
    recorder.stop();
    const rows = recorder.rows.toSorted((a, b) => a.dueNs - b.dueNs);
    rows.forEach((row, i) => {
      expect(row).toMatchObject({ outcome: "answered", rcode: i % 16, errno: 0, flags: flag.kernelStamp });
      expect(row.answer.equals(sent[i]!)).toBe(true);
      expect(row.rttNs).toBeGreaterThan(0);
      expect(row.sentNs).toBeGreaterThanOrEqual(row.dueNs);
    });
  });

  test("keeps the octets asked for and says that there were more", async () => {
    const answerer = await start();
    const recorder = new Recorder({ answerOctets: 20 });
    recorder.submit({
      probes: [{ target: answerer, query: question }],
      schedule: { rateQps: 500, count: 1 },
      timeoutMs: 1000,
    });
    await recorder.until(1);
    recorder.stop();
    expect(recorder.rows[0]!.answer).toHaveLength(20);
    expect(recorder.rows[0]!.flags).toBe(flag.kernelStamp | flag.cutShort);
  });

  test("comes over IPv6 just the same", async () => {
    const recorder = new Recorder();
    const target = await start(echo, "::1");
    recorder.submit({ probes: [{ target, query: question }], schedule: { rateQps: 100, count: 3 }, timeoutMs: 1000 });
    await recorder.until(3);
    expect(recorder.stop().tally).toEqual({ answered: 3 });
  });

  test("has a round trip no longer than what the answerer and its query's sender saw", async () => {
    const holdMs = 30;
    const answerer = await start((query, peer, socket) => setTimeout(() => echo(query, peer, socket), holdMs));
    const recorder = new Recorder();
    recorder.submit({
      probes: [{ target: answerer, query: question }],
      schedule: { rateQps: 50, count: 5 },
      timeoutMs: 1000,
    });
    await recorder.until(5);
    const endNs = Number(process.hrtime.bigint());
    recorder.stop();
    for (const { rttNs, sentNs } of recorder.rows) {
      expect(rttNs).toBeGreaterThan((holdMs - 1.5) * 1e6);
      expect(sentNs + rttNs).toBeLessThan(endNs);
    }
  });
});

describe("timeout", () => {
  test("comes when the timeout has passed, and soon after", async () => {
    const recorder = new Recorder();
    const target = await start(silent);
    recorder.submit({ probes: [{ target, query: question }], schedule: { rateQps: 100, count: 10 }, timeoutMs: 400 });
    await recorder.until(10);
    expect(recorder.stop().tally).toEqual({ timeout: 10 });
    for (const { rttNs, errno, answer } of recorder.rows) {
      expect(rttNs).toBeGreaterThanOrEqual(400e6);
      expect(rttNs).toBeLessThan(450e6);
      expect([errno, answer.length]).toEqual([0, 0]);
    }
  });

  test("is the end of a probe whose answer comes later; that counts as late", async () => {
    const recorder = new Recorder();
    const target = await start((query, peer, socket) => setTimeout(() => echo(query, peer, socket), 120));
    recorder.submit({ probes: [{ target, query: question }], schedule: { intervalMs: 50, count: 6 }, timeoutMs: 70 });
    await recorder.until(5);
    await new Promise((resolve) => setTimeout(resolve, 40));
    const { counters, tally } = recorder.stop();
    expect(tally.answered).toBeUndefined();
    expect(counters.late).toBeGreaterThan(0);
  });
});

describe("unreachable", () => {
  test.each(["127.0.0.1", "::1"])("comes at once from a dead port of %s", async (address) => {
    const recorder = new Recorder();
    const target = { address, port: await freePort(address) };
    recorder.submit({ probes: [{ target, query: question }], schedule: { rateQps: 100, count: 20 }, timeoutMs: 2000 });
    await recorder.until(20);
    expect(recorder.stop().tally).toEqual({ unreachable: 20 });
    for (const { errno, rttNs } of recorder.rows) {
      expect(errno).toBe(ECONNREFUSED);
      expect(rttNs).toBeLessThan(20e6);
    }
  });

  test("is told of the dead ones only, when living and dead share a socket and leave together", async () => {
    const recorder = new Recorder();
    const living = await start();
    const dead = { address: "127.0.0.1", port: await freePort() };
    const isDead = (probe: number) => probe % 3 === 1;
    recorder.submit({
      probes: Array.from({ length: 30 }, (_, i) => ({ target: isDead(i) ? dead : living, query: question })),
      schedule: { intervalMs: 20, count: 3000 },
      timeoutMs: 1000,
    });
    await recorder.until(3000);
    expect(recorder.stop().counters).toMatchObject({ sent: 3000, rows: 3000 });
    for (const { probe, outcome } of recorder.rows) expect(outcome).toBe(isDead(probe) ? "unreachable" : "answered");
  });

  test("is told of plain UDP without an id too", async () => {
    const recorder = new Recorder();
    const target = { address: "127.0.0.1", port: await freePort() };
    const query = { payload: Buffer.from("ping") };
    recorder.submit({ probes: [{ target, query }], schedule: { rateQps: 100, count: 5 }, timeoutMs: 1000 });
    await recorder.until(5);
    expect(recorder.stop().tally).toEqual({ unreachable: 5 });
  });
});

describe("not-local", () => {
  test("is told where the mark rule finds the target not local; an anchor is enough to be local", async () => {
    const { away, back } = await inNamespace(fixture, "mark rule");
    // Under IP_UNICAST_IF the kernel calls nothing unroutable: IPv4 is guarded by silence.
    expect(away).toEqual(["timeout", "not-local"]);
    expect(back).toEqual(["answered", "answered"]);
  });
});

describe("send-failed", () => {
  test("is told with its errno when the source was taken away", async () => {
    const { before, after, errno } = await inNamespace(fixture, "source removed");
    expect([before, after]).toEqual(["answered", "send-failed"]);
    // Kernels differ.
    expect(["EINVAL", "ENETUNREACH"]).toContain(errno);
  });

  test("is told of a target without a route: that is no word about the target", async () => {
    expect(await inNamespace(fixture, "no route")).toEqual([
      { outcome: "send-failed", errno: "ENETUNREACH" },
      { outcome: "send-failed", errno: "ENETUNREACH" },
    ]);
  });

  test("is told of a target that a route prohibits; the living beside it lose nothing", async () => {
    const { tally, errno } = await inNamespace(fixture, "prohibited");
    // A busy machine may miss a beat, of the ones or of the others.
    expect(Object.keys(tally).sort()).toEqual(["answered", "send-failed"]);
    expect(Math.abs(tally.answered - tally["send-failed"])).toBeLessThan(10);
    expect(errno).toBe("EACCES");
  });
});

describe("a prober that stands still", () => {
  test.each([
    ["never", undefined, "voided"],
    ["in time", 100, "answered"],
    ["too late", 1300, "voided"],
  ])("for 1.5 s calls nothing timeout: a target that answers %s", async (_, afterMs, outcome) => {
    const answerer = await start((query, peer, socket) => {
      child.stall(1500);
      if (afterMs !== undefined) setTimeout(() => echo(query, peer, socket), afterMs);
    });
    const child = stallable(fixture, "stall", `${answerer.port}`);
    const { outcomes, stalls } = await child.result;
    expect(outcomes).toEqual([outcome]);
    if (outcome === "voided") expect(stalls).toBe(1);
  });
});
