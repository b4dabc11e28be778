// Network services take addresses away when they restart, and mean nothing by it: such a removal is no operator's order.
import { lstatSync } from "node:fs";
import { join } from "node:path";
import type { Prefix } from "../route/prefix.js";

/** systemd keeps a link here for each unit that runs, made anew at each start. */
const unitsDirectory = "/run/systemd/units";
const units = ["networking.service", "systemd-networkd.service", "NetworkManager.service"];
/** A service that started so long before or after a removal has made it. */
const withinMs = 30_000;

/** NetworkRestarts remembers removals until it is sure whose they were. Without systemd all are an operator's. */
export class NetworkRestarts {
  readonly #directory: string;
  /** When each was seen, Unix time, ms: what the links' times are in. */
  readonly #removals = new Map<Prefix, number>();

  constructor(directory = unitsDirectory) {
    this.#directory = directory;
  }

  /** note takes note of a removal that was seen just now. */
  note(prefix: Prefix, nowMs = Date.now()): void {
    this.#removals.set(prefix, nowMs);
  }

  /** excused gives the prefixes that a service took away, each once, with its unit. */
  excused(nowMs = Date.now()): readonly (readonly [Prefix, string])[] {
    if (this.#removals.size === 0) return [];
    const starts = units.flatMap((unit) => {
      const startedMs = lstatSync(join(this.#directory, `invocation:${unit}`), { throwIfNoEntry: false })?.mtimeMs;
      return startedMs === undefined ? [] : [[unit, startedMs] as const];
    });
    return [...this.#removals].flatMap(([prefix, removedMs]) => {
      const [unit] = starts.find(([, startedMs]) => Math.abs(startedMs - removedMs) <= withinMs) ?? [];
      if (unit !== undefined || nowMs - removedMs > withinMs) this.#removals.delete(prefix);
      return unit === undefined ? [] : [[prefix, unit] as const];
    });
  }
}
