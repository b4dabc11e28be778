// A lane: one driver, what it last read back, and the one thing that it is doing now. Lanes do not wait for each other: a
// router that hangs holds up nothing but itself.
import { monotonicNs, nsPerMs } from "../units.js";
import type { Driver, Observation } from "./driver.js";
import type { Prefix } from "./prefix.js";

export type Action = "announce" | "withdraw";

/** LaneResult is how an action went; `error` means that the driver refused it, not that nothing happened. */
export interface LaneResult {
  readonly driver: string;
  readonly action: Action;
  readonly prefixes: readonly Prefix[];
  readonly tookNs: number;
  readonly error?: Error;
}

const goals = { announce: "announced", withdraw: "withdrawn" } as const;
const firstRetryMs = 100;
const longestRetryMs = 5000;

/** Lane runs one action or read-back of its driver at a time. */
export class Lane {
  observed: ReadonlyMap<Prefix, Observation> = new Map();
  /** Why the last action on a prefix failed; gone once one worked. */
  readonly errors = new Map<Prefix, string>();
  busy = false;
  /** No action before this, after one that failed or does not show. */
  retryAtNs = 0;
  #failures = 0;
  /** Something happened since the reading under way began: it may be older than that. */
  #outdated = false;

  constructor(
    readonly driver: Driver,
    readonly prefixes: readonly Prefix[],
  ) {}

  observation(prefix: Prefix): Observation {
    return this.observed.get(prefix) ?? { announcement: "unknown", verified: false, reason: "not read yet" };
  }

  /** refresh reads back. While busy it returns at once: what is under way then ends in a reading that begins after now. */
  async refresh(): Promise<void> {
    if (this.busy) {
      this.#outdated = true;
      return;
    }
    this.busy = true;
    await this.#read();
    this.busy = false;
  }

  /** act does one action on prefixes together, then reads back whatever came of it. Call only while not busy. */
  async act(action: Action, prefixes: readonly Prefix[]): Promise<LaneResult> {
    this.busy = true;
    const startNs = monotonicNs();
    let error: Error | undefined;
    try {
      await this.driver[action](prefixes);
      for (const prefix of prefixes) this.errors.delete(prefix);
    } catch (thrown) {
      error = thrown as Error;
      for (const prefix of prefixes) this.errors.set(prefix, error.message);
    }
    const tookNs = monotonicNs() - startNs;
    await this.#read();
    this.busy = false;
    const done = prefixes.every((prefix) => this.observation(prefix).announcement === goals[action]);
    // Also what was accepted may take a while to show, or come to nothing: in neither case is it said again at once.
    if (error || !done) this.#backOff();
    else this.#failures = 0;
    return { driver: this.driver.name, action, prefixes, tookNs, ...(error && { error }) };
  }

  /** Never rejects: a driver that breaks its word is a driver that cannot be read. */
  async #read(): Promise<void> {
    do {
      this.#outdated = false;
      try {
        this.observed = await this.driver.observe(this.prefixes);
      } catch (error) {
        const reason = (error as Error).message;
        this.observed = new Map(
          this.prefixes.map((prefix) => [prefix, { announcement: "unknown", verified: false, reason }]),
        );
      }
    } while (this.#outdated);
  }

  /** Twice as long after each failure in a row, and never in step with the other endpoints. */
  #backOff() {
    const delayMs = Math.min(firstRetryMs * 2 ** this.#failures++, longestRetryMs);
    this.retryAtNs = monotonicNs() + delayMs * (0.75 + Math.random() / 2) * nsPerMs;
  }
}
