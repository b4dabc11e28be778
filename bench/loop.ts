// How long the event loop is held up, and by whom: by this program's own work, or by others on its core.
import { closeSync, openSync, readSync } from "node:fs";

const everyMs = 1;

/** Held is the longest turn of the event loop, ms; and the most that one took of a core, and waited for one. */
export interface Held {
  readonly turnMs: number;
  readonly ownMs: number;
  readonly waitedMs: number;
}

/** LoopGauge looks once a ms, until it is closed. A turn is the time between two looks, beyond that ms. */
export class LoopGauge {
  // The first thread of a process has its number: cpu and run-queue time in ns (proc(5), schedstat).
  readonly #file = openSync(`/proc/self/task/${process.pid}/schedstat`, "r");
  readonly #octets = Buffer.alloc(64);
  readonly #timer: NodeJS.Timeout;
  #last = this.#now();
  #held: Held = { turnMs: 0, ownMs: 0, waitedMs: 0 };

  constructor() {
    this.#timer = setInterval(() => this.#look(), everyMs);
  }

  /** held gives the longest since it was asked last. */
  held(): Held {
    this.#look();
    const held = this.#held;
    this.#held = { turnMs: 0, ownMs: 0, waitedMs: 0 };
    return held;
  }

  close(): void {
    clearInterval(this.#timer);
    closeSync(this.#file);
  }

  #look() {
    const [last, now] = [this.#last, this.#now()];
    this.#last = now;
    const { turnMs, ownMs, waitedMs } = this.#held;
    this.#held = {
      turnMs: Math.max(turnMs, now.atMs - last.atMs - everyMs),
      ownMs: Math.max(ownMs, now.cpuMs - last.cpuMs),
      waitedMs: Math.max(waitedMs, now.queueMs - last.queueMs),
    };
  }

  #now() {
    const length = readSync(this.#file, this.#octets, 0, this.#octets.length, 0);
    const [cpuNs, queueNs] = this.#octets.toString("latin1", 0, length).split(" ").map(Number);
    return { atMs: performance.now(), cpuMs: cpuNs! / 1e6, queueMs: queueNs! / 1e6 };
  }
}
