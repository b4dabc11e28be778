// The worst of many targets, against a model that sorts them all.
import fc from "fast-check";
import { expect, it } from "vitest";
import { Tally } from "../../src/watch/tally.js";
import { worstOf } from "../../src/watch/worst.js";

function tallyOf(targets: number, failures: readonly number[][], rtts: readonly number[]): Tally {
  const tally = new Tally(targets, { rise: 1, fall: 3 });
  for (const [target, rtt] of rtts.entries()) for (let i = 0; i < 10; i++) tally.answered(target, 0, rtt, i, false);
  for (const [target, times] of failures) for (let i = 0; i < times!; i++) tally.unanswered(target!, "timeout", 20 + i);
  return tally;
}

it("is those that are down, then by loss, then by p99; equal ones in their order", () => {
  const rtts = [1e6, 9e6, 1e6, 2e6, 1e6, 1e6];
  const failures = [
    [2, 1],
    [3, 4],
    [4, 2],
  ];
  const tally = tallyOf(6, failures, rtts);
  expect(worstOf(tally, 6)).toEqual([3, 4, 2, 1, 0, 5]);
  expect(worstOf(tally, 2)).toEqual([3, 4]);
  expect(worstOf(tally, 0)).toEqual([]);
  expect(worstOf(tally, 100)).toHaveLength(6);
});

it("finds the same few among many as sorting all of them does", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(4), fc.integer({ min: 1, max: 1e9 })), { minLength: 1, maxLength: 300 }),
      (all) => {
        const failures = all.map(([failed], target) => [target, failed]);
        const tally = tallyOf(
          all.length,
          failures,
          all.map(([, rtt]) => rtt),
        );
        const down = (target: number) => (tally.state(target) === "down" ? 1 : 0);
        const p99 = (target: number) => tally.latency.summary(target).p99Ns;
        const sorted = all
          .map((_, target) => target)
          .sort((a, b) => down(b) - down(a) || tally.loss(b) - tally.loss(a) || p99(b) - p99(a) || a - b);
        expect(worstOf(tally, 5)).toEqual(sorted.slice(0, 5));
      },
    ),
    { numRuns: 200 },
  );
});
