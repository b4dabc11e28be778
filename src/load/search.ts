// The search for the highest rate that holds an objective. It knows rates, trials and time, and nothing of packets: what a trial
// found is given to it. Words are RFC 9971's: a trial offers one load for one length of time; the relevant lower bound is the
// highest load that held, the upper bound the lowest that did not; the goal is met when the interval between them is narrow
// enough and both rest on trials of the full length.

/** Goal is what a search is to find, and within what. */
export interface Goal {
  /** The load of the first trial, queries a second. */
  readonly fromQps: number;
  /** No trial offers more. */
  readonly maxQps: number;
  /** The bounds are at most this far apart, as a share of the lower one: 0.01 is 1 %. */
  readonly resolution: number;
  /** How long the trials last that the bounds rest on, seconds. */
  readonly finalSeconds: number;
  /** How long the whole search may take, seconds. */
  readonly withinSeconds: number;
}

/** Verdict is what one trial says. `limited`: the generator did not offer what was wanted, so nothing is known of the server. */
export type Verdict = "held" | "missed" | "limited";

/** Found is the end of a search; null: there is no such bound. */
export interface Found {
  readonly lowerQps: number | null;
  readonly upperQps: number | null;
  /** What made the upper bound. */
  readonly upperIs: Exclude<Verdict, "held"> | null;
  /** `goal`: the interval is narrow enough; `max`: maxQps itself held; `none`: not even the lowest load held. */
  readonly why: "goal" | "time" | "max" | "none" | "aborted";
}

/** Searcher runs the trials of a search. */
export interface Searcher {
  /** trial offers a load for so long; undefined: it was aborted, and the search with it. */
  trial(qps: number, seconds: number): Promise<Verdict | undefined>;
  /** How long the search has run, seconds. */
  elapsedSeconds(): number;
  /** expect is told before each trial how many seconds are left, about. */
  expect?(leftSeconds: number): void;
}

/** The shortest trial, where the search is still far from the bounds. */
const shortestSeconds = 0.5;
/** No service is looked at below this, queries a second. */
const lowestQps = 1;
/** A trial waits for its last answers, and for the server to be idle again, about so long. */
const restSeconds = 0.3;

interface Bound {
  readonly qps: number;
  /** The length of the trial that it rests on. */
  readonly seconds: number;
}

class Ended extends Error {
  constructor(readonly why: "time" | "aborted") {
    super(why);
  }
}

/** search finds the bounds. It doubles the load while that holds, and then halves the interval (on the scale of ratios). */
export async function search(goal: Goal, searcher: Searcher): Promise<Found> {
  const bracket = new Bracket(goal, searcher);
  try {
    await bracket.open();
    await bracket.narrow();
    return bracket.found("goal");
  } catch (error) {
    if (!(error instanceof Ended)) throw error;
    return bracket.found(error.why);
  }
}

/** Bracket is what is known so far: loads that held, ascending, and loads that did not. */
class Bracket {
  readonly #goal: Goal;
  readonly #searcher: Searcher;
  #leastSeconds = shortestSeconds;
  #held: Bound[] = [];
  #missed: (Bound & { readonly verdict: Exclude<Verdict, "held"> })[] = [];

  constructor(goal: Goal, searcher: Searcher) {
    this.#goal = goal;
    this.#searcher = searcher;
  }

