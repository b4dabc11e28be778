// Reads what BIRD answers to `show protocols all` and `show ospf state all`. Pure.
import type { Family } from "../probe/target.js";
import type { Database } from "./announcers.js";
import type { Announcer } from "./link-state.js";
import { type Prefix, parsePrefix } from "./prefix.js";

/** BirdProtocol is one protocol of BIRD, up or not. */
export interface BirdProtocol {
  readonly name: string;
  /** `OSPF`, `BGP`, `Static`, `Direct`. */
  readonly kind: string;
  /** `up`, `down` (as when disabled), `start`, `stop`. */
  readonly state: string;
  /** Of the routes that it carries. */
  readonly families: readonly Family[];
}

/** OspfProtocol is one OSPF protocol of BIRD that is up. */
export interface OspfProtocol {
  readonly name: string;
  /** Of the routes that it carries. */
  readonly family: Family;
}

/** readProtocols reads `show protocols all`. */
export function readProtocols(text: string): readonly BirdProtocol[] {
  const protocols: (BirdProtocol & { families: Family[] })[] = [];
  for (const line of text.split("\n")) {
    const channel = /^\s+Channel ipv([46])\b/.exec(line)?.[1];
    if (channel !== undefined) protocols.at(-1)?.families.push(channel === "4" ? 4 : 6);
    const [name, kind, , state] = /^\S/.test(line) ? line.split(/\s+/) : [];
    if (name !== undefined && kind !== undefined && state !== undefined)
      protocols.push({ name, kind, state, families: [] });
  }
  return protocols;
}

/** readOspfProtocols reads the OSPF protocols that are up from `show protocols all`. */
export function readOspfProtocols(text: string): readonly OspfProtocol[] {
  const up = readProtocols(text).filter(({ kind, state }) => kind === "OSPF" && state === "up");
  return up.flatMap(({ name, families }) => families.map((family) => ({ name, family })));
}

/**
 * readBirdState reads `show ospf state all`: a line with one tab names a router or a network, those with two tell of it.
 * BIRD walks the links itself and says `distance` or `unreachable`. Throws where this router's own LSA is missing.
 */
export function readBirdState(text: string): Database {
  let routerId: string | undefined;
  let router = "";
  let reached = false;
  const reachable = new Set<string>();
  const borders: string[] = [];
  const stubs: [Prefix, Announcer][] = [];
  const externals: [Prefix, Announcer][] = [];
  for (const line of text.split("\n")) {
    const [word, what = "", metricWord, metric] = line.trim().split(/\s+/);
    if (!line.startsWith("\t\t")) {
      router = word === "router" ? what : "";
      reached = false;
      continue;
    }
    const prefix = parsePrefix(what);
    const announcer = { routerId: router, metric: Number(metric) };
    if (word === "distance" && router !== "") {
      reached = true;
      reachable.add(router);
      if (what === "0") routerId = router;
    } else if (word === "stubnet" && reached && prefix !== undefined) {
      // A router can be reached in another area and have left an LSA behind in this one: its stubs count only where it is.
      stubs.push([prefix, { ...announcer, kind: "stub" }]);
    } else if (word === "external" && prefix !== undefined) {
      externals.push([prefix, { ...announcer, kind: "external", metricType: metricWord === "metric2" ? 2 : 1 }]);
    } else if (reached && (word === "xnetwork" || word === "xrouter")) {
      // Only a border router tells of what is in other areas.
      borders.push(router);
      if (word === "xrouter") reachable.add(what);
    }
  }
  if (routerId === undefined) throw new Error(`expected this router at distance 0, got ${JSON.stringify(text.trim())}`);
  const announcers = new Map<Prefix, Announcer[]>();
  for (const [prefix, announcer] of [...stubs, ...externals.filter(([, { routerId: id }]) => reachable.has(id))]) {
    announcers.set(prefix, [...(announcers.get(prefix) ?? []), announcer]);
  }
  return { routerId, borders, announcers };
}
