// What the frr driver knows of its router: one reading, and what it remembers from before. Pure.
import { type Announcement, announcements, isRung, type Rung, rungCosts } from "./driver.js";
import { type Kept, listedIn } from "./frr-lists.js";
import type { Announcer } from "./link-state.js";
import type { External, Neighbor } from "./lsdb.js";
import {
  addressCost,
  areaOf,
  coveredBy,
  isSuppressed,
  type OspfConfig,
  routeMapOf,
  widerNetwork,
  withMetric,
} from "./ospf-config.js";
import { lets } from "./ospf-filters.js";
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

/** Way is how a prefix is announced, and so how to put it back: by one of these, in rare cases one after the other. */
export interface Way {
  /** The area of its own network statement. */
  readonly network?: string;
  /** By a wider network statement, or by `ip ospf area` on its device: together with other addresses. */
  readonly covered?: boolean;
  /** The `redistribute connected …` line, as configured. */
  readonly redistribute?: string;
}

/** Held is what anyprobe changed of one prefix and has not put back, each as it was before. Plain JSON. */
export interface Held extends Way {
  /** The device of its address. */
  readonly device?: string;
  /** What `ip ospf cost … ADDRESS` said on that device before it was ours; 0: there was no such line. */
  readonly cost?: number;
  /** Its address is under prefix-suppression. */
  readonly suppressed?: boolean;
  /** In which of our prefix-lists it stands. */
  readonly listed?: Kept;
}

/** Redistributed is what moving redistributed prefixes needs to know of a router, of ospfd or ospf6d. */
export interface Redistributed {
  readonly config: Pick<OspfConfig, "redistributeConnected" | "filters" | "metricMaps">;
  /** The own AS-external LSAs, by their prefix. */
  readonly externals: ReadonlyMap<string, External>;
}

/** RedistributedMemory is what it needs to know from before; each line as configured. */
export interface RedistributedMemory {
  readonly held: ReadonlyMap<Prefix, { readonly redistribute?: string }>;
  readonly known: ReadonlyMap<Prefix, { readonly redistribute?: string }>;
  readonly wanted: ReadonlyMap<Prefix, Kept>;
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
  /** The prefixes whose address has a cost of ours that ospfd has not heeded. */
  readonly unheeded: ReadonlySet<Prefix>;
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
  const { config, stubs, externals } = state;
  const area = areaOf(config, prefix);
  if (area !== undefined && !widerNetwork(config, prefix)) return { network: area };
  if (coveredBy(config, prefix) !== undefined && (stubs.has(prefix) || isSuppressed(config, prefix))) {
    return { covered: true };
  }
  if (area !== undefined) return { network: area };
  const line = configuredLine(config, held);
  const redistributed = externals.has(prefix) || listedIn(config.filters).has(prefix);
  return line !== undefined && redistributed ? { redistribute: line } : {};
}

/** stands tells whether what announces a prefix in this way is in the configuration, apart from what is ours there. */
export function stands({ config }: RouterState, prefix: Prefix, way: Way, held: Held | undefined): boolean {
  if (areaOf(config, prefix) !== undefined) return true;
  if (way.covered && coveredBy(config, prefix) !== undefined) return held?.suppressed || !isSuppressed(config, prefix);
  const line = config.redistributeConnected;
  return way.redistribute !== undefined && line !== undefined && lets(config.filters, routeMapOf(line), prefix);
}

/** wayBackOf is wayOf, or for a prefix that is not announced the way in which it was. */
export function wayBackOf(state: RouterState, prefix: Prefix, { held, known }: Memory): Way {
  const way = wayOf(state, prefix, held);
  const there = state.stubs.has(prefix) || state.externals.has(prefix) || Object.keys(way).length > 0;
  return there ? way : (known.get(prefix) ?? {});
}

/** configuredLine gives the redistribute line that stands, as it was before we gave it the metric of a rung. */
export function configuredLine(
  { redistributeConnected: line }: Redistributed["config"],
  held: RedistributedMemory["held"],
): string | undefined {
  const ours = [...held.values()].find(({ redistribute }) => isDepreferred(line, redistribute));
  return ours?.redistribute ?? line;
}

/** isDepreferred tells whether a redistribute line is one that was configured, at the metric of a rung. */
export function isDepreferred(line: string | undefined, configured: string | undefined): boolean {
  if (line === undefined || configured === undefined || line === configured) return false;
  return rungs.some((rung) => line === withMetric(configured, rungCosts[rung].external));
}

/**
 * heldIn gives what is in force of our changes of a prefix; undefined where nothing is, as after a restart of ospfd. What
 * stands in our lists is ours, whether it was `before` or not.
 */
export function heldIn(config: OspfConfig, prefix: Prefix, before: Held = {}): Held | undefined {
  const { network, redistribute, device, cost, suppressed } = before;
  const line = config.redistributeConnected;
  const costNow = device === undefined ? undefined : addressCost(config, device, prefix);
  const listed = listedIn(config.filters).get(prefix);
  const left: Held = {
    ...(network !== undefined && areaOf(config, prefix) === undefined && { network }),
    ...((line === undefined || isDepreferred(line, redistribute)) && redistribute !== undefined && { redistribute }),
    ...(cost !== undefined && costNow !== cost && costNow !== undefined && rungAt("stub", costNow) && { cost }),
    ...(suppressed && isSuppressed(config, prefix) && { suppressed }),
    ...(listed !== undefined && { listed }),
  };
  return Object.keys(left).length === 0 ? undefined : { ...left, ...(device !== undefined && { device }) };
}
