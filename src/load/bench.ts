// A load test from its first trial to its result, told in records as it goes. Every mode is a few trials; only the search lets
// what a trial found decide the next one.
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Query } from "../probe/query.js";
import { monotonicNs, nsPerSecond } from "../units.js";
import type { Offer } from "./feeder.js";
import type { Guard } from "./guard.js";
import type { QuerySource } from "./query-source.js";
import { type Head, type LoadRecord, type Mode, type ResultRecord, type StartRecord, schemaVersion } from "./record.js";
import { type Found, type Goal, search, type Verdict } from "./search.js";
import { answersAt } from "./sign-of-life.js";
import { ranOut, runTrial, type Setting, type Trial } from "./trial.js";

/** Work is what is to be found out. */
export type Work =
  | { readonly mode: "search"; readonly goal: Goal }
  /** One trial after the other. */
  | { readonly mode: Exclude<Mode, "search">; readonly offers: readonly Offer[] };

export interface BenchOptions {
  readonly work: Work;
  readonly setting: Setting;
  readonly source: QuerySource;
  /** A query like those of the source: what a target that is alive answers. */
  readonly sample: Query;
  /** What the first record says beside the mode. */
  readonly start: Omit<StartRecord, keyof Head | "type" | "mode">;
  /** Stops the run when the service is seen to suffer. */
  readonly guard?: Guard | undefined;
  /** Ends the run, with the report so far. */
  readonly signal: AbortSignal;
  readonly onRecord: (record: LoadRecord) => void;
}

/** The server is given so long to work off what it has queued, before the next trial. */
const restMs = 200;

/**
 * bench runs a load test and resolves with its last record; `onRecord` gets that too, and all before it. Rejects with EngineError
 * where the kernel refuses the sockets, and with what the source throws; records that were given until then stay true.
 */
export async function bench(options: BenchOptions): Promise<ResultRecord> {
  const { work, start, onRecord } = options;
  const run = new Run(options);
  onRecord({ ...run.head(), type: "start", mode: work.mode, ...start });
  const result = work.mode === "search" ? await run.search(work.goal) : await run.offer(work.mode, work.offers);
  onRecord(result);
  return result;
}

class Run {
  readonly #options: BenchOptions;
  readonly #signal: AbortSignal;
  readonly #id = randomUUID();
  readonly #fromNs = monotonicNs();
  readonly #trials: Trial[] = [];
  /** Aborts when going on would measure nothing: the target answers no more, or there is nothing left to ask. */
  readonly #pointless = new AbortController();
  /** When the run will be over, as far as it is known. */
  #endNs = Number.NaN;

  constructor(options: BenchOptions) {
    this.#options = options;
    const { signal, guard } = options;
    this.#signal = AbortSignal.any([signal, this.#pointless.signal, ...(guard ? [guard.signal] : [])]);
  }

  head(): Head {
    return { schema_version: schemaVersion, run_id: this.#id, at: new Date().toISOString() };
  }

  async search(goal: Goal): Promise<ResultRecord> {
    const found = await search(goal, {
      trial: async (rateQps, seconds) => {
        if (this.#signal.aborted) return undefined;
        const trial = await this.#trial({ kind: "rate", rateQps: whole(rateQps), seconds }, true);
        // What was not asked to the end is no trial of that length.
        if (trial.ended_early === ranOut) this.#pointless.abort(ranOut);
        return this.#signal.aborted ? undefined : verdictOf(trial);
      },
      elapsedSeconds: () => this.#elapsed(),
      expect: (leftSeconds) => {
        this.#endNs = monotonicNs() + leftSeconds * nsPerSecond;
      },
    });
    const limited = found.upperIs === "limited" ? this.#limitAt(found.upperQps!) : null;
    const lower = found.lowerQps === null ? null : whole(found.lowerQps);
    const rests = this.#trials.findLastIndex((trial) => trial.offered_qps === lower && verdictOf(trial) === "held");
    return this.#result("search", {
      status: this.#aborted() ?? (found.why === "time" ? "time" : "complete"),
      reason: this.#reason() ?? reasonOf(found, goal),
      objective_held: this.#options.setting.objective.length === 0 ? null : found.lowerQps !== null,
      lower_qps: lower,
      upper_qps: found.upperQps === null ? null : whole(found.upperQps),
      capacity_qps: found.why === "goal" && limited === null ? lower : null,
      limited_by_generator: limited,
      trial: rests < 0 ? null : rests + 1,
    });
  }

