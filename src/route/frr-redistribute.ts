// How redistributed prefixes move: by the redistribute line, which moves all of them and at once, where none is to stay, nor
// can come that is to; else by our prefix-lists (frr-lists.ts), which move one. Pure.
import { type Announcement, isRung, rungCosts } from "./driver.js";
import { buildLines, clearLines, type Kept, listedIn, listLines, refusalToCall } from "./frr-lists.js";
import { configuredLine, type Redistributed, type RedistributedMemory } from "./frr-state.js";
import { routeMapOf, withMetric } from "./ospf-config.js";
import { permittedBy } from "./ospf-filters.js";
import type { Prefix } from "./prefix.js";

/** Redistribution is what to write so that redistributed prefixes become `target`. */
export interface Redistribution {
  /** Must have been accepted before the rest is written. */
  readonly prepare: readonly string[];
  readonly filters: readonly string[];
  /** Below `router ospf`, `router ospf6`. */
  readonly line: string | undefined;
  /** The line before the filters: what moves least gets in force first. */
  readonly lineFirst: boolean;
  /** The line as configured: how to put it back. */
  readonly configured: string;
  /** It moves them by the line. */
  readonly whole: boolean;
  /** Why it is not moved by the line or, where it has to be all the same, for what that is a pity; undefined where all that can ever be redistributed moves. */
  readonly others: string | undefined;
  /** Why it cannot be; nothing is to be written then. */
  readonly refusal?: string;
}

/** A prefix, and what it is to be. */
type Wanted = readonly [Prefix, Announcement];

/** planRedistribution plans one change for `prefixes`, all of them redistributed, or last seen so, by `line`. */
export function planRedistribution(
  state: Redistributed,
  memory: RedistributedMemory,
  prefixes: readonly Prefix[],
  target: Announcement,
  line: string,
): Redistribution {
  const { config } = state;
  const configured = configuredLine(config, memory.held) ?? line;
  const map = routeMapOf(configured);
  const permitted = permittedBy(config.filters, map);
  const others = othersOf(state, memory, prefixes, permitted ?? []);
  const different = [...others].filter(([, wanted]) => wanted !== target);
  // To take the line away brings back none that is away, and what is away only for now does not move.
  const along = different.filter(
    ([other, wanted]) => state.externals.has(other) || (target !== "withdrawn" && wanted !== "announced"),
  );
  const absent = different.filter((other) => !along.includes(other));
  const open = permitted === undefined && target !== "announced";
  const refusal = refusalToCall(config.filters, map);
  // What is away now can come at any time, as an address of another tool: the line is for where no list can be.
  const alone = along.length === 0 && ((absent.length === 0 && !open) || refusal !== undefined);
  // A `set metric` beats the metric of the line.
  const whole = alone && !(isRung(target) && map !== undefined && config.metricMaps.includes(map));
  const same = { configured, whole, others: othersTold(along, absent, open) };
  if (whole) {
    const line = statementFor(config.redistributeConnected, lineAt(configured, target));
    return { ...same, prepare: [], filters: clearLines(config.filters), line, lineFirst: target !== "announced" };
  }
  const listed = listedIn(config.filters);
  const nothing = { ...same, prepare: [], filters: [], line: undefined, lineFirst: false };
  const untouched = configured === config.redistributeConnected && !prefixes.some((prefix) => listed.has(prefix));
  if (target === "announced" && untouched) return nothing;
  if (refusal !== undefined) {
    const told = `${refusal}, ${elsewhere[config.filters.family]}, or use the address driver`;
    return { ...nothing, refusal: sentence(configured, target, prefixes, along, told) };
  }
  const targets = new Map([...others, ...prefixes.map((prefix) => [prefix, target] as const)]);
  const base = open ? "announced" : baseOf(config.redistributeConnected, configured, targets);
  const kept = [...targets].filter((entry): entry is [Prefix, Kept] => entry[1] !== base && entry[1] !== "announced");
  return {
    ...same,
    prepare: buildLines(config.filters),
    filters: listLines(config.filters, map!, new Map(kept)),
    line: statementFor(config.redistributeConnected, lineAt(configured, base)),
    lineFirst: false,
  };
}

/** What all prefixes but `prefixes` are to be that are redistributed or, as far as is known, can be. */
function othersOf(
  { config, externals }: Redistributed,
  { known, wanted }: RedistributedMemory,
  prefixes: readonly Prefix[],
  permitted: readonly string[],
): ReadonlyMap<Prefix, Announcement> {
  const listed = listedIn(config.filters);
  // A default route is originated, never redistributed from connected.
  const there = [...externals.keys()].filter((external) => !external.endsWith("/0")) as Prefix[];
  const ours = [...known.keys()].filter((prefix) => known.get(prefix)?.redistribute !== undefined);
  const stands = config.redistributeConnected !== undefined;
  const away = stands ? ours.filter((prefix) => wanted.has(prefix)) : ours;
  const all = new Set([...there, ...away, ...listed.keys(), ...(permitted as readonly Prefix[])]);
  const others = [...all].filter((other) => !prefixes.includes(other));
  // A line that comes back brings none of ours that it was not told to: what was away already may never have been told.
  const untold = (other: Prefix) => (stands || !ours.includes(other) ? "announced" : "withdrawn");
  return new Map(others.map((other) => [other, wanted.get(other) ?? listed.get(other) ?? untold(other)]));
}

function othersTold(along: readonly Wanted[], absent: readonly Wanted[], open: boolean): string | undefined {
  const names = (all: readonly Wanted[]) => all.map(([other]) => other).join(", ");
  if (along.length > 0) return `${names(along)} stays`;
  if (absent.length > 0) return `${names(absent)} may come`;
  return open ? "others may come" : undefined;
}

/** A line that stands at the metric of a rung stays while no prefix is to be announced: the others do not move. */
function baseOf(
  standing: string | undefined,
  configured: string,
  targets: ReadonlyMap<Prefix, Announcement>,
): Announcement {
  const wanted = [...targets.values()];
  if (wanted.includes("announced")) return "announced";
  return wanted.find((one) => isRung(one) && lineAt(configured, one) === standing) ?? "announced";
}

function lineAt(configured: string, announcement: Announcement): string | undefined {
  if (announcement === "withdrawn") return undefined;
  return isRung(announcement) ? withMetric(configured, rungCosts[announcement].external) : configured;
}

function statementFor(standing: string | undefined, wanted: string | undefined): string | undefined {
  if (standing === wanted) return undefined;
  return wanted ?? "no redistribute connected";
}

const elsewhere = {
  4: "announce each by its own `network … area …` statement",
  6: "announce them as addresses of lo by `ipv6 ospf6 area …` there",
} as const;

function sentence(
  configured: string,
  target: Announcement,
  prefixes: readonly Prefix[],
  along: readonly Wanted[],
  advice: string,
): string {
  const moved = prefixes.join(", ");
  if (along.length === 0) return `a \`set metric\` beats that of \`${configured}\`, and ${advice}`;
  const names = along.map(([other]) => other).join(", ");
  if (target === "withdrawn")
    return `\`no redistribute connected\` would take ${names} along with ${moved}, and ${advice}`;
  if (target === "announced") {
    const wanted = along.map(([other, to]) => `${other}, wanted ${to},`).join(" and ");
    return `\`${configured}\` would announce ${wanted} along with ${moved}, and ${advice}`;
  }
  return `\`${lineAt(configured, target)}\` would move ${names} along with ${moved}, and ${advice}`;
}
