// Prefixes that ospf6d redistributes: which lines bring each of them to where it is wanted. One line moves all that it lets
// through, and at once; for one of several there is an entry in its route-map, which ospf6d follows 5 s later. Pure.
import { type Announcement, isRung, rungCosts } from "./driver.js";
import {
  configuredLine6,
  isOurEntry,
  type Lowered,
  listedAs,
  lowering,
  type Memory6,
  mapListOf,
  type Router6State,
} from "./frr6-state.js";
import { writeListEntry } from "./ipv6-prefix-list.js";
import { metricOf, routeMapOf, withMetric } from "./ospf-config.js";
import { entriesOf, type MapEntry, type Ospf6Config } from "./ospf6-config.js";
import type { Prefix } from "./prefix.js";

/** Redistribution is where all that is redistributed is to be, and by which means. */
export interface Redistribution {
  /** As configured. */
  readonly line: string;
  readonly targets: ReadonlyMap<Prefix, Announcement>;
  /** All of it goes the same way, so that the line itself does it. */
  readonly whole: Announcement | undefined;
}

/** redistributionFor puts what is called for beside what is wanted of all else that is redistributed. */
export function redistributionFor(
  state: Router6State,
  called: ReadonlyMap<Prefix, Announcement>,
  memory: Memory6,
): Redistribution | undefined {
  const { config, externals } = state;
  const line = configuredLine6(config, memory.held) ?? redistributedAs([...called.keys()], memory);
  if (line === undefined) return undefined;
  const away = [...memory.known.keys()].filter((prefix) => memory.known.get(prefix)!.redistribute !== undefined);
  // A default route is originated, never redistributed from connected.
  const listed = ([...externals.keys()] as Prefix[]).filter((prefix) => prefix !== "::/0");
  const all = new Set([...listed, ...away, ...[...called.keys()].filter((one) => listedAs(config, one) !== undefined)]);
  const targets = new Map(
    [...all].map((prefix): [Prefix, Announcement] => [
      prefix,
      called.get(prefix) ?? memory.wanted.get(prefix) ?? listedAs(config, prefix) ?? "announced",
    ]),
  );
  const [target, ...others] = new Set(targets.values());
  const same = others.length === 0 && target !== undefined;
  // A metric of the route-map beats that of the line.
  const byLine = same && (!isRung(target) || setsOf(config, line, "metric").length === 0);
  return { line, targets, whole: byLine ? target : undefined };
}

function redistributedAs(prefixes: readonly Prefix[], { known }: Memory6): string | undefined {
  return prefixes.map((prefix) => known.get(prefix)?.redistribute).find((line) => line !== undefined);
}

/** othersOf lists what is redistributed and is not to go where a prefix goes. */
export function othersOf({ targets }: Redistribution, target: Announcement): readonly Prefix[] {
  return [...targets].filter(([, other]) => other !== target).map(([prefix]) => prefix);
}

/** refusalByMap says why the route-map cannot move one prefix of several; undefined where it can. */
export function refusalByMap(config: Ospf6Config, line: string, others: readonly Prefix[]): string | undefined {
  const map = routeMapOf(line);
  if (map === undefined)
    return `\`${line}\` announces ${others.join(", ")} too and has no route-map: give it one, or use the address driver`;
  const [first] = theirs(config, map);
  return first !== undefined && first.seq <= lowering.length
    ? `route-map ${map} begins at ${first.seq}: renumber it to begin at ${lowering.length + 1} or later, so that there is room before it`
    : undefined;
}

/** refusalToLower says why a route-map's entry at a rung would change more than the metric; undefined where it would not. */
export function refusalToLower(config: Ospf6Config, line: string): string | undefined {
  const map = routeMapOf(line);
  if (map === undefined) return undefined;
  const permits = theirs(config, map).filter((entry) => entry.permits);
  const clever = permits.find(({ lines }) => lines.some((one) => /^(call|on-match|continue)\b/.test(one)));
  if (clever) return `route-map ${map} does more in its entry ${clever.seq} than match and set: use the address driver`;
  const sets = new Set(permits.map((entry) => setsIn(entry).join("\n")));
  return sets.size > 1 ? `the entries of route-map ${map} set different things: use the address driver` : undefined;
}