  async offer(mode: Exclude<Mode, "search">, offers: readonly Offer[]): Promise<ResultRecord> {
    const secondsOf = (offer: Offer) => (offer.kind === "replay" ? Number.NaN : offer.seconds);
    this.#endNs = monotonicNs() + offers.reduce((sum, offer) => sum + secondsOf(offer), 0) * nsPerSecond;
    for (const offer of offers) {
      if (this.#signal.aborted) break;
      const trial = await this.#trial(offer, false);
      if (trial.ended_early === ranOut && offer !== offers.at(-1)) this.#pointless.abort(ranOut);
    }
    const verdicts = this.#trials.map(verdictOf);
    const { objective } = this.#options.setting;
    const limited = this.#trials.find((trial) => trial.limited_by_generator !== null)?.limited_by_generator ?? null;
    return this.#result(mode, {
      status: this.#aborted() ?? "complete",
      reason: this.#reason(),
      objective_held: objective.length === 0 ? null : heldBy(verdicts),
      lower_qps: null,
      upper_qps: null,
      capacity_qps: null,
      limited_by_generator: limited,
      trial: this.#trials.length || null,
    });
  }

  async #trial(offer: Offer, endEarly: boolean): Promise<Trial> {
    const { setting, source, onRecord } = this.#options;
    const number = this.#trials.length + 1;
    if (number > 1) await sleep(restMs);
    const trial = await runTrial(setting, source, offer, {
      signal: this.#signal,
      endEarly,
      onProgress: (progress) => {
        const left = Math.max(0, (this.#endNs - monotonicNs()) / nsPerSecond);
        const left_seconds = Number.isNaN(left) ? null : Math.round(left);
        onRecord({ ...this.head(), type: "progress", trial: number, ...progress, left_seconds });
      },
    });
    this.#trials.push(trial);
    onRecord({ ...this.head(), type: "trial", trial: number, ...trial });
    if (trial.misses.length > 0 && !this.#signal.aborted && !(await this.#alive()))
      this.#pointless.abort("the target stopped answering");
    return trial;
  }

  #alive(): Promise<boolean> {
    const { target, timeoutMs } = this.#options.setting.sending;
    return answersAt(target, this.#options.sample, timeoutMs, this.#signal);
  }

  #limitAt(qps: number): string | null {
    const trial = this.#trials.findLast(
      (trial) => trial.offered_qps === whole(qps) && trial.limited_by_generator !== null,
    );
    return trial?.limited_by_generator ?? "it could not offer more";
  }

  #aborted(): "interrupted" | "stopped" | undefined {
    if (!this.#signal.aborted) return undefined;
    return this.#options.signal.aborted ? "interrupted" : "stopped";
  }

  #reason(): string | null {
    return this.#signal.aborted ? String(this.#signal.reason) : null;
  }

  #result(mode: Mode, rest: Omit<ResultRecord, keyof Head | "type" | "mode" | "seconds" | "trials">): ResultRecord {
    const seconds = Math.round(10 * this.#elapsed()) / 10;
    return { ...this.head(), type: "result", mode, ...rest, seconds, trials: this.#trials.length };
  }

  #elapsed(): number {
    return (monotonicNs() - this.#fromNs) / nsPerSecond;
  }
}

/** A trial that the generator limited cannot even hold: less was offered than is claimed. */
function verdictOf({ limited_by_generator, misses }: Trial): Verdict {
  if (limited_by_generator !== null) return "limited";
  return misses.length === 0 ? "held" : "missed";
}

/** One that was missed decides; one that the generator limited leaves it open. */
function heldBy(verdicts: readonly Verdict[]): boolean | null {
  if (verdicts.includes("missed")) return false;
  return verdicts.length > 0 && verdicts.every((verdict) => verdict === "held") ? true : null;
}

function reasonOf({ why, upperIs }: Found, { maxQps, withinSeconds }: Goal): string | null {
  if (why === "time") return `the ${withinSeconds} s that were allowed ran out`;
  if (why === "max") return `${maxQps.toLocaleString("en")}/s held, and more was not allowed`;
  if (why === "none" && upperIs === "limited") return "the generator could not even offer the lowest rate";
  return why === "none" ? "not even the lowest rate held" : null;
}

/** Rates are offered as whole queries a second, where they are not lower than that. */
function whole(qps: number): number {
  return qps > 10 ? Math.round(qps) : Math.round(qps * 10) / 10;
}
