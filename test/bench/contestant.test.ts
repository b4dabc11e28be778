// The bench's own answerer, the limit and the trial of the engine do what the figures say of them.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Answerer, answerers } from "../../bench/answerer.js";
import { answererProgram } from "../../bench/build.js";
import { contestants } from "../../bench/contestant.js";
import { serve } from "../../bench/place.js";

const seconds = 0.3;
let answerer: Answerer;

beforeAll(async () => {
  answerer = await answerers.ours();
});
afterAll(() => answerer.stop());

describe("contestants", () => {
  it.each(["anyprobe", "limit"] as const)("%s counts answers, in trains and without", async (name) => {
    for (const train of [64, 1]) {
      const trial = await contestants[name](answerer, { seconds, inflight: 256, train });
      expect(trial.answered).toBeGreaterThan(1000);
      expect(Math.abs(trial.sent - trial.answered)).toBeLessThan(0.1 * trial.sent);
      expect(trial.seconds).toBeGreaterThan(0.9 * seconds);
      expect(trial.cpuSeconds).toBeGreaterThan(0);
    }
  });

  it("dgram counts answers", async () => {
    expect((await contestants.dgram(answerer, { seconds })).answered).toBeGreaterThan(1000);
  });

  it("anyprobe sends by rate what it was told to, and waits for all of it", async () => {
    const trial = await contestants.anyprobe(answerer, { seconds, rateQps: 10_000 });
    expect(trial).toMatchObject({ sent: 3000, answered: 3000 });
    expect(trial.figures!["lateness_p50_us"]).toBeGreaterThan(0);
  });

  it("asks many targets, each from the address that was asked", async () => {
    const everywhere = await answerers.oursEverywhere();
    try {
      const task = { seconds, inflight: 256, train: 1, targets: 1000 };
      expect((await contestants.anyprobe(everywhere, task)).answered).toBeGreaterThan(1000);
      expect((await contestants.limit(everywhere, task)).answered).toBeGreaterThan(1000);
    } finally {
      await everywhere.stop();
    }
  });
});

describe("answerer", () => {
  it("tells what each of its sockets got", async () => {
    const server = serve([answererProgram(), "--reuseport", "4"], {});
    const port = Number((await server.line()).replace("ready ", ""));
    const target = { address: "127.0.0.1", port, stop: server.stop };
    const { answered } = await contestants.limit(target, { seconds, inflight: 1024, train: 16 });
    await server.stop();
    const { queries } = JSON.parse(await server.line());
    expect(queries).toHaveLength(4);
    // 64 source ports spread over four sockets.
    for (const count of queries) expect(count).toBeGreaterThan(0.05 * answered);
  });
});