/** configuredMetric gives the highest metric that the line or its route-map gives. */
export function configuredMetric(config: Ospf6Config, line: string): number {
  return Math.max(metricOf(line) ?? 0, ...setsOf(config, line, "metric").map((one) => Number(one.split(" ")[2]) || 0));
}

function setsOf(config: Ospf6Config, line: string, what: string): readonly string[] {
  const map = routeMapOf(line);
  const entries = map === undefined ? [] : theirs(config, map);
  return entries.flatMap(({ lines }) => lines.filter((one) => one.startsWith(`set ${what} `)));
}

function theirs(config: Ospf6Config, map: string): readonly MapEntry[] {
  return entriesOf(config, map).filter((entry) => !isOurEntry(entry));
}

/** What an entry sets besides the metric. */
function setsIn({ lines }: MapEntry): readonly string[] {
  return lines.filter((line) => line.startsWith("set ") && !line.startsWith("set metric "));
}

/** linesToRedistribute brings all that is redistributed to where it is wanted. */
export function linesToRedistribute(config: Ospf6Config, { line, targets, whole }: Redistribution): readonly string[] {
  const wanted =
    whole === undefined || isRung(whole) ? withRung(line, whole) : whole === "announced" ? line : undefined;
  const now = config.redistributeConnected;
  const route = wanted === now ? [] : ["router ospf6", wanted === undefined ? "no redistribute connected" : wanted];
  const map = routeMapOf(line);
  if (map === undefined) return route;
  const entries = lowering.flatMap((lowered) => {
    const prefixes = [...targets].filter(([, to]) => whole === undefined && to === lowered).map(([prefix]) => prefix);
    return entryLines(config, map, lowered, prefixes);
  });
  // What the line does it does at once, so the entries must stand before; where it goes away, they say nothing any more.
  return wanted === undefined ? [...route, ...entries] : [...entries, ...route];
}

function withRung(line: string, whole: Announcement | undefined): string {
  return whole !== undefined && isRung(whole) ? withMetric(line, rungCosts[whole].external) : line;
}

/** The entry for what is lowered so, with its list; none where nothing is. */
function entryLines(
  config: Ospf6Config,
  map: string,
  lowered: Lowered,
  prefixes: readonly Prefix[],
): readonly string[] {
  const list = mapListOf(lowered);
  const seq = lowering.indexOf(lowered) + 1;
  const standing = config.lists.filter((entry) => entry.list === list);
  const entry = entriesOf(config, map).find((one) => one.seq === seq && isOurEntry(one));
  const head = `route-map ${map} ${lowered === "withdrawn" ? "deny" : "permit"} ${seq}`;
  if (prefixes.length === 0) {
    return [...(entry ? [`no ${head}`] : []), ...(standing.length > 0 ? [`no ipv6 prefix-list ${list}`] : [])];
  }
  const surplus = standing.filter(({ what }) => !prefixes.includes(what as Prefix));
  const missing = prefixes.filter((prefix) => !standing.some(({ what }) => what === prefix));
  const next = Math.max(0, ...standing.map((one) => one.seq));
  const lines = [
    `match ipv6 address prefix-list ${list}`,
    ...(isRung(lowered)
      ? [...setsIn(theirs(config, map).find((one) => one.permits)!), `set metric ${rungCosts[lowered].external}`]
      : []),
  ];
  const stands = entry !== undefined && lines.every((one) => entry.lines.includes(one));
  return [
    ...missing.map((what, i) => writeListEntry({ list, seq: next + 5 * (i + 1), permits: true, what })),
    ...surplus.map((one) => `no ${writeListEntry(one)}`),
    ...(stands ? [] : [head, ...lines]),
  ];
}
