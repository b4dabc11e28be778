// Asks a DNS question under a label that is another one each time: the engine writes nothing but an id into a query, so each
// probe is a plan of its own, of one shot.
import { EngineError } from "../errors.js";
import type { Probe } from "../probe/plan.js";
import { underRandomLabel } from "../probe/random-label.js";
import { monotonicNs, nsPerMs } from "../units.js";
import { type Asker, nothing, type Slot, type Tell } from "./asker.js";
import { Beat } from "./beat.js";
import type { DnsQuestion } from "./config.js";

export interface OneShotAskerOptions {
  readonly slot: Slot;
  /** Sends each probe once, at its time, and sees that what comes of it is told. Throws EngineError as the engine's submit does. */
  readonly submit: (probes: readonly Probe[]) => void;
  /** Told of probes that could not be submitted. */
  readonly tell: Tell;
}

/** OneShotAsker has the engine ask, and keeps the time itself. */
export class OneShotAsker implements Asker {
  readonly #options: OneShotAskerOptions;
  readonly #beat = new Beat(() => this.burst(1, 0));
  readonly #untold = new Set<NodeJS.Immediate>();

  constructor(options: OneShotAskerOptions) {
    this.#options = options;
  }

  pace(intervalMs: number, firstInMs: number): void {
    this.#beat.pace(intervalMs, firstInMs);
  }

  burst(count: number, gapMs: number): number {
    const { check, address } = this.#options.slot;
    const question = check.config.query as DnsQuestion;
    const probes = Array.from({ length: count }, (_, i) => ({
      target: { address, port: check.config.port! },
      query: { ...question, name: underRandomLabel(question.name) },
      atNs: i * gapMs * nsPerMs,
    }));
    try {
      this.#options.submit(probes);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      this.#fail(count, error.errno);
    }
    return count;
  }

  close(): void {
    this.#beat.close();
    for (const untold of this.#untold) clearImmediate(untold);
  }

  #fail(count: number, errno: string) {
    const sentNs = monotonicNs();
    const untold = setImmediate(() => {
      this.#untold.delete(untold);
      for (let left = count; left > 0; left--) this.#options.tell(nothing("send-failed", 0, errno), sentNs);
    });
    this.#untold.add(untold);
  }
}
