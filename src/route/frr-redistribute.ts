// How redistributed prefixes move: by the redistribute line, which moves all of them and at once, where none is to stay;
// else by our prefix-lists (frr-lists.ts), which move one. Pure.
import { type Announcement, isRung, rungCosts } from "./driver.js";
import { buildLines, clearLines, type Kept, listedIn, listLines, refusalToCall } from "./frr-lists.js";
import { configuredLine, type Redistributed, type RedistributedMemory } from "./frr-state.js";
import { routeMapOf, withMetric } from "./ospf-config.js";
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
  /** The other prefixes for which it is not moved by the line. */
  readonly along: readonly Prefix[];
  /** Why it cannot be; nothing is to be written then. */
  readonly refusal?: string;
}

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
  const others = othersOf(state, memory, prefixes);
  // To take the line away brings back none that is away.
  const along = [...others].filter(
    ([other, wanted]) => wanted !== target && (target !== "withdrawn" || state.externals.has(other)),
  );
  const names = along.map(([other]) => other);
  const map = routeMapOf(configured);
  // A `set metric` beats the metric of the line.
  const whole = along.length === 0 && !(isRung(target) && map !== undefined && config.metricMaps.includes(map));
  const same = { configured, whole, along: names };
  if (whole) {
    const line = statementFor(config.redistributeConnected, lineAt(configured, target));
    return { ...same, prepare: [], filters: clearLines(config.filters), line, lineFirst: target !== "announced" };
  }
  const listed = listedIn(config.filters);
  const nothing = { ...same, prepare: [], filters: [], line: undefined, lineFirst: false };
  const untouched = configured === config.redistributeConnected && !prefixes.some((prefix) => listed.has(prefix));
  if (target === "announced" && untouched) return nothing;
  const refusal = refusalToCall(config.filters, map);
  if (refusal !== undefined) {
    const told = `${refusal}, ${elsewhere[config.filters.family]}, or use the address driver`;
    return { ...nothing, refusal: sentence(configured, target, prefixes, along, told) };
  }
  const targets = new Map([...others, ...prefixes.map((prefix) => [prefix, target] as const)]);
  const base = baseOf(config.redistributeConnected, configured, targets);
  const kept = [...targets].filter((entry): entry is [Prefix, Kept] => entry[1] !== base && entry[1] !== "announced");
  return {
    ...same,
    prepare: buildLines(config.filters),
    filters: listLines(config.filters, map!, new Map(kept)),
    line: statementFor(config.redistributeConnected, lineAt(configured, base)),
    lineFirst: false,
  };
}

/** What all redistributed prefixes but `prefixes` are to be, those of ours among them that are away now. */
function othersOf(
  { config, externals }: Redistributed,
  { known, wanted }: RedistributedMemory,
  prefixes: readonly Prefix[],
): ReadonlyMap<Prefix, Announcement> {
  const listed = listedIn(config.filters);
  // A default route is originated, never redistributed from connected.
  const there = [...externals.keys()].filter((external) => !external.endsWith("/0")) as Prefix[];
  const away = [...wanted.keys()].filter((prefix) => known.get(prefix)?.redistribute !== undefined);
  const others = [...new Set([...there, ...away, ...listed.keys()])].filter((other) => !prefixes.includes(other));
  return new Map(others.map((other) => [other, wanted.get(other) ?? listed.get(other) ?? "announced"]));
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
  along: readonly (readonly [Prefix, Announcement])[],
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
