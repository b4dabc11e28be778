// Which of many targets are worst: those that are down, then by loss, then the slowest. Percentiles of all of them would take a
// second of the event loop; so few are picked by what is known at once, and only those are put in order by their p99.
import type { Tally } from "./tally.js";

/** So many times as many are looked at as are wanted. */
const spare = 4;
/** What being down, and a thousandth of loss, weighs beside a round trip in ms. */
const [downWeight, lossWeight] = [1e12, 1e8] as const;

/** worstOf gives the indexes of the `count` worst targets, the worst first. Equal ones stay in their order. */
export function worstOf(tally: Tally, count: number): number[] {
  if (count < 1) return [];
  const picked = pick(tally, count * spare);
  const ranked = picked.map((index) => ({
    index,
    rough: rough(tally, index),
    p99Ns: tally.latency.summary(index).p99Ns || 0,
  }));
  ranked.sort((a, b) => b.rough - a.rough || b.p99Ns - a.p99Ns || a.index - b.index);
  return ranked.slice(0, count).map(({ index }) => index);
}

/** What comes before latency: the state, and the loss in thousandths. */
function rough(tally: Tally, index: number): number {
  const loss = tally.loss(index);
  return (tally.state(index) === "down" ? downWeight : 0) + lossWeight * Math.round(1000 * (loss || 0));
}

/** The indexes of the `count` targets that look worst, in no order; one pass, which sorts no more than few of them at a time. */
function pick(tally: Tally, count: number): number[] {
  let picked: { index: number; key: number }[] = [];
  let least = Number.NEGATIVE_INFINITY;
  for (let index = 0; index < tally.targets; index++) {
    const key = rough(tally, index) + Math.min(tally.slowest(index), lossWeight - 1);
    if (key <= least) continue;
    picked.push({ index, key });
    if (picked.length < 2 * count) continue;
    picked = greatest(picked, count);
    least = picked.at(-1)!.key;
  }
  return greatest(picked, count).map(({ index }) => index);
}

/** The sort is stable: of equal ones the first stay. */
function greatest<T extends { readonly key: number }>(all: readonly T[], count: number): T[] {
  return all.toSorted((a, b) => b.key - a.key).slice(0, count);
}
