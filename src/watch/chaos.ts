// Who answers where no NSID says so: the CHAOS names that servers answer instead (RFC 4892), asked of targets that answer
// without an NSID. Rarely: these are second thoughts, beside the probes and never counted among them.
import type { ResultBatch } from "../engine/batch.js";
import type { Engine, Run } from "../engine/engine.js";
import { EngineError } from "../errors.js";
import { decodeAnswer } from "../probe/dns.js";
import type { Outcome } from "../probe/outcome.js";
import type { Plan } from "../probe/plan.js";
import type { DnsQuery } from "../probe/query.js";
import type { Target } from "../probe/target.js";
import { nsPerSecond } from "../units.js";
import { type SiteSource, siteSources } from "./sites.js";

const names = siteSources.slice(1) as readonly Exclude<SiteSource, "nsid">[];
const queries = names.map((name): DnsQuery => ({ name, type: "TXT", class: "CH", rd: false, ednsSize: 0 }));
/** A target that has told who it is, or that would not, is asked again after this. */
const againNs = 60 * nsPerSecond;
/** Targets are begun with at most at this rate: many of them together must not double what is sent. */
const mostPerSecond = 1000;
/** So many targets share a run, begun when the first of them is to be asked: compiling it holds up the event loop for a few ms. */
const leastRunTargets = 512;
/** Each run has a socket of its own. */
const mostRuns = 256;

/** Told is what a target said of itself. */
export interface Told {
  readonly index: number;
  readonly source: SiteSource;
  readonly text: string;
}

/** Chaos asks targets, known by their index, who they are. */
export class Chaos {
  readonly #engine: Engine;
  readonly #targets: readonly Target[];
  readonly #plan: Pick<Plan, "timeoutMs" | "source">;
  readonly #nextNs: Float64Array;
  /** Of `names`: the one that is asked first, which is the one that was answered last. */
  readonly #name: Uint8Array;
  /** 1: has told something. */
  readonly #told: Uint8Array;
  readonly #runTargets: number;
  readonly #runs = new Map<number, Run>();
  /** Those of `#runs`, in the order of the numbers of their probes. */
  readonly #begun: { readonly chunk: number; readonly run: Run }[] = [];
  #second = 0;
  #begunInSecond = 0;
  #inFlight = 0;
  #ended = 0;
  #closed = false;

  constructor(engine: Engine, targets: readonly Target[], plan: Pick<Plan, "timeoutMs" | "source">) {
    this.#engine = engine;
    this.#targets = targets;
    this.#plan = plan;
    this.#runTargets = Math.max(leastRunTargets, Math.ceil(targets.length / mostRuns));
    this.#nextNs = new Float64Array(targets.length);
    this.#name = new Uint8Array(targets.length);
    this.#told = new Uint8Array(targets.length);
  }

  /** Queries without a row yet. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Queries that have ended, with or without an answer. */
  get ended(): number {
    return this.#ended;
  }

  /** ask asks a target if its time has come. */
  ask(index: number, nowNs: number): void {
    if (nowNs < this.#nextNs[index]! || this.#closed) return;
    const second = Math.floor(nowNs / nsPerSecond);
    // Answers do not come in the order of their queries: a second that is over does not begin again.
    if (second > this.#second) {
      this.#second = second;
      this.#begunInSecond = 0;
    }
    if (++this.#begunInSecond > mostPerSecond) return;
    this.#nextNs[index] = nowNs + againNs;
    this.#send(index, this.#name[index]!);
  }

  /** confirm lets a target be asked again at once, as what it told is news. */
  confirm(index: number): void {
    this.#nextNs[index] = 0;
  }

  /** take reads a row of a query of ours, by its probe's number. Where a name is not answered the next one is asked. */
  take(outcome: Outcome, batch: ResultBatch, row: number): Told | undefined {
    this.#inFlight--;
    this.#ended++;
    const number = batch.probe[row]!;
    // The last run that begins at or before it.
    const { chunk, run } = this.#begun.findLast(({ run }) => run.first <= number)!;
    const index = chunk * this.#runTargets + Math.floor((number - run.first) / names.length);
    const name = (number - run.first) % names.length;
    const text = outcome === "answered" ? textOf(batch, row) : undefined;
    if (text !== undefined) {
      this.#name[index] = name;
      this.#told[index] = 1;
      return { index, source: names[name]!, text };
    }
    const next = (name + 1) % names.length;
    const exhausted = next === this.#name[index];
    // Of a server that has told its name, silence is a lost packet, and no reason to ask for another.
    const unknown = outcome === "answered" || (outcome === "timeout" && this.#told[index] === 0);
    if (unknown && !exhausted && !this.#closed) this.#send(index, next);
    return undefined;
  }

  /** close asks no more; rows of what is in flight may still be taken. */
  close(): void {
    this.#closed = true;
  }

  #send(index: number, name: number) {
    const chunk = Math.floor(index / this.#runTargets);
    try {
      const run = this.#runs.get(chunk) ?? this.#begin(chunk);
      run.burst((index % this.#runTargets) * names.length + name, 1, 0);
      this.#inFlight++;
    } catch (error) {
      // A kernel that has no socket left for this may have one in a minute. The probes go on.
      if (!(error instanceof EngineError)) throw error;
    }
  }

  #begin(chunk: number): Run {
    const targets = this.#targets.slice(chunk * this.#runTargets, (chunk + 1) * this.#runTargets);
    const run = this.#engine.submit({
      ...this.#plan,
      probes: targets.flatMap((target) => queries.map((query) => ({ target, query }))),
      // Each is paused, and sent by a burst of one.
      schedule: { intervalMs: 0 },
    });
    this.#runs.set(chunk, run);
    this.#begun.push({ chunk, run });
    return run;
  }
}

/** The text of the first TXT record; undefined where there is none that says something. */
function textOf(batch: ResultBatch, row: number): string | undefined {
  const at = batch.answerAt[row]!;
  const records = (batch.bytes[at + 6]! << 8) | batch.bytes[at + 7]!;
  // Most that do not tell say so in the header.
  if (batch.rcode[row] !== 0 || records === 0) return undefined;
  const answer = decodeAnswer(batch.bytes.subarray(at, at + batch.answerLength[row]!));
  if ("malformed" in answer || answer.rcode !== "NOERROR") return undefined;
  return answer.answers.find(({ type, text }) => type === "TXT" && text !== "")?.text;
}
