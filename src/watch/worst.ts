// Which of many targets are worst: those that are down, then by loss, then the slowest. Percentiles of all of them would take a
// second of the event loop; so few are picked by what is known at once, and only those are put in order by their p99.
import type { Tally } from "./tally.js";

/** So many times as many are looked at as are wanted. */
const spare = 4;
/** What being down, and a thousandth of loss, weighs beside a round trip in ms. */
const [downWeight, lossWeight] = [1e12, 1e8] as const;

/** worstOf gives the indexes of the `count` worst targets, the worst first. Equal ones stay in their order. */
export function worstOf(tally: Tally, count: number): number[] {
  const { targets } = tally;
  const keys = new Float64Array(targets);
  for (let i = 0; i < targets; i++) keys[i] = rough(tally, i) + Math.min(tally.slowest(i), lossWeight - 1);
  const picked = greatest(keys, count * spare);
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

/** The indexes of the `count` greatest keys; of equal ones the first. */
function greatest(keys: Float64Array, count: number): number[] {
  if (count >= keys.length) return [...keys.keys()];
  const least = keys.toSorted()[keys.length - count]!;
  const above: number[] = [];
  const equal: number[] = [];
  keys.forEach((key, index) => {
    if (key > least) above.push(index);
    else if (key === least && above.length + equal.length < count) equal.push(index);
  });
  return [...above, ...equal].slice(0, count).sort((a, b) => a - b);
}
