// One reading of ospfd: what is asked, and what the answers say of the router and of a prefix. Pure.
import type { Observation } from "./driver.js";
import { unsupportedReason } from "./frr-refusal.js";
import { announcementOf, type RouterState } from "./frr-state.js";
import type { Announcer } from "./link-state.js";
import { readExternalLsas, readNeighbors, readRouterLsas } from "./lsdb.js";
import {
  readDevices,
  readExternalAnnouncers,
  readExternalLsasText,
  readNeighborsText,
  readRouterLsasText,
} from "./lsdb-text.js";
import { readOspfConfig } from "./ospf-config.js";
import { addressOf, familyOfPrefix, type Prefix } from "./prefix.js";

/** Those that are asked for as JSON where ospfd knows it. */
const show = [
  "show ip ospf database router self-originate",
  "show ip ospf database external self-originate",
  "show ip ospf neighbor",
];

/** commandsFor lists what is asked in one reading; with `json`, as JSON where FRR knows it. */
export function commandsFor(prefixes: readonly Prefix[], json: boolean): readonly string[] {
  return [
    "show running-config",
    ...show.map((command) => (json ? `${command} json` : command)),
    "show ip ospf interface",
    ...fourOf(prefixes).map((prefix) => `show ip ospf database external ${addressOf(prefix)}`),
  ];
}

function fourOf(prefixes: readonly Prefix[]): readonly Prefix[] {
  return prefixes.filter((prefix) => familyOfPrefix(prefix) === 4);
}

/** readState reads the answers to `commandsFor(prefixes, json)`. Throws where one cannot be read. */
export function readState(answers: readonly string[], prefixes: readonly Prefix[], json: boolean): RouterState {
  const [running, router, external, neighbor, device, ...rivals] = answers;
  const config = readOspfConfig(running!);
  // Without OSPF the database commands answer a sentence, with status 0.
  if (!config.routers.includes("router ospf")) {
    const none = new Map<never, never>();
    return { config, stubs: none, externals: none, neighbors: [], devices: none, rivals: none };
  }
  return {
    config,
    stubs: (json ? readRouterLsas : readRouterLsasText)(router!).stubs,
    externals: (json ? readExternalLsas : readExternalLsasText)(external!),
    neighbors: (json ? readNeighbors : readNeighborsText)(neighbor!),
    devices: readDevices(device!),
    rivals: new Map(fourOf(prefixes).map((prefix, i) => [prefix, rivalsIn(rivals[i]!)])),
  };
}

function rivalsIn(text: string): readonly Announcer[] {
  const { routerId, announcers } = readExternalAnnouncers(text);
  return announcers.filter((announcer) => announcer.routerId !== routerId);
}

/**
 * observationOf tells how a prefix stands. What the own LSA shows is verified once a Full neighbour is there and all
 * neighbours have acknowledged everything.
 */
export function observationOf(state: RouterState, prefix: Prefix): Observation {
  const unsupported = unsupportedReason(state.config, prefix);
  if (unsupported !== undefined) return { announcement: "unknown", verified: false, reason: unsupported };
  const announcement = announcementOf(state, prefix);
  if (!state.neighbors.some((neighbor) => neighbor.full))
    return { announcement, verified: false, reason: "no adjacency" };
  const behind = state.neighbors.filter((neighbor) => neighbor.retransmit > 0).map((neighbor) => neighbor.id);
  return behind.length === 0
    ? { announcement, verified: true }
    : { announcement, verified: false, reason: `not acknowledged by ${behind.join(", ")}` };
}
