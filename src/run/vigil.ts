// Whether this process itself stood still while a probe was in flight: then its silence proves nothing, nor does the time it
// took. The engine's shards see to that themselves; this is for probes that the event loop waits for.
import { monotonicNs, nsPerMs } from "../units.js";

/** As native/run.cc has it: a stall is seen before half a timeout has passed, but not each pause of a busy host is one. */
const [leastMs, mostMs] = [10, 250];

/** Vigil is kept from construction until end(). */
export class Vigil {
  readonly #boundMs: number;
  readonly #timer: NodeJS.Timeout;
  #lookedNs = monotonicNs();
  #stalled = false;

  constructor(timeoutMs: number) {
    this.#boundMs = Math.min(mostMs, Math.max(leastMs, timeoutMs / 4));
    this.#timer = setInterval(() => this.#look(), this.#boundMs);
  }

  /** end tells whether this process stood still since construction. */
  end(): boolean {
    clearInterval(this.#timer);
    this.#look();
    return this.#stalled;
  }

  #look() {
    const nowNs = monotonicNs();
    this.#stalled ||= nowNs - this.#lookedNs > 2 * this.#boundMs * nsPerMs;
    this.#lookedNs = nowNs;
  }
}
