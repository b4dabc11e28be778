// Prefixes that were taken away while no daemon ran.
import type { Change } from "../route/driver.js";
import type { Prefix } from "../route/prefix.js";
import type { PrefixStatus, Reconciler } from "../route/reconcile.js";
import { monotonicNs } from "../units.js";
import type { Ground } from "./ground.js";
import type { State } from "./state.js";

/** seenAnnounced lists the prefixes that are announced, at whatever cost. Of a dry run nobody has seen any. */
export function seenAnnounced(routes: readonly PrefixStatus[]): readonly Prefix[] {
  return routes
    .filter(({ observed }) => observed !== "withdrawn" && observed !== "unknown")
    .filter(({ drivers }) => drivers.some(({ driver }) => driver !== "none"))
    .map(({ prefix }) => prefix);
}

/** holdAbsent leaves alone what was so taken away, where removals by hand are respected. */
export function holdAbsent(
  found: State,
  { clock, journal }: Pick<Ground, "clock" | "journal">,
  reconciler: Reconciler,
  respects: (prefix: Prefix) => boolean,
): void {
  const absent = absentBy(found, clock.now().bootId, reconciler.status(), reconciler.changes());
  for (const prefix of absent.filter(respects)) {
    reconciler.hold(prefix, { by: "somebody while anyprobe was not running", atNs: monotonicNs() });
    const message = `${prefix} was taken away while anyprobe was not running: left alone until it is put back`;
    journal.tell("warn", { kind: "manual", prefix, message });
  }
}

/**
 * absentBy lists the prefixes that the last daemon left announced, that are withdrawn now, and that nobody here took away. That
 * was somebody's order only if this host has run all the time and that daemon left in peace: else it may be what a crash left.
 */
function absentBy(
  { announced, bootId, clean, orders }: State,
  nowBootId: string,
  routes: readonly PrefixStatus[],
  ours: readonly Change[],
): readonly Prefix[] {
  if (!clean || bootId !== nowBootId) return [];
  const known = new Set([...ours, ...orders].map(({ prefix }) => prefix));
  return routes
    .filter(({ observed, manual }) => observed === "withdrawn" && !manual)
    .map(({ prefix }) => prefix)
    .filter((prefix) => announced.includes(prefix) && !known.has(prefix));
}
