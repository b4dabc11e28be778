// A route-map of our own, for moving one redistributed prefix and leaving the others alone. Every permit entry of the
// operator's route-map calls it; what it then does with a prefix depends on which of our prefix-lists has it:
//
//   route-map ANYPROBE deny 10            match ip address prefix-list ANYPROBE-WITHDRAWN
//   route-map ANYPROBE permit 20 (30, 40) match ip address prefix-list ANYPROBE-DEAD (…)   set metric …
//   route-map ANYPROBE permit 50
//
// So whatever the operator's map matches by or sets, it goes on doing so, and one prefix moves by one line of a list. A called
// map has the last word, also over a `set metric`. A list that does not exist matches nothing.
//
// For IPv6 all that is named ANYPROBE6: one file can configure both daemons. And ospf6d looks anew when a list changes only if
// the operator's map itself matches by it, not one that it calls: so it also gets, last of all, a `deny` by each of our lists.
// What comes there is denied without them too, so that they change nothing, half written neither. Pure.
import { type Announcement, announcements, isRung, rungCosts } from "./driver.js";
import type { Filters, MapEntry } from "./ospf-filters.js";
import type { Prefix } from "./prefix.js";

/** Kept is how one of our lists keeps a prefix. */
export type Kept = Exclude<Announcement, "announced">;

/** The lowest first: a prefix that is in two lists for a moment, on its way, is not preferred more than before or after. */
const kinds = announcements.filter((announcement): announcement is Kept => announcement !== "announced").toReversed();

type Family = Filters["family"];

/** What is ours of one family, by its names. */
class Ours {
  readonly map: string;
  readonly call: string;
  readonly entries: readonly MapEntry[];
  /** At the end of the operator's map, for ospf6d. */
  readonly followers: readonly MapEntry[];

