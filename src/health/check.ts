// A check: the rise/fall machine for one question at one prefix. Pure: verdicts and the time come in, transitions go out.
// What state it is in follows from two things only, what it last settled on and the current streak (see streak.ts).
import { formatDuration } from "../units.js";
import { Streak } from "./streak.js";
import type { Verdict } from "./verdict.js";

/** CheckState is how a check stands: rising and falling are on their way to up and down, and not decided. */
export type CheckState = "unknown" | "rising" | "up" | "falling" | "down";

/** CheckRules is how much evidence a check wants. */
export interface CheckRules {
  /** Up needs so many passes in a row, at least 1 … */
  readonly rise: number;
  /** … of which the last was sent at least this long after the first. */
  readonly stableForNs: number;
  /** Down needs so many failures in a row, at least 1 … */
  readonly fall: number;
  /** … of which the last was sent at least this long after the first. */
  readonly confirmForNs: number;
  /** After so long without a pass or a failure the check knows nothing any more. */
  readonly unknownAfterNs: number;
}

/** CheckRecord is one judged probe. */
export interface CheckRecord {
  readonly sentNs: number;
  readonly rttNs: number;
  readonly verdict: Verdict;
}

/** Evidence is what a transition rests on: the last records judged, at most 16, in send order, and how often each cause is among them. */
export interface Evidence {
  readonly records: readonly CheckRecord[];
  /** By reason; `pass` for passes. */
  readonly causes: Readonly<Record<string, number>>;
}

/** Transition is a check's change of state, with what it rests on; ns of the caller's clock. */
export interface Transition {
  readonly from: CheckState;
  readonly to: CheckState;
  readonly atNs: number;
  /** In words: `3 failures in 2.10ms: port unreachable`. */
  readonly reason: string;
  readonly evidence: Evidence;
}

const evidenceLength = 16;
/** A reason is one line; the evidence has the rest. */
const maxCauses = 3;

/** Check decides whether a service is up at one prefix. All times are of one monotonic clock, in ns. */
export class Check {
  readonly #rules: CheckRules;
  #state: CheckState = "unknown";
  #settled: "up" | "down" | undefined;
  #lost = false;
  #decisiveNs = Number.NEGATIVE_INFINITY;
  #streak = new Streak();
  #records: CheckRecord[] = [];

  constructor(rules: CheckRules) {
    const { rise, fall, stableForNs, confirmForNs, unknownAfterNs } = rules;
    for (const [name, value] of Object.entries({ rise, fall })) {
      if (!Number.isInteger(value) || value < 1)
        throw new RangeError(`${name}: expected a whole number from 1, got ${value}`);
    }
    for (const [name, value] of Object.entries({ stableForNs, confirmForNs, unknownAfterNs })) {
      if (!(value >= 0)) throw new RangeError(`${name}: expected 0 or more, got ${value}`);
    }
    this.#rules = { rise, fall, stableForNs, confirmForNs, unknownAfterNs };
  }

  get state(): CheckState {
    return this.#state;
  }

  /** What it last decided; undefined before the first decision and after it went unknown. */
  get settled(): "up" | "down" | undefined {
    return this.#settled;
  }

  /** Whether it decided once, went unknown, and has not decided again. */
  get lost(): boolean {
    return this.#lost;
  }

  /** How often to ask: fast while it is undecided. */
  get asking(): "normal" | "fast" {
    return this.#state === "rising" || this.#state === "falling" ? "fast" : "normal";
  }

  /** When `tick` will find it unknown, if no pass or failure comes before; undefined where it is unknown. */
  get dueNs(): number | undefined {
    return this.#state === "unknown" ? undefined : this.#decisiveNs + this.#rules.unknownAfterNs;
  }

  /** judge takes the verdict on a probe, in whatever order they come; it returns the transition that it caused, if any. */
  judge(verdict: Verdict, sentNs: number, rttNs: number, nowNs: number): Transition | undefined {
    this.#records.push({ sentNs, rttNs, verdict });
    if (this.#records.length > evidenceLength) this.#records.shift();
    if (verdict.kind === "unknown") return this.tick(nowNs);
    this.#decisiveNs = nowNs;
    if (verdict.kind === "pass") this.#streak.pass(sentNs);
    else this.#streak.fail(sentNs);
    return this.#enter(this.#decide(), nowNs);
  }

  /**
   * tick lets time pass: with no pass or failure for `unknownAfterNs` the check goes unknown. Judge what has arrived first.
   * Time alone never makes it up or down: both ends of a streak are probes.
   */
  tick(nowNs: number): Transition | undefined {
    return this.dueNs !== undefined && nowNs >= this.dueNs ? this.#enter("unknown", nowNs) : undefined;
  }

  /** #decide tells the state that the streak and the last decision lead to. */
  #decide(): CheckState {
    const { rise, stableForNs, fall, confirmForNs } = this.#rules;
    const { kind, length, spanNs } = this.#streak;
    if (kind === "pass") {
      if (this.#settled === "up") return "up";
      return length >= rise && spanNs >= stableForNs ? "up" : "rising";
    }
    if (this.#settled === "down") return "down";
    return length >= fall && spanNs >= confirmForNs ? "down" : "falling";
  }

  /** #enter is the one place that changes the state. */
  #enter(to: CheckState, nowNs: number): Transition | undefined {
    const from = this.#state;
    const transition = from === to ? undefined : { from, to, atNs: nowNs, ...this.#explain(to, nowNs) };
    this.#state = to;
    if (to === "up" || to === "down") {
      this.#settled = to;
      this.#lost = false;
      this.#streak.settle();
    } else if (to === "unknown") {
      this.#lost ||= this.#settled !== undefined;
      this.#settled = undefined;
      this.#streak = new Streak();
    }
    return transition;
  }

  #explain(to: CheckState, nowNs: number): Pick<Transition, "reason" | "evidence"> {
    const records = this.#records.toSorted((a, b) => a.sentNs - b.sentNs);
    return {
      reason: to === "unknown" ? this.#explainUnknown(nowNs) : this.#explainStreak(records),
      evidence: { records, causes: countCauses(records) },
    };
  }

  #explainUnknown(nowNs: number): string {
    const verdict = this.#records.at(-1)?.verdict;
    const why = verdict?.kind === "unknown" ? verdict.reason : "no answer was judged";
    return `no pass or failure for ${formatDuration(nowNs - this.#decisiveNs)}: ${why}`;
  }

  #explainStreak(records: readonly CheckRecord[]): string {
    const { kind, length, spanNs } = this.#streak;
    const noun = kind === "pass" ? (length === 1 ? "pass" : "passes") : length === 1 ? "failure" : "failures";
    const count = length === 1 ? `1 ${noun}` : `${length} ${noun} in ${formatDuration(spanNs)}`;
    if (kind === "pass") return count;
    const failures = records.filter(({ verdict, sentNs }) => verdict.kind === "fail" && this.#streak.covers(sentNs));
    return `${count}: ${Object.keys(countCauses(failures)).slice(0, maxCauses).join(", ")}`;
  }
}

function countCauses(records: readonly CheckRecord[]): Record<string, number> {
  const causes: Record<string, number> = {};
  for (const { verdict } of records) {
    const cause = verdict.kind === "pass" ? "pass" : verdict.reason;
    causes[cause] = (causes[cause] ?? 0) + 1;
  }
  return causes;
}
