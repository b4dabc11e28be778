// The search against servers that are arithmetic: it finds their knee, within its resolution, whatever the noise.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Goal, type Searcher, search, type Verdict } from "../../src/load/search.js";

const goal: Goal = { fromQps: 1000, maxQps: 100e6, resolution: 0.01, finalSeconds: 20, withinSeconds: 3600 };

interface Trial {
  readonly qps: number;
  readonly seconds: number;
}

/** A server that is asked by arithmetic; `verdictOf` tells what each trial finds, the how-manieth it is. */
function asking(verdictOf: (trial: Trial, turn: number) => Verdict | undefined) {
  const trials: Trial[] = [];
  const searcher: Searcher = {
    trial: async (qps, seconds) => verdictOf({ qps, seconds }, trials.push({ qps, seconds }) - 1),
    elapsedSeconds: () => trials.reduce((sum, { seconds }) => sum + seconds + 0.3, 0),
  };
  return { trials, searcher };
}
const upTo =
  (knee: number) =>
  ({ qps }: Trial) =>
    (qps <= knee ? "held" : "missed") as Verdict;

describe("of a server with a knee", () => {
  test("both bounds are found within the resolution, each by a trial of the full length", async () => {
    await fc.assert(
      fc.asyncProperty(fc.double({ min: 1.5, max: 50e6, noNaN: true }), async (knee) => {
        const { trials, searcher } = asking(upTo(knee));
        const found = await search(goal, searcher);
        expect(found).toMatchObject({ why: "goal", upperIs: "missed" });
        expect(found.lowerQps).toBeLessThanOrEqual(knee);
        expect(found.upperQps).toBeGreaterThan(knee);
        expect(found.upperQps! / found.lowerQps! - 1).toBeLessThanOrEqual(goal.resolution);
        for (const bound of [found.lowerQps, found.upperQps]) {
          expect(trials.some(({ qps, seconds }) => qps === bound && seconds === goal.finalSeconds)).toBe(true);
        }
      }),
    );
  });

  test("it takes minutes, not hours, and never offers twice what held", async () => {
    const { trials, searcher } = asking(upTo(171_000));
    await search(goal, searcher);
    expect(searcher.elapsedSeconds()).toBeLessThan(240);
    let held = 500;
    for (const { qps } of trials) {
      expect(qps).toBeLessThanOrEqual(2 * held);
      if (qps <= 171_000) held = Math.max(held, qps);
    }
  });

  test("one bad moment in any trial changes nothing", async () => {
    const { trials: quiet, searcher } = asking(upTo(50_000));
    const expected = await search(goal, searcher);
    for (let bad = 0; bad < quiet.length; bad++) {
      const noisy = asking((trial, turn) => (turn === bad ? "missed" : upTo(50_000)(trial)));
      const found = await search(goal, noisy.searcher);
      expect(found.lowerQps! / expected.lowerQps!).toBeCloseTo(1, 1);
      expect(Math.abs(found.lowerQps! / expected.lowerQps! - 1)).toBeLessThanOrEqual(0.02);
    }
  });

  test("a knee that only long trials show is found by them", async () => {
    const { searcher } = asking(({ qps, seconds }) => (qps <= (seconds >= 20 ? 40_000 : 60_000) ? "held" : "missed"));
    const found = await search(goal, searcher);
    expect(found.lowerQps).toBeLessThanOrEqual(40_000);
    expect(found.lowerQps).toBeGreaterThan(40_000 / 1.02);
  });

  test("a knee that short trials saw too low is found by the long ones", async () => {
    const { searcher } = asking(({ qps, seconds }) => (qps <= (seconds >= 10 ? 44_000 : 40_000) ? "held" : "missed"));
    const found = await search(goal, searcher);
    expect(found.lowerQps).toBeGreaterThan(44_000 / 1.05);
    expect(found.lowerQps).toBeLessThanOrEqual(44_000);
  });
});

test("a server that holds nothing has no lower bound", async () => {
  const { trials, searcher } = asking(() => "missed");
  expect(await search(goal, searcher)).toEqual({ lowerQps: null, upperQps: 1, upperIs: "missed", why: "none" });
  expect(trials.length).toBeLessThan(30);
});

test("a server that holds all that may be offered has no upper bound, and was offered that for the full length", async () => {
  const { trials, searcher } = asking(() => "held");
  const found = await search({ ...goal, maxQps: 90_000 }, searcher);
  expect(found).toEqual({ lowerQps: 90_000, upperQps: null, upperIs: null, why: "max" });
  expect(trials.at(-1)).toEqual({ qps: 90_000, seconds: 20 });
});

test("where the generator is the limit, the upper bound says so", async () => {
  const { searcher } = asking(({ qps }) => (qps <= 80_000 ? "held" : "limited"));
  expect(await search(goal, searcher)).toMatchObject({ why: "goal", upperIs: "limited" });
});

test("when its time runs out, it tells the bounds that it has", async () => {
  const { searcher } = asking(upTo(50_000));
  const found = await search({ ...goal, withinSeconds: 30 }, searcher);
  expect(found.why).toBe("time");
  expect(searcher.elapsedSeconds()).toBeLessThanOrEqual(30);
  expect(found.lowerQps).toBeLessThanOrEqual(50_000);
  expect(found.upperQps).toBeGreaterThan(50_000);
});

test("aborted, it tells the bounds that it has", async () => {
  const { searcher } = asking((trial, turn) => (turn === 8 ? undefined : upTo(50_000)(trial)));
  expect(await search(goal, searcher)).toMatchObject({ why: "aborted", lowerQps: 32_000 });
});
