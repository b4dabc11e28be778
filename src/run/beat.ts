// A beat on the event loop: calls back once an interval, and in bursts. The engine keeps better time on its own thread;
// this is for what cannot be asked there.
import { monotonicNs, nsPerMs } from "../units.js";

/** Beat calls `ask` until it is closed. Beats that pass while this process is busy are skipped, never caught up on. */
export class Beat {
  readonly #ask: () => void;
  readonly #bursts = new Set<NodeJS.Timeout>();
  #timer: NodeJS.Timeout | undefined;
  #intervalNs = 0;
  #dueNs = 0;

  constructor(ask: () => void) {
    this.#ask = ask;
  }

  /** pace calls once an interval from `firstInMs` on; an interval of 0 pauses it. */
  pace(intervalMs: number, firstInMs: number): void {
    clearTimeout(this.#timer);
    this.#intervalNs = intervalMs * nsPerMs;
    if (intervalMs === 0) return;
    this.#dueNs = monotonicNs() + firstInMs * nsPerMs;
    this.#arm();
  }

  /** burst calls `count` times, the first time at once. */
  burst(count: number, gapMs: number): void {
    if (count === 0) return;
    this.#ask();
    if (count === 1) return;
    const timer = setTimeout(() => {
      this.#bursts.delete(timer);
      this.burst(count - 1, gapMs);
    }, gapMs);
    this.#bursts.add(timer);
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const timer of this.#bursts) clearTimeout(timer);
    this.#bursts.clear();
  }

  #arm() {
    this.#timer = setTimeout(() => this.#beat(), Math.max(0, (this.#dueNs - monotonicNs()) / nsPerMs));
  }

  #beat() {
    const missed = Math.max(0, Math.floor((monotonicNs() - this.#dueNs) / this.#intervalNs));
    this.#dueNs += (missed + 1) * this.#intervalNs;
    this.#arm();
    this.#ask();
  }
}
