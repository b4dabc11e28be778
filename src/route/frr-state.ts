// What the frr driver knows of its router: one reading, and what it remembers from before. Pure.
import { type Announcement, announcements, isRung, type Rung, rungCosts } from "./driver.js";
import type { Announcer } from "./link-state.js";
import type { External, Neighbor } from "./lsdb.js";
import { addressCost, areaOf, type OspfConfig, withMetric } from "./ospf-config.js";
import type { Prefix } from "./prefix.js";

/** RouterState is one reading of the router: configuration, own LSAs, neighbours, and who else announces. */
export interface RouterState {
  readonly config: OspfConfig;
  readonly stubs: ReadonlyMap<Prefix, number>;
  readonly externals: ReadonlyMap<string, External>;
  readonly neighbors: readonly Neighbor[];
  /** The device that ospfd runs on for each address: none while nothing makes it run there. */
  readonly devices: ReadonlyMap<Prefix, string>;
  /** Other routers with an AS-external LSA of a prefix, whether they can be reached or not. */
  readonly rivals: ReadonlyMap<Prefix, readonly Announcer[]>;
}

/** Way is how a prefix is announced, and so how to put it back: an area, a redistribute line, in rare cases one after the other. */
export interface Way {
  /** The area of its own network statement. */
  readonly network?: string;
  /** The `redistribute connected …` line, as configured. */
  readonly redistribute?: string;
}

/** Held is what anyprobe changed of one prefix and has not put back, each as it was before. Plain JSON. */
export interface Held extends Way {
  /** The device of its address. */
  readonly device?: string;
  /** What `ip ospf cost … ADDRESS` said on that device before it was ours; 0: there was no such line. */
  readonly cost?: number;
}

/** Memory is what a driver knows besides the reading. */
export interface Memory {
  readonly held: ReadonlyMap<Prefix, Held>;
  /** How each prefix was last seen announced, without what is ours in it. */
  readonly known: ReadonlyMap<Prefix, Way>;
  /** The device of each address, as last seen. */
  readonly devices: ReadonlyMap<Prefix, string>;
  /** What the last call for each prefix was, where it was not announce. */
  readonly wanted: ReadonlyMap<Prefix, Rung | "withdrawn">;
}

const rungs = announcements.filter(isRung);

/** rungAt tells which rung a metric is the cost of. */
export function rungAt(kind: "stub" | "external", metric: number): Rung | undefined {
  return rungs.find((rung) => rungCosts[rung][kind] === metric);
}

/** announcementOf tells how this router announces a prefix. A stub beats an external of the same prefix (RFC 2328, 11). */
export function announcementOf({ stubs, externals }: RouterState, prefix: Prefix): Announcement {
  const stub = stubs.get(prefix);
  if (stub !== undefined) return rungAt("stub", stub) ?? "announced";
  const external = externals.get(prefix);
  return external === undefined ? "withdrawn" : (rungAt("external", external.metric) ?? "announced");
}

/** wayOf tells how the router announces a prefix now; empty where it does not or by nothing that could be taken away. */
export function wayOf(state: RouterState, prefix: Prefix, held: Memory["held"]): Way {
  const area = areaOf(state.config, prefix);
  if (area !== undefined) return { network: area };
  const line = configuredLine(state.config, held);
  return line !== undefined && state.externals.has(prefix) ? { redistribute: line } : {};
}

/** wayBackOf is wayOf, or for a prefix that is not announced the way in which it was. */
export function wayBackOf(state: RouterState, prefix: Prefix, { held, known }: Memory): Way {
  const way = wayOf(state, prefix, held);
  const there = areaOf(state.config, prefix) !== undefined || state.stubs.has(prefix) || state.externals.has(prefix);
  return there ? way : (known.get(prefix) ?? {});
}

/** configuredLine gives the redistribute line that stands, as it was before we gave it the metric of a rung. */
export function configuredLine(config: OspfConfig, held: Memory["held"]): string | undefined {
  const line = config.redistributeConnected;
  const ours = [...held.values()].find(({ redistribute }) => isDepreferred(line, redistribute));
  return ours?.redistribute ?? line;
}

function isDepreferred(line: string | undefined, configured: string | undefined): boolean {
  if (line === undefined || configured === undefined || line === configured) return false;
  return rungs.some((rung) => line === withMetric(configured, rungCosts[rung].external));
}

/** stillHeld gives what is in force of our changes of a prefix; undefined where nothing is, as after a restart of ospfd. */
export function stillHeld(config: OspfConfig, prefix: Prefix, held: Held): Held | undefined {
  const { network, redistribute, device, cost } = held;
  const line = config.redistributeConnected;
  const costNow = device === undefined ? undefined : addressCost(config, device, prefix);
  const left: Held = {
    ...(network !== undefined && areaOf(config, prefix) === undefined && { network }),
    ...((line === undefined || isDepreferred(line, redistribute)) && redistribute !== undefined && { redistribute }),
    ...(cost !== undefined && costNow !== cost && costNow !== undefined && rungAt("stub", costNow) && { cost }),
  };
  return Object.keys(left).length === 0 ? undefined : { ...left, ...(device !== undefined && { device }) };
}
