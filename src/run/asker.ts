// What all that ask have in common: one asker puts one check's question at one address, at a pace and in bursts, and tells
// what came of each probe. Who asks a check follows from its question.
import type { Run } from "../engine/engine.js";
import type { Finding } from "../health/verdict.js";
import { isCommand, isUdp } from "../probe/query.js";
import type { CheckConfig } from "./config.js";
import type { PrefixCheck } from "./prefix-check.js";

/** Where a check asks: at its anycast address, or at the alias while that is withdrawn. */
export type Place = "anycast" | "alias";

/** Slot is one check at one place. */
export interface Slot {
  readonly check: PrefixCheck;
  readonly place: Place;
  readonly address: string;
}

/** Asker asks until it is closed. */
export interface Asker {
  /** pace asks once an interval from `firstInMs` on, ms; an interval of 0 pauses it. What is in flight goes on. */
  pace(intervalMs: number, firstInMs: number): void;
  /** burst asks `count` times more, `gapMs` apart, beside its pace. Gives how many probes will come of it that would not have else. */
  burst(count: number, gapMs: number): number;
  /** close ends all at once; nothing more is told of what was in flight. Idempotent. */
  close(): void;
}

/** Tell is called once for every probe that has come to its end, never from within a call of the asker's. */
export type Tell = (finding: Finding, sentNs: number) => void;

/** Method is who asks: the engine by a run's own beat, the engine by a plan for each probe, a TCP connection, a program. */
export type Method = "engine" | "one-shot" | "tcp" | "exec";

/** methodOf tells who asks a check's question. */
export function methodOf({ query }: CheckConfig): Method {
  if (isCommand(query)) return "exec";
  if (isUdp(query)) return "engine";
  if (query.transport === "tcp") return "tcp";
  return query.randomLabel ? "one-shot" : "engine";
}

/** RunAsker is one probe of a run of the engine, which keeps its time and ends with the engine. */
export class RunAsker implements Asker {
  constructor(
    readonly run: Run,
    readonly index: number,
  ) {}

  pace(intervalMs: number, firstInMs: number): void {
    this.run.pace(this.index, intervalMs, firstInMs);
  }

  burst(count: number, gapMs: number): number {
    this.run.burst(this.index, count, gapMs);
    return count;
  }

  close(): void {}
}

/** nothing is a finding without an answer. */
export function nothing(outcome: Finding["outcome"], rttNs: number, errno: number | string = 0): Finding {
  return { outcome, rcode: 0, errno, rttNs, answer: undefined };
}
