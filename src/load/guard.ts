// The guard of a load test: asks the service the same question again and again, beside the load, and stops the test when answers
// stay away. It is for services that have users meanwhile.
import { answered as answeredOutcome } from "../engine/batch.js";
import { Engine } from "../engine/engine.js";
import { rcodeWord } from "../probe/dns-word.js";
import type { Query } from "../probe/query.js";
import type { Target } from "../probe/target.js";

/** Between two probes of the guard. */
const intervalMs = 200;
/** So many failures in a row stop the test. */
const fall = 3;

/** Guard watches a service until it is closed; `signal` aborts when the service fails, with a sentence as its reason. */
export class Guard {
  readonly signal: AbortSignal;
  readonly #engine: Engine;

  /** What counts as a failure: no answer within `timeoutMs`, and an rcode other than NOERROR and NXDOMAIN. */
  constructor(target: Target, query: Query, timeoutMs: number) {
    const controller = new AbortController();
    this.signal = controller.signal;
    let failures = 0;
    this.#engine = new Engine({}, ({ length, outcome, rcode }) => {
      for (let i = 0; i < length; i++) {
        const answered = outcome[i] === answeredOutcome;
        failures = answered && (rcode[i] === 0 || rcode[i] === 3) ? 0 : failures + 1;
        if (failures < fall) continue;
        const last = answered ? `the last answer was ${rcodeWord(rcode[i]!)}` : "the last one had no answer";
        controller.abort(`the guard's probe failed ${fall} times in a row: ${last}`);
      }
    });
    try {
      this.#engine.submit({ probes: [{ target, query }], schedule: { intervalMs }, timeoutMs });
    } catch (error) {
      this.#engine.close();
      throw error;
    }
  }

  close(): void {
    this.#engine.close();
  }
}
