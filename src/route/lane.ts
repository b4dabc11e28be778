// A lane: one driver, what it last read back, and the one thing that it is doing now. Lanes do not wait for each other: a
// router that hangs holds up nothing but itself.
import { monotonicNs, nsPerMs } from "../units.js";
import { type Announcement, announcements, type Driver, isRung, type Observation, type Rung } from "./driver.js";
import type { Prefix } from "./prefix.js";

export type Action = "announce" | "withdraw" | "deprefer";

/** LaneResult is how an action went; `error` means that the driver refused it, not that nothing happened. */
export interface LaneResult {
  readonly driver: string;
  readonly action: Action;
  /** To which rung it was to be depreferred. */
  readonly rung?: Rung;
  readonly prefixes: readonly Prefix[];
  readonly tookNs: number;
  readonly error?: Error;
}

/** risesTo tells whether a prefix that stands so would attract more traffic after a move. */
export function risesTo(to: Announcement, from: Announcement | "unknown"): boolean {
  return from !== "unknown" && announcements.indexOf(to) < announcements.indexOf(from);
}

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
  /** When it last announced anything, or preferred it more. */
  raisedNs = Number.NEGATIVE_INFINITY;
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

  /** What this driver has to bring about where a prefix is wanted so: a rung that it lacks is announced. */
  targetOf(prefix: Prefix, wanted: Announcement): Announcement {
    if (!isRung(wanted)) return wanted;
    const able = this.driver.rungs.includes(wanted) && this.observation(prefix).noRung === undefined;
    return able ? wanted : "announced";
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
  async act(to: Announcement, prefixes: readonly Prefix[]): Promise<LaneResult> {
    this.busy = true;
    const startNs = monotonicNs();
    if (prefixes.some((prefix) => risesTo(to, this.observation(prefix).announcement))) this.raisedNs = startNs;
    let error: Error | undefined;
    try {
      await this.#bring(to, prefixes);
      for (const prefix of prefixes) this.errors.delete(prefix);
    } catch (thrown) {
      error = thrown as Error;
      for (const prefix of prefixes) this.errors.set(prefix, error.message);
    }
    const tookNs = monotonicNs() - startNs;
    await this.#read();
    this.busy = false;
    const done = prefixes.every((prefix) => this.observation(prefix).announcement === to);
    // Also what was accepted may take a while to show, or come to nothing: in neither case is it said again at once.
    if (error || !done) this.#backOff();
    else this.#failures = 0;
    const action = isRung(to) ? "deprefer" : to === "announced" ? "announce" : "withdraw";
    const rung = isRung(to) && { rung: to };
    return { driver: this.driver.name, action, ...rung, prefixes, tookNs, ...(error && { error }) };
  }

  async #bring(to: Announcement, prefixes: readonly Prefix[]): Promise<void> {
    if (to === "announced") await this.driver.announce(prefixes);
    else if (to === "withdrawn") await this.driver.withdraw(prefixes);
    else await this.driver.deprefer!(prefixes, to);
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
