// The servers of known behaviour do what the lab's arithmetic takes for granted, under real traffic.
import { describe, expect, it } from "vitest";
import { startManner, type Told } from "../../bench/answerer.js";
import { answered, type ResultBatch } from "../../src/engine/batch.js";
import { Engine } from "../../src/engine/engine.js";
import { nsPerMs, nsPerSecond } from "../../src/units.js";
import { question } from "../support/engine.js";

interface Asked {
  readonly sentNs: number;
  readonly rttNs: number;
  readonly answered: boolean;
  readonly rcode: number;
  readonly truncated: boolean;
}

/** offer sends at a rate to a server of a manner, and gives what became of each query, in the order sent, and what it told. */
async function offer(rateQps: number, seconds: number, ...manner: string[]): Promise<{ asked: Asked[]; told: Told }> {
  const server = await startManner(...manner);
  const asked: Asked[] = [];
  const count = rateQps * seconds;
  try {
    await new Promise<void>((resolve) => {
      const engine = new Engine({ answerOctets: 12 }, (batch) => {
        note(batch, asked);
        if (asked.length < count) return;
        engine.close();
        resolve();
      });
      const schedule = { rateQps, count };
      engine.submit({ probes: [{ target: server, query: question }], schedule, timeoutMs: 1000 });
    });
  } finally {
    await server.stop();
  }
  return { asked: asked.sort((a, b) => a.sentNs - b.sentNs), told: await server.told() };
}

function note(batch: ResultBatch, into: Asked[]) {
  for (let i = 0; i < batch.length; i++) {
    const at = batch.answerAt[i]!;
    into.push({
      sentNs: batch.sentNs[i]!,
      rttNs: batch.rttNs[i]!,
      answered: batch.outcome[i] === answered,
      rcode: batch.rcode[i]!,
      truncated: batch.answerLength[i]! > 2 && (batch.bytes[at + 2]! & 2) !== 0,
    });
  }
}

/** withToken counts the queries for which a bucket has a token, by the times at which they were sent. */
function withToken(asked: readonly Asked[], qps: number, burst: number): number {
  let [tokens, last, taken] = [burst, asked[0]!.sentNs, 0];
  for (const { sentNs } of asked) {
    tokens = Math.min(burst, tokens + ((sentNs - last) / nsPerSecond) * qps);
    last = sentNs;
    if (tokens < 1) continue;
    tokens -= 1;
    taken++;
  }
  return taken;
}

const within = (share: number, got: number, wanted: number) => {
  expect(got, `${got}, for ${wanted}`).toBeGreaterThan((1 - share) * wanted);
  expect(got, `${got}, for ${wanted}`).toBeLessThan((1 + share) * wanted);
};

describe("a server with a limit", () => {
  it("drops what is over it, and nothing else", async () => {
    const { asked, told } = await offer(40_000, 1, "--limit", "20000");
    const answers = asked.filter((one) => one.answered).length;
    expect(told).toMatchObject({ queries: [40_000], dropped: 40_000 - answers });
    // 5 ms worth of the limit is 100.
    within(0.01, answers, withToken(asked, 20_000, 100));
  });

  it("drops nothing below it", async () => {
    const { asked, told } = await offer(10_000, 0.5, "--limit", "20000", "--burst-ms", "500");
    expect(told).toMatchObject({ queries: [5000], dropped: 0 });
    expect(asked.every((one) => one.answered && one.rcode === 0)).toBe(true);
  });
});

it("a server that limits its clients answers REFUSED above a rate", async () => {
  const { asked, told } = await offer(20_000, 1, "--rcode-above", "10000");
  const of = (rcode: number) => asked.filter((one) => one.answered && one.rcode === rcode).length;
  expect(of(0) + of(5)).toBe(20_000);
  expect(told.refused).toBe(of(5));
  within(0.01, of(0), withToken(asked, 10_000, 50));
});

describe("a server that slows down", () => {
  const slow = ["--delay-above", "10000", "--delay-ms", "100"];

  it("answers late above its rate, and takes all queries meanwhile", async () => {
    const { asked, told } = await offer(20_000, 1, ...slow);
    expect(asked.every((one) => one.answered)).toBe(true);
    const late = asked.filter(({ rttNs }) => rttNs >= 99 * nsPerMs).length;
    expect(late).toBeGreaterThanOrEqual(told.delayed);
    // Of the first 50 ms, all or half were in time: the window fills up.
    within(0.05, told.delayed, 19_500);
  });

  it("answers at once below it", async () => {
    const { asked, told } = await offer(1000, 0.5, ...slow);
    expect(asked.every((one) => one.answered)).toBe(true);
    expect(told.delayed).toBe(0);
  });
});

it("a server that freezes loses nothing, and answers afterwards", async () => {
  const { asked, told } = await offer(10_000, 2, "--freeze-ms", "100", "--freeze-every-ms", "500");
  expect(asked.every((one) => one.answered)).toBe(true);
  expect(told.freezes).toBeGreaterThanOrEqual(3);
  // A query due u into a freeze waits 100 ms - u: those of its first 80 ms wait 20 ms and more.
  const held = asked.filter(({ rttNs }) => rttNs > 20 * nsPerMs).length;
  expect(held).toBeGreaterThan(0.95 * 3 * 800);
  expect(held).toBeLessThan(10_000);
  const longest = Math.max(...asked.map(({ rttNs }) => rttNs));
  expect(longest).toBeGreaterThan(95 * nsPerMs);
});

it("a server that truncates sets TC in every answer", async () => {
  const { asked } = await offer(1000, 0.2, "--truncate");
  expect(asked).toHaveLength(200);
  expect(asked.every((one) => one.answered && one.truncated)).toBe(true);
});
