// One reading of ospf6d: what is asked, and what the answers say of the router and of a prefix. Pure.
import type { Observation } from "./driver.js";
import { unsupportedReason6 } from "./frr6-plan.js";
import { announcementOf6, type Router6State } from "./frr6-state.js";
import type { Announcer } from "./link-state.js";
import type { External } from "./lsdb.js";
import { readOspf6Config } from "./ospf6-config.js";
import { readAttached, readExternals6, readStubs } from "./ospf6-lsdb.js";
import { readNeighbors6 } from "./ospf6-neighbor.js";
import type { Prefix } from "./prefix.js";

/** What is asked in one reading. */
export const commands6 = [
  "show running-config",
  "show ipv6 ospf6 database intra-prefix self-originated detail json",
  "show ipv6 ospf6 database as-external self-originated detail json",
  "show ipv6 ospf6 neighbor detail json",
  "show ipv6 ospf6 interface json",
];

/** What is asked besides where this router redistributes: ospf6d cannot be asked for one prefix. */
export const rivalsCommand = "show ipv6 ospf6 database as-external detail json";

/** readState6 reads the answers to `commands6`, and `rivals`, that to `rivalsCommand`. Throws where one cannot be read. */
export function readState6(answers: readonly string[], rivals: string | undefined): Router6State {
  const [running, intra, external, neighbor, device] = answers;
  const config = readOspf6Config(running!);
  // Without OSPF the other commands answer nothing, with status 0.
  if (!config.routers.includes("router ospf6")) {
    const none = new Map<never, never>();
    return { config, stubs: none, externals: none, rivals: none, neighbors: [], attached: new Set(), devices: none };
  }
  const own = readExternals6(external!);
  const ids = new Set([...own.values()].flat().map(({ routerId }) => routerId));
  const others = rivals === undefined ? [] : [...readExternals6(rivals)];
  return {
    config,
    stubs: new Map(readStubs(intra!).map(({ prefix, metric }) => [prefix, metric])),
    externals: new Map([...own].map(([prefix, [first]]) => [prefix, externalOf(first!)])),
    rivals: new Map(others.map(([prefix, all]) => [prefix, all.filter(({ routerId }) => !ids.has(routerId))])),
    neighbors: readNeighbors6(neighbor!),
    ...readAttached(device!),
  };
}

function externalOf({ metric, metricType }: Announcer): External {
  return { metric, metricType: metricType ?? 2 };
}

/** readsRivals tells whether there is a need to know who else announces by AS-external LSAs. */
export function readsRivals(running: string): boolean {
  return readOspf6Config(running).redistributeConnected !== undefined;
}

/**
 * observationOf6 tells how a prefix stands. What the own LSA shows is verified once a Full neighbour is there and all
 * neighbours have acknowledged everything.
 */
export function observationOf6(state: Router6State, prefix: Prefix): Observation {
  const unsupported = unsupportedReason6(state);
  if (unsupported !== undefined) return { announcement: "unknown", verified: false, reason: unsupported };
  const announcement = announcementOf6(state, prefix);
  if (!state.neighbors.some((neighbor) => neighbor.full))
    return { announcement, verified: false, reason: "no adjacency" };
  const behind = state.neighbors.filter((neighbor) => neighbor.retransmit > 0).map((neighbor) => neighbor.id);
  return behind.length === 0
    ? { announcement, verified: true }
    : { announcement, verified: false, reason: `not acknowledged by ${behind.join(", ")}` };
}
