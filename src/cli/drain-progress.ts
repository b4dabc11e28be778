// What `anyprobe drain` tells of one prefix while it waits.
import type { PrefixReport } from "../run/status.js";
import { nsPerSecond } from "../units.js";
import type { DrainOutcome } from "./drain-wait.js";

/** A count of packets changes with each look. */
const tellEveryNs = nsPerSecond;

/** Progress tells a step at once, and what merely counts on once a second. */
export class Progress {
  readonly #prefix: string;
  readonly #tell: (line: string) => void;
  #told = "";
  #step = "";
  #toldNs = Number.NEGATIVE_INFINITY;

  constructor(prefix: string, tell: (line: string) => void) {
    this.#prefix = prefix;
    this.#tell = tell;
  }

  /** note takes a look, and what came of the drain as far as that is known. */
  note(report: PrefixReport | undefined, outcome: DrainOutcome | undefined, nowNs: number): void {
    const step =
      outcome?.outcome === "withdrawn" || !outcome ? standing(report) : `${standing(report)}; ${ending(outcome)}`;
    const phase = outcome ? undefined : report?.order?.phase;
    const line = phase === undefined ? step : `${step}; ${phase}`;
    if (line === this.#told || (step === this.#step && nowNs - this.#toldNs < tellEveryNs)) return;
    this.#told = line;
    this.#step = step;
    this.#toldNs = nowNs;
    this.#tell(`${this.#prefix}: ${line}`);
  }
}

function standing(report: PrefixReport | undefined): string {
  if (!report) return "unknown";
  const { observed, verified, reason } = report;
  return observed === "withdrawn" && !verified ? `withdrawn, not verified (${reason ?? "not yet"})` : observed;
}

function ending({ outcome, reason }: DrainOutcome): string {
  return reason === null ? outcome : `${outcome}: ${reason}`;
}
