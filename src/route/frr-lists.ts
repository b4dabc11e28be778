// A route-map of our own, for moving one redistributed prefix and leaving the others alone. Every permit entry of the
// operator's route-map calls it; what it then does with a prefix depends on which of our prefix-lists has it:
//
//   route-map ANYPROBE deny 10            match ip address prefix-list ANYPROBE-WITHDRAWN
//   route-map ANYPROBE permit 20 (30, 40) match ip address prefix-list ANYPROBE-DEAD (…)   set metric …
//   route-map ANYPROBE permit 50
//
// So whatever the operator's map matches by or sets, it goes on doing so, and one prefix moves by one line of a list. A called
// map has the last word, also over a `set metric`. A list that does not exist matches nothing. Pure.
import { type Announcement, announcements, isRung, rungCosts } from "./driver.js";
import type { Filters, MapEntry } from "./ospf-filters.js";
import type { Prefix } from "./prefix.js";

/** Kept is how one of our lists keeps a prefix. */
export type Kept = Exclude<Announcement, "announced">;

const ours = "ANYPROBE";
const call = `call ${ours}`;
/** The lowest first: a prefix that is in two lists for a moment, on its way, is not preferred more than before or after. */
const kinds = announcements.filter((announcement): announcement is Kept => announcement !== "announced").toReversed();

const entries: readonly MapEntry[] = [
  ...kinds.map((kept, i) => ({ permit: isRung(kept), sequence: 10 * (i + 1), lines: linesOf(kept) })),
  { permit: true, sequence: 10 * (kinds.length + 1), lines: [] },
];

function linesOf(kept: Kept): readonly string[] {
  const match = `match ip address prefix-list ${listOf(kept)}`;
  return isRung(kept) ? [match, `set metric ${rungCosts[kept].external}`] : [match];
}

function listOf(kept: Kept): string {
  return `${ours}-${kept.toUpperCase()}`;
}

/** listedIn gives the prefixes that our lists keep, by how; none while no route-map calls ours. */
export function listedIn(filters: Filters): ReadonlyMap<Prefix, Kept> {
  if (callers(filters).length === 0 || !filters.maps.has(ours)) return new Map();
  const inList = (kept: Kept) => (filters.lists.get(listOf(kept)) ?? []).map(({ network }) => [network, kept] as const);
  return new Map(kinds.toReversed().flatMap(inList) as (readonly [Prefix, Kept])[]);
}

/** leftoverLines takes away what an interrupted change has left: it keeps no prefix. */
export function leftoverLines(filters: Filters): readonly string[] {
  return listedIn(filters).size === 0 ? clearLines(filters) : [];
}

/**
 * refusalToCall says why our map cannot be called by the operator's; undefined where it can. To build ours anew is safe
 * only while nothing calls it: half of it would let through nothing.
 */
export function refusalToCall(filters: Filters, map: string | undefined): string | undefined {
  if (map === undefined) return "it has no route-map: give it one that lets through the prefixes to be announced";
  const own = filters.maps.get(map);
  if (own === undefined) return `its route-map ${map} does not exist: write it`;
  if (!own.some(({ permit }) => permit)) return `its route-map ${map} permits nothing`;
  const foreign = own.flatMap(({ lines }) => lines.filter((line) => line.startsWith("call ") && line !== call));
  if (foreign.length > 0) return `its route-map ${map} has a \`${foreign[0]}\`, and an entry can call one map only`;
  return !isWhole(filters) && callers(filters).length > 0
    ? `route-map ${ours} is not as anyprobe writes it: give \`no route-map ${ours}\` after taking \`${call}\` out of ${map}`
    : undefined;
}

/** buildLines writes our map where it is not whole. All of them must have been accepted before anything calls it. */
export function buildLines(filters: Filters): readonly string[] {
  if (isWhole(filters)) return [];
  const clear = filters.maps.has(ours) ? [`no route-map ${ours}`] : [];
  return [...clear, ...entries.flatMap((entry) => [headOf(ours, entry), ...entry.lines])];
}

/** listLines puts `wanted` in our lists, takes everything else out of them, and lets the operator's map call ours. */
export function listLines(filters: Filters, map: string, wanted: ReadonlyMap<Prefix, Kept>): readonly string[] {
  const calls = (filters.maps.get(map) ?? [])
    .filter(({ permit, lines }) => permit && !lines.includes(call))
    .flatMap((entry) => [headOf(map, entry), call]);
  const listed = listedIn(filters);
  const added = [...wanted].filter(([prefix, kept]) => listed.get(prefix) !== kept);
  const lines = added.map(([prefix, kept]) => `ip prefix-list ${listOf(kept)} permit ${prefix}`);
  return [...calls, ...lines, ...removals(filters, wanted)];
}

/** clearLines takes away all that is ours: for when all that was in our lists goes another way. */
export function clearLines(filters: Filters): readonly string[] {
  const calls = callers(filters).flatMap(([map, entry]) => [headOf(map, entry), "no call"]);
  const map = filters.maps.has(ours) ? [`no route-map ${ours}`] : [];
  return [...calls, ...map, ...removals(filters, new Map())];
}

function removals({ lists }: Filters, wanted: ReadonlyMap<Prefix, Kept>): readonly string[] {
  return kinds.flatMap((kept) =>
    (lists.get(listOf(kept)) ?? [])
      .filter(({ network }) => wanted.get(network as Prefix) !== kept)
      .map(({ network }) => `no ip prefix-list ${listOf(kept)} permit ${network}`),
  );
}

function callers({ maps }: Filters): readonly (readonly [map: string, entry: MapEntry])[] {
  return [...maps].flatMap(([map, all]) =>
    all.filter(({ lines }) => lines.includes(call)).map((entry) => [map, entry] as const),
  );
}

function isWhole({ maps }: Filters): boolean {
  return JSON.stringify(maps.get(ours)) === JSON.stringify(entries);
}

function headOf(map: string, { permit, sequence }: MapEntry): string {
  return `route-map ${map} ${permit ? "permit" : "deny"} ${sequence}`;
}
