// An engine with all its rows gathered, for tests that look at every one.
import { answered, type ResultBatch } from "../../src/engine/batch.js";
import { Engine, type EngineOptions } from "../../src/engine/engine.js";
import { type Outcome, outcomes } from "../../src/probe/outcome.js";
import type { Plan } from "../../src/probe/plan.js";

export interface Row {
  readonly probe: number;
  readonly outcome: Outcome;
  readonly rcode: number;
  readonly errno: number;
  readonly flags: number;
  readonly shard: number;
  readonly sourcePort: number;
  readonly dueNs: number;
  readonly sentNs: number;
  readonly rttNs: number;
  readonly answer: Buffer;
  readonly answerSize: number;
}

export function rowsOf(batch: ResultBatch): Row[] {
  return Array.from({ length: batch.length }, (_, i) => {
    const from = batch.answerAt[i]!;
    return {
      probe: batch.probe[i]!,
      outcome: outcomes[batch.outcome[i]!]!,
      rcode: batch.rcode[i]!,
      errno: batch.errno[i]!,
      flags: batch.flags[i]!,
      shard: batch.shard[i]!,
      sourcePort: batch.sourcePort[i]!,
      dueNs: batch.dueNs[i]!,
      sentNs: batch.sentNs[i]!,
      rttNs: batch.rttNs[i]!,
      answerSize: batch.answerSize[i]!,
      answer: Buffer.from(batch.bytes.subarray(from, from + batch.answerLength[i]!)),
    };
  });
}

export const question = { name: "health.example.com", type: "A" } as const;

/** Recorder is an engine and its rows. Its `stop` gives what was told in all, after which rows == sent must hold. */
export class Recorder {
  readonly engine: Engine;
  readonly rows: Row[] = [];
  readonly #waiting: { readonly count: number; readonly resolve: () => void }[] = [];

  constructor(options: EngineOptions = {}) {
    this.engine = new Engine({ answerOctets: 1232, ringRows: 4096, ...options }, (batch) => {
      this.rows.push(...rowsOf(batch));
      for (const one of this.#waiting) if (this.rows.length >= one.count) one.resolve();
    });
  }

  submit(plan: Plan) {
    return this.engine.submit(plan);
  }

  /** until resolves when `count` rows have come. */
  until(count: number): Promise<void> {
    if (this.rows.length >= count) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ count, resolve }));
  }

  /** stop ends the engine; gives the counters and the number of rows by outcome. */
  stop() {
    this.engine.stop();
    const counters = this.engine.counters();
    this.engine.close();
    return { counters, tally: this.tally() };
  }

  tally(): Partial<Record<Outcome, number>> {
    const tally: Partial<Record<Outcome, number>> = {};
    for (const { outcome } of this.rows) tally[outcome] = (tally[outcome] ?? 0) + 1;
    return tally;
  }

  of(outcome: Outcome): Row[] {
    return this.rows.filter((row) => row.outcome === outcome);
  }
}

/** countRows makes an engine that only counts: for rates at which a row must not become an object. */
export function countRows(options: EngineOptions = {}) {
  const count = { rows: 0, answered: 0, engine: undefined as unknown as Engine };
  count.engine = new Engine(options, (batch) => {
    count.rows += batch.length;
    for (let i = 0; i < batch.length; i++) if (batch.outcome[i] === answered) count.answered++;
  });
  return count;
}
