// An objective: bounds on latency, loss and rcodes over a sliding window. A service that breaks one is alive, and worse than
// it should be. Pure: samples and the time come in, a report goes out.
import { rcodeWord } from "../probe/dns-word.js";
import { formatDuration } from "../units.js";
import { maxBounds, type Tally, Windows, within } from "./window.js";

/** Sample is what came of one probe. */
export interface Sample {
  readonly sentNs: number;
  /** Undefined: no answer came. */
  readonly rttNs: number | undefined;
  /** Undefined: no answer came, or none that has an rcode. */
  readonly rcode: number | undefined;
}

/** ObjectiveRules is what a service must keep to, and over which windows it is judged. ns, shares of 0-1 */
export interface ObjectiveRules {
  /** So many per cent (0-100) of all probes are answered within the limit; one without an answer is slower than any. */
  readonly latency: readonly { readonly percentile: number; readonly limitNs: number }[];
  /** At most this fraction of all probes has no answer; undefined: any may have none. */
  readonly loss: number | undefined;
  /** By rcode: at most this fraction of all probes is answered with it. */
  readonly rcodes: ReadonlyMap<number, number>;
  /** The long window, for the slow burn: a bound is broken over all of it. */
  readonly windowNs: number;
  /** The short window, for the fast burn: a bound is broken so badly that the long one need not fill; at most as long. */
  readonly fastWindowNs: number;
  /** So many times as many as a bound allows are a fast burn, at least 1. Where that is more than all probes, all are. */
  readonly fastBurn: number;
  /** A window with fewer samples is not judged. */
  readonly minSamples: number;
}

/** ObjectiveReport is how an objective stands. Plain JSON. */
export interface ObjectiveReport {
  /** A bound burns, slowly or fast. */
  readonly breached: boolean;
  /** Why it is breached, a sentence for each bound that burns; or why nothing can be said of it. */
  readonly reasons: readonly string[];
  /** In the long window. */
  readonly samples: number;
  readonly figures: readonly BoundFigures[];
}

/** BoundFigures is how one bound stands. */
export interface BoundFigures {
  /** `p99`, `loss`, `SERVFAIL`. */
  readonly name: string;
  /** Of limit and values: percentiles are in ns. */
  readonly unit: "ns" | "fraction";
  readonly limit: number;
  readonly slow: BurnFigures;
  readonly fast: BurnFigures;
}

/** BurnFigures is how one bound stands in one window. */
export interface BurnFigures {
  readonly windowNs: number;
  readonly samples: number;
  /** So many of them are not as the bound wants them. */
  readonly bad: number;
  /** Percentiles at most 0.8 % too high; null where there is none: no samples, or no answer. */
  readonly value: number | null;
  /** False also where there are too few samples to judge by. */
  readonly burns: boolean;
}

/** Bound is anything that at most a share of all probes may break. */
interface Bound {
  readonly name: string;
  readonly limit: number;
  readonly budget: number;
  readonly percentile?: number;
  readonly isBroken: (sample: Sample) => boolean;
}

/** Objective holds one service's probes at one prefix against its bounds. All times are of one monotonic clock, in ns. */
export class Objective {
  readonly #rules: ObjectiveRules;
  readonly #bounds: readonly Bound[];
  readonly #windows: Windows;

