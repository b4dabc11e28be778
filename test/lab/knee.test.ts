// The knee that a sweep shows, with trials that contradict one another.
import { expect, test } from "vitest";
import { knee } from "./capacity.js";

const trial = (offered_qps: number, held: boolean, limited_by_generator: string | null = null) => ({
  offered_qps,
  misses: held ? [] : [{ limit: "loss<0.1%", got: 0.01 }],
  limited_by_generator,
});

test("lies between the highest rate that held and the lowest that did not", () => {
  const trials = [80, 90, 100, 110, 120].map((rate) => trial(rate, rate <= 100));
  expect(knee(trials)).toBeCloseTo(Math.sqrt(100 * 110));
  expect(knee(trials.toReversed())).toBe(knee(trials));
});

test("goes by the majority, and not by what the generator spoilt", () => {
  const clear = [80, 90, 100, 110, 120].flatMap((rate) => [1, 2, 3].map(() => trial(rate, rate <= 100)));
  expect(knee([...clear, trial(80, false), trial(120, true)])).toBe(knee(clear));
  expect(knee([...clear, ...[1, 2, 3, 4, 5].map(() => trial(90, false, "late"))])).toBe(knee(clear));
});

test("lies in the middle where as many contradict on either side, and nowhere in a single rate", () => {
  const trials = [trial(90, true), trial(100, true), trial(100, false), trial(110, false)];
  expect(knee(trials)).toBeCloseTo((Math.sqrt(90 * 100) + Math.sqrt(100 * 110)) / 2);
  expect(knee([trial(90, true)])).toBeNaN();
});
