// A router that lives in memory and misbehaves by script: the routing daemon's stand-in where a test needs thousands of
// failures in a row. Lab tests use real ones.
import { RouteError } from "../../src/errors.js";
import type { Announcement, Driver, DriverEvent, Observation, Rung } from "../../src/route/driver.js";
import type { Prefix } from "../../src/route/prefix.js";

/** What the router does with the next call: as told; refuse; accept and forget; or, for a reading, not answer or lag. */
export type Mood = "well" | "refuse" | "forget" | "mute" | "lagging";

export class MemoryRouter implements Driver {
  readonly announced: Set<Prefix>;
  /** Those among them that are depreferred. */
  readonly depreferred = new Map<Prefix, Rung>();
  /** Prefixes that it never moves. */
  readonly stubborn = new Set<Prefix>();
  /** Why it cannot deprefer anything now. */
  noRung: string | undefined;
  readonly calls: { action: string; prefixes: readonly Prefix[] }[] = [];
  onEvent: (event: DriverEvent) => void = () => {};

  constructor(
    readonly name: string,
    prefixes: readonly Prefix[],
    /** Used up call by call; then it is well for ever. */
    readonly moods: Mood[] = [],
    readonly rungs: readonly Announcement[] = ["announced", "withdrawn"],
  ) {
    this.announced = new Set(prefixes);
  }

  async open(_: unknown, onEvent: (event: DriverEvent) => void): Promise<void> {
    this.onEvent = onEvent;
  }

  async observe(prefixes: readonly Prefix[]): Promise<ReadonlyMap<Prefix, Observation>> {
    const mood = this.moods.shift();
    const observe = (prefix: Prefix): Observation =>
      mood === "mute"
        ? { announcement: "unknown", verified: false, reason: "does not answer" }
        : {
            announcement: this.standing(prefix),
            verified: mood !== "lagging",
            ...(this.noRung !== undefined && { noRung: this.noRung }),
          };
    return new Map(prefixes.map((prefix) => [prefix, observe(prefix)]));
  }

  /** How it really is. */
  standing(prefix: Prefix): Announcement {
    return this.announced.has(prefix) ? (this.depreferred.get(prefix) ?? "announced") : "withdrawn";
  }

  announce(prefixes: readonly Prefix[]): Promise<void> {
    return this.#act("announce", prefixes, (prefix) => {
      this.announced.add(prefix);
      this.depreferred.delete(prefix);
    });
  }

  deprefer(prefixes: readonly Prefix[], rung: Rung): Promise<void> {
    return this.#act(rung, prefixes, (prefix) => {
      this.announced.add(prefix);
      this.depreferred.set(prefix, rung);
    });
  }

  withdraw(prefixes: readonly Prefix[]): Promise<void> {
    return this.#act("withdraw", prefixes, (prefix) => this.announced.delete(prefix));
  }

  async #act(action: string, prefixes: readonly Prefix[], change: (prefix: Prefix) => void): Promise<void> {
    this.calls.push({ action, prefixes });
    const mood = this.moods.shift();
    if (mood === "refuse") throw new RouteError("ERR_ROUTE_REFUSED", "not today", this.name, prefixes);
    const moving = prefixes.filter((prefix) => !this.stubborn.has(prefix));
    if (mood !== "forget") for (const prefix of moving) change(prefix);
    if (moving.length < prefixes.length) {
      throw new RouteError("ERR_ROUTE_UNSUPPORTED", "a wider network covers it", this.name, prefixes);
    }
  }

  changes() {
    return [];
  }

  async close(): Promise<void> {}
}