  constructor(rules: ObjectiveRules) {
    this.#rules = rules;
    this.#bounds = boundsOf(rules);
    const { windowNs, fastWindowNs, fastBurn } = rules;
    if (!(fastWindowNs > 0 && fastWindowNs <= windowNs))
      throw new RangeError(`fast window: expected more than 0 and at most ${windowNs} ns, got ${fastWindowNs}`);
    if (!(fastBurn >= 1)) throw new RangeError(`fast burn: expected at least 1, got ${fastBurn}`);
    if (this.#bounds.length > maxBounds)
      throw new RangeError(`expected at most ${maxBounds} bounds, got ${this.#bounds.length}`);
    this.#windows = new Windows(windowNs, fastWindowNs, this.#bounds.length);
  }

  /** record takes what came of a probe, in any order. */
  record(sample: Sample): void {
    let broken = 0;
    for (let index = 0; index < this.#bounds.length; index++)
      if (this.#bounds[index]!.isBroken(sample)) broken |= 1 << index;
    this.#windows.record(sample.sentNs, broken, sample.rttNs);
  }

  /** report judges the samples sent in the windows that end at `nowNs`, never before that of an earlier report. */
  report(nowNs: number): ObjectiveReport {
    this.#windows.advance(nowNs);
    const { windowNs, fastWindowNs, fastBurn, minSamples } = this.#rules;
    const { long, short } = this.#windows;
    const figures = this.#bounds.map((bound, index): BoundFigures => {
      const tooMany = within(bound.budget, long.samples) + 1;
      const farTooMany = Math.max(1, leastOf(Math.min(1, fastBurn * bound.budget), short.samples));
      const slow = long.samples >= minSamples && long.broke(index) >= tooMany;
      const fast = short.samples >= minSamples && short.broke(index) >= farTooMany;
      return {
        name: bound.name,
        unit: bound.percentile === undefined ? "fraction" : "ns",
        limit: bound.limit,
        slow: measure(long, windowNs, bound, index, slow),
        fast: measure(short, fastWindowNs, bound, index, fast),
      };
    });
    const breached = figures.some(({ slow, fast }) => slow.burns || fast.burns);
    const reasons = figures.flatMap((figure) => reasonOf(figure) ?? []);
    if (!breached && long.samples < minSamples)
      reasons.push(
        `too few probes to judge by: ${long.samples} over ${plain(windowNs)}, expected at least ${minSamples}`,
      );
    return { breached, reasons, samples: long.samples, figures };
  }
}

function boundsOf({ latency, loss, rcodes }: ObjectiveRules): Bound[] {
  return [
    ...latency.map(({ percentile, limitNs }) => ({
      name: `p${percentile}`,
      limit: limitNs,
      budget: (100 - percentile) / 100,
      percentile,
      isBroken: ({ rttNs }: Sample) => rttNs === undefined || rttNs > limitNs,
    })),
    ...(loss === undefined
      ? []
      : [{ name: "loss", limit: loss, budget: loss, isBroken: ({ rttNs }: Sample) => rttNs === undefined }]),
    ...[...rcodes].map(([number, share]) => ({
      name: rcodeWord(number),
      limit: share,
      budget: share,
      isBroken: ({ rcode }: Sample) => rcode === number,
    })),
  ];
}

function measure(tally: Tally, windowNs: number, bound: Bound, index: number, burns: boolean): BurnFigures {
  const { samples } = tally;
  const bad = tally.broke(index);
  const value = bound.percentile === undefined ? bad / samples : percentileOf(tally, bound, bound.percentile, bad);
  return { windowNs, samples, bad, value: Number.isFinite(value) ? value : null, burns };
}

/** The count is exact, the histogram's percentile a little high: it must not be told above a limit that it keeps. */
function percentileOf(tally: Tally, { limit, budget }: Bound, percentile: number, bad: number): number {
  const ns = tally.percentileNs(percentile);
  return bad <= within(budget, tally.samples) ? Math.min(ns, limit) : ns;
}

/** One sentence is enough where both burn. */
function reasonOf({ name, unit, limit, slow, fast }: BoundFigures): string | undefined {
  const burn = slow.burns ? slow : fast.burns ? fast : undefined;
  if (!burn) return undefined;
  const over = `over ${plain(burn.windowNs)}`;
  const pace = burn === fast ? ["fast"] : [];
  if (unit === "ns") {
    const value = burn.value === null ? "no answer," : formatDuration(burn.value);
    return `${name} ${value} above ${plain(limit)} ${over} (${[...pace, `${burn.samples} probes`].join(", ")})`;
  }
  return `${name} ${percent(burn.value!, 3)} above ${percent(limit, 12)} ${over}${pace.map((word) => ` (${word})`).join("")}`;
}

/** The least number out of `count` that is at least a share of it. */
function leastOf(share: number, count: number): number {
  return count - within(1 - share, count);
}

/** A duration that somebody wrote down: `30s`, not `30.0s`. */
function plain(ns: number): string {
  return formatDuration(ns).replace(/\.0+(?=\D)|(?<=\.\d+)0+(?=\D)|(?<=[hm])0[ms]$/, "");
}

function percent(share: number, digits: number): string {
  return `${Number((share * 100).toPrecision(digits))}%`;
}
