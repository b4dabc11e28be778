// The driver that moves nothing: a dry run. It remembers what it was told, so that the rest of the daemon goes through
// the same steps as with a real one.
import { type Announcement, announcements, type Change, type Driver, type Observation, type Rung } from "./driver.js";
import type { Prefix } from "./prefix.js";

/** NoneDriver takes every prefix for announced until it is told otherwise. */
export class NoneDriver implements Driver {
  readonly name = "none";
  readonly rungs = announcements;
  readonly #told = new Map<Prefix, Announcement>();

  async open(): Promise<void> {}

  async observe(prefixes: readonly Prefix[]): Promise<ReadonlyMap<Prefix, Observation>> {
    const observed = (prefix: Prefix): Observation => ({
      announcement: this.#told.get(prefix) ?? "announced",
      verified: true,
      reason: "dry run: nothing was changed",
    });
    return new Map(prefixes.map((prefix) => [prefix, observed(prefix)]));
  }

  async announce(prefixes: readonly Prefix[]): Promise<void> {
    for (const prefix of prefixes) this.#told.delete(prefix);
  }

  async withdraw(prefixes: readonly Prefix[]): Promise<void> {
    for (const prefix of prefixes) this.#told.set(prefix, "withdrawn");
  }

  async deprefer(prefixes: readonly Prefix[], rung: Rung): Promise<void> {
    for (const prefix of prefixes) this.#told.set(prefix, rung);
  }

  changes(): readonly Change[] {
    return [];
  }

  async close(): Promise<void> {}
}