  get #lower(): Bound | undefined {
    return this.#held.at(-1);
  }

  get #upper() {
    return this.#missed.at(-1);
  }

  found(why: "goal" | "time" | "aborted"): Found {
    const [lower, upper] = [this.#lower, this.#upper];
    return {
      lowerQps: lower?.qps ?? null,
      upperQps: upper?.qps ?? null,
      upperIs: upper?.verdict ?? null,
      why: why !== "goal" ? why : lower === undefined ? "none" : upper === undefined ? "max" : "goal",
    };
  }

  /** open looks for the first load that does not hold. */
  async open(): Promise<void> {
    const { fromQps, maxQps } = this.#goal;
    let qps = Math.min(fromQps, maxQps);
    while ((await this.#try(qps, this.#secondsFor(1))) && qps < maxQps) qps = Math.min(2 * qps, maxQps);
  }

  /** narrow closes the interval until the goal is met. */
  async narrow(): Promise<void> {
    for (let next = this.#next(); next; next = this.#next()) await this.#try(next.qps, next.seconds);
  }

  /** The load that tells most, and for how long; undefined: the goal is met, or nothing holds. */
  #next(): Bound | undefined {
    const { resolution, finalSeconds, maxQps } = this.#goal;
    const [lower, upper] = [this.#lower, this.#upper];
    const full = (bound: Bound) =>
      bound.seconds < finalSeconds ? { qps: bound.qps, seconds: finalSeconds } : undefined;
    if (!lower) {
      if (!upper || upper.qps <= lowestQps) return undefined;
      return { qps: Math.max(upper.qps / 4, lowestQps), seconds: this.#secondsFor(1) };
    }
    // A load that was thought too high held after all.
    if (!upper && lower.qps < maxQps) {
      const step = 1 + 4 * resolution;
      return { qps: Math.min(lower.qps * step, maxQps), seconds: this.#secondsFor(4 * resolution) };
    }
    if (!upper) return full(lower);
    const width = upper.qps / lower.qps - 1;
    if (width > resolution) return { qps: Math.sqrt(lower.qps * upper.qps), seconds: this.#secondsFor(width) };
    // A short trial may have been too kind, or too hard.
    return full(lower) ?? full(upper);
  }

  /** Trials grow as the interval narrows: the last ones decide, and the first ones only need to find the way. */
  #secondsFor(width: number): number {
    const { resolution, finalSeconds } = this.#goal;
    const share = Math.min(1, (2 * resolution) / width);
    return Math.max(Math.min(this.#leastSeconds, finalSeconds), finalSeconds * share);
  }

  /**
   * try offers a load and keeps what came of it. A load that did not hold is tried again, and two of three decide; what the
   * generator spoilt counts only where it spoils three.
   */
  async #try(qps: number, seconds: number): Promise<boolean> {
    const counts = { held: 0, missed: 0, limited: 0 };
    let first: Verdict | undefined;
    do {
      const verdict = await this.#trial(qps, seconds);
      first ??= verdict;
      counts[verdict]++;
    } while (first !== "held" && counts.held < 2 && counts.missed < 2 && counts.limited < 3);
    const held = first === "held" || counts.held >= 2;
    if (held) this.#keepHeld({ qps, seconds });
    else this.#keepMissed({ qps, seconds, verdict: counts.missed > 0 ? "missed" : "limited" });
    return held;
  }

  async #trial(qps: number, seconds: number): Promise<Verdict> {
    const left = this.#goal.withinSeconds - this.#searcher.elapsedSeconds();
    if (seconds + restSeconds > left) throw new Ended("time");
    this.#searcher.expect?.(Math.min(left, this.#estimate()));
    const verdict = await this.#searcher.trial(qps, seconds);
    if (verdict === undefined) throw new Ended("aborted");
    return verdict;
  }

  /** Of loads above it, what was thought to be missed is forgotten: the newest trial at that length knows better. */
  #keepHeld(bound: Bound) {
    this.#held = [...this.#held.filter(({ qps }) => qps < bound.qps), bound];
    this.#missed = this.#missed.filter(({ qps }) => qps > bound.qps);
  }

  /** Where a longer trial disproves a shorter one, what such short ones held near it is forgotten, and none is run any more. */
  #keepMissed(bound: Bound & { readonly verdict: Exclude<Verdict, "held"> }) {
    if (this.#held.some(({ qps }) => qps >= bound.qps)) this.#leastSeconds = bound.seconds;
    const near = bound.qps / (1 + 10 * this.#goal.resolution);
    this.#missed = [...this.#missed.filter(({ qps }) => qps > bound.qps), bound];
    this.#held = this.#held.filter(({ qps, seconds }) => qps < (seconds < this.#leastSeconds ? near : bound.qps));
  }

  /** How long the rest takes, if no load surprises: the halvings that are left, and the two bounds at full length. */
  #estimate(): number {
    const { resolution, finalSeconds, fromQps, maxQps } = this.#goal;
    const lower = this.#lower?.qps ?? fromQps;
    // Before there is an upper bound, a few doublings more are a guess as good as any.
    let width = (this.#upper?.qps ?? Math.min(8 * lower, maxQps)) / lower - 1;
    let seconds = 0;
    for (; width > resolution; width = Math.sqrt(1 + width) - 1)
      seconds += 1.5 * (this.#secondsFor(width) + restSeconds);
    return seconds + 2 * (finalSeconds + restSeconds);
  }
}
