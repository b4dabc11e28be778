// A lane: one driver, what it last read back, and the one thing that it is doing now. Lanes do not wait for each other: a
// router that hangs holds up nothing but itself.
import { monotonicNs, nsPerMs } from "../units.js";
import { type Announcement, announcements, type Driver, isRung, type Observation, type Rung } from "./driver.js";
import type { Prefix } from "./prefix.js";

/** Action is what a driver is told to do. */
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
  /** It failed as the last try did. */
  readonly repeated?: true;
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
  /** When it last announced anything, or preferred it more. */
  raisedNs = Number.NEGATIVE_INFINITY;
  /** By prefix: what it was last told, and in vain: how often, and when it may be told again. */
  readonly #vain = new Map<Prefix, { readonly to: Announcement; readonly times: number; readonly againNs: number }>();
  /** Something happened since the reading under way began: it may be older than that. */
  #outdated = false;

  constructor(
    readonly driver: Driver,
    readonly prefixes: readonly Prefix[],
  ) {}

  observation(prefix: Prefix): Observation {
    return this.observed.get(prefix) ?? { announcement: "unknown", verified: false, reason: "not read yet" };
  }

  /**
   * What this driver has to bring about where a prefix is wanted so. A rung that it lacks is announced; where it has lost the
   * means to change the cost, the prefix stays at the one that it has.
   */
  targetOf(prefix: Prefix, wanted: Announcement): Announcement {
    if (!isRung(wanted)) return wanted;
    const { announcement, noRung } = this.observation(prefix);
    if (this.driver.rungs.includes(wanted) && noRung === undefined) return wanted;
    return announcement !== "unknown" && isRung(announcement) ? announcement : "announced";
  }

  /** When an action on these prefixes may be taken, after earlier ones that failed or do not show: one of them may be enough. */
  readyNs(prefixes: readonly Prefix[]): number {
    return Math.min(...prefixes.map((prefix) => this.#vain.get(prefix)?.againNs ?? 0));
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
    let repeated = false;
    try {
      await this.#bring(to, prefixes);
      for (const prefix of prefixes) this.errors.delete(prefix);
    } catch (thrown) {
      error = thrown as Error;
      const { message } = error;
      repeated = prefixes.every((prefix) => this.errors.get(prefix) === message);
      for (const prefix of prefixes) this.errors.set(prefix, error.message);
    }
    const tookNs = monotonicNs() - startNs;
    await this.#read();
    this.busy = false;
    // Also what was accepted may take a while to show, or come to nothing: in neither case is it said again at once.
    for (const prefix of prefixes) if (this.observation(prefix).announcement !== to) this.#backOff(prefix, to);
    const action = isRung(to) ? "deprefer" : to === "announced" ? "announce" : "withdraw";
    const rung = isRung(to) && { rung: to };
    return {
      driver: this.driver.name,
      action,
      ...rung,
      prefixes,
      tookNs,
      ...(error && { error }),
      ...(repeated && { repeated }),
    };
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
    // It has come about, if late.
    for (const [prefix, { to }] of this.#vain)
      if (this.observation(prefix).announcement === to) this.#vain.delete(prefix);
  }

  /** Twice as long after each failure in a row, and never in step with the other endpoints. */
  #backOff(prefix: Prefix, to: Announcement) {
    const before = this.#vain.get(prefix);
    const times = before?.to === to ? before.times + 1 : 1;
    const delayMs = Math.min(firstRetryMs * 2 ** (times - 1), longestRetryMs);
    this.#vain.set(prefix, { to, times, againNs: monotonicNs() + delayMs * (0.75 + Math.random() / 2) * nsPerMs });
  }
}
