// Prefixes that were taken away while no daemon ran.
import type { Change } from "../route/driver.js";
import type { Prefix } from "../route/prefix.js";
import type { PrefixStatus } from "../route/reconcile.js";
import type { State } from "./state.js";

/** seenAnnounced lists the prefixes that are announced, at whatever cost. Of a dry run nobody has seen any. */
export function seenAnnounced(routes: readonly PrefixStatus[]): readonly Prefix[] {
  return routes
    .filter(({ observed }) => observed !== "withdrawn" && observed !== "unknown")
    .filter(({ drivers }) => drivers.some(({ driver }) => driver !== "none"))
    .map(({ prefix }) => prefix);
}

/**
 * absentBy lists the prefixes that the last daemon left announced, that are withdrawn now, and that nobody here took away. That
 * was somebody's order only if this host has run all the time and that daemon left in peace: else it may be what a crash left.
 */
export function absentBy(
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
