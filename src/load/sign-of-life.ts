// A sign of life: whether a target answers at all. Without one there is nothing to measure, and a target that died during a load
// test must not look like one that is overloaded.
import { answered as answeredOutcome } from "../engine/batch.js";
import { Engine } from "../engine/engine.js";
import type { Query } from "../probe/query.js";
import type { Target } from "../probe/target.js";

const tries = 10;
const intervalMs = 200;

/** answersAt resolves with whether one of a few queries was answered, whatever the rcode; it waits for them all at most. */
export function answersAt(target: Target, query: Query, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve, reject) => {
    let ended = 0;
    const end = (alive: boolean) => {
      signal.removeEventListener("abort", abort);
      engine.close();
      resolve(alive);
    };
    const abort = () => end(false);
    const engine = new Engine({}, ({ length, outcome }) => {
      const alive = outcome.subarray(0, length).includes(answeredOutcome);
      ended += length;
      if (alive || ended === tries) end(alive);
    });
    signal.addEventListener("abort", abort);
    try {
      engine.submit({ probes: [{ target, query }], schedule: { intervalMs, count: tries }, timeoutMs });
    } catch (error) {
      engine.close();
      reject(error);
    }
  });
}