  constructor(readonly family: Family) {
    this.map = family === 4 ? "ANYPROBE" : "ANYPROBE6";
    this.call = `call ${this.map}`;
    const rung = (kept: Kept) => (isRung(kept) ? [`set metric ${rungCosts[kept].external}`] : []);
    this.entries = [
      ...kinds.map((kept, i) => {
        return { permit: isRung(kept), sequence: 10 * (i + 1), lines: [this.#match(kept), ...rung(kept)] };
      }),
      { permit: true, sequence: 10 * (kinds.length + 1), lines: [] },
    ];
    this.followers =
      family === 4 ? [] : kinds.map((kept, i) => ({ permit: false, sequence: 65_501 + i, lines: [this.#match(kept)] }));
  }

  list(kept: Kept): string {
    return `${this.map}-${kept.toUpperCase()}`;
  }

  /** A line that lists a prefix. */
  line(kept: Kept, network: string): string {
    return `${this.#ip} prefix-list ${this.list(kept)} permit ${network}`;
  }

  /** Whether an entry of the operator's map is one of the followers, or begins one. */
  follows({ permit, sequence, lines }: MapEntry): boolean {
    const follower = this.followers.find((one) => one.sequence === sequence);
    return follower !== undefined && !permit && lines.every((line) => follower.lines.includes(line));
  }

  #match(kept: Kept): string {
    return `match ${this.#ip} address prefix-list ${this.list(kept)}`;
  }

  get #ip(): string {
    return this.family === 4 ? "ip" : "ipv6";
  }
}

const byFamily: Readonly<Record<Family, Ours>> = { 4: new Ours(4), 6: new Ours(6) };

/** listedIn gives the prefixes that our lists keep, by how; none while no route-map calls ours. */
export function listedIn(filters: Filters): ReadonlyMap<Prefix, Kept> {
  const ours = byFamily[filters.family];
  if (callers(filters).length === 0 || !filters.maps.has(ours.map)) return new Map();
  const inList = (kept: Kept) =>
    (filters.lists.get(ours.list(kept)) ?? []).map(({ network }) => [network, kept] as const);
  return new Map(kinds.toReversed().flatMap(inList) as (readonly [Prefix, Kept])[]);
}

/**
 * refusalToCall says why our map cannot be called by the operator's; undefined where it can. To build ours anew is safe
 * only while nothing calls it: half of it would let through nothing.
 */
export function refusalToCall(filters: Filters, map: string | undefined): string | undefined {
  const ours = byFamily[filters.family];
  if (map === undefined) return "it has no route-map: give it one that lets through the prefixes to be announced";
  const own = filters.maps.get(map);
  if (own === undefined) return `its route-map ${map} does not exist: write it`;
  if (!own.some(({ permit }) => permit)) return `its route-map ${map} permits nothing`;
  const foreign = own.flatMap(({ lines }) => lines.filter((line) => line.startsWith("call ") && line !== ours.call));
  if (foreign.length > 0) return `its route-map ${map} has a \`${foreign[0]}\`, and an entry can call one map only`;
  if (!isWhole(filters) && callers(filters).length > 0)
    return `route-map ${ours.map} is not as anyprobe writes it: give \`no route-map ${ours.map}\` after taking \`${ours.call}\` out of ${map}`;
  return refusalToFollow(ours, map, own);
}

/** A prefix must come to the followers only where nothing lets it through. */
function refusalToFollow(ours: Ours, map: string, own: readonly MapEntry[]): string | undefined {
  const [first] = ours.followers;
  if (first === undefined) return undefined;
  const late = own.find((entry) => entry.sequence >= first.sequence && !ours.follows(entry));
  if (late !== undefined)
    return `its route-map ${map} has an entry ${late.sequence}: renumber it below ${first.sequence}, so that entries of ours can come last`;
  const jump = own.flatMap(({ lines }) => lines).find((line) => /^(on-match|continue)\b/.test(line));
  return jump && `its route-map ${map} has an \`${jump}\`, by which it goes on after a match`;
}

/**
 * buildLines writes our map where it is not whole, and empties our lists of what an interrupted change has left there. All of
 * them must have been accepted before anything calls it.
 */
export function buildLines(filters: Filters): readonly string[] {
  const left = callers(filters).length === 0 ? removals(filters, new Map()) : [];
  if (isWhole(filters)) return left;
  const { map, entries } = byFamily[filters.family];
  const clear = filters.maps.has(map) ? [`no route-map ${map}`] : [];
  return [...left, ...clear, ...entries.flatMap((entry) => [headOf(map, entry), ...entry.lines])];
}

/** listLines puts `wanted` in our lists, takes everything else out of them, and lets the operator's map call ours, after `buildLines`. */
export function listLines(filters: Filters, map: string, wanted: ReadonlyMap<Prefix, Kept>): readonly string[] {
  const ours = byFamily[filters.family];
  const own = filters.maps.get(map) ?? [];
  const calls = own
    .filter(({ permit, lines }) => permit && !lines.includes(ours.call))
    .flatMap((entry) => [headOf(map, entry), ours.call]);
  const followers = ours.followers
    .filter(({ sequence, lines }) => !own.some((one) => one.sequence === sequence && one.lines.length === lines.length))
    .flatMap((entry) => [headOf(map, entry), ...entry.lines]);
  const listed = listedIn(filters);
  const added = [...wanted].filter(([prefix, kept]) => listed.get(prefix) !== kept);
  const lines = added.map(([prefix, kept]) => ours.line(kept, prefix));
  const gone = callers(filters).length === 0 ? [] : removals(filters, wanted);
  return [...calls, ...followers, ...lines, ...gone];
}

/** clearLines takes away all that is ours: for when all that was in our lists goes another way. */
export function clearLines(filters: Filters): readonly string[] {
  const ours = byFamily[filters.family];
  const calls = callers(filters).flatMap(([map, entry]) => [headOf(map, entry), "no call"]);
  const map = filters.maps.has(ours.map) ? [`no route-map ${ours.map}`] : [];
  const followers = inMaps(filters, (entry) => ours.follows(entry)).map(([name, one]) => `no ${headOf(name, one)}`);
  return [...calls, ...map, ...removals(filters, new Map()), ...followers];
}

function removals({ family, lists }: Filters, wanted: ReadonlyMap<Prefix, Kept>): readonly string[] {
  const ours = byFamily[family];
  return kinds.flatMap((kept) =>
    (lists.get(ours.list(kept)) ?? [])
      .filter(({ network }) => wanted.get(network as Prefix) !== kept)
      .map(({ network }) => `no ${ours.line(kept, network)}`),
  );
}

type Placed = readonly [map: string, entry: MapEntry];

function callers(filters: Filters): readonly Placed[] {
  return inMaps(filters, ({ lines }) => lines.includes(byFamily[filters.family].call));
}

function inMaps({ maps }: Filters, where: (entry: MapEntry) => boolean): readonly Placed[] {
  return [...maps].flatMap(([map, all]) => all.filter(where).map((entry): Placed => [map, entry]));
}

function isWhole({ family, maps }: Filters): boolean {
  const { map, entries } = byFamily[family];
  return JSON.stringify(maps.get(map)) === JSON.stringify(entries);
}

function headOf(map: string, { permit, sequence }: MapEntry): string {
  return `route-map ${map} ${permit ? "permit" : "deny"} ${sequence}`;
}
