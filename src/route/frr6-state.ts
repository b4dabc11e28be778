// What the driver of ospf6d knows of its router: one reading, and what it remembers from before. Pure.
import type { Announcement } from "./driver.js";
import { type Kept, listedIn } from "./frr-lists.js";
import { configuredLine, isDepreferred, rungAt } from "./frr-state.js";
import { entryFor, type ListEntry } from "./ipv6-prefix-list.js";
import type { Announcer } from "./link-state.js";
import type { External, Neighbor } from "./lsdb.js";
import type { Ospf6Config } from "./ospf6-config.js";
import type { Prefix } from "./prefix.js";

/** Router6State is one reading of the router: configuration, own LSAs, neighbours, and who else announces. */
export interface Router6State {
  readonly config: Ospf6Config;
  /** Of the own intra-area-prefix-LSAs: the metric of what `ipv6 ospf6 area` announces. */
  readonly stubs: ReadonlyMap<Prefix, number>;
  /** The own AS-external LSAs, by their prefix: what `redistribute` announces. */
  readonly externals: ReadonlyMap<string, External>;
  /** Other routers with an AS-external LSA of a prefix, where this router redistributes at all. */
  readonly rivals: ReadonlyMap<string, readonly Announcer[]>;
  readonly neighbors: readonly Neighbor[];
  /** The devices with `ipv6 ospf6 area`. */
  readonly attached: ReadonlySet<string>;
  /** Which of them has each address. */
  readonly devices: ReadonlyMap<Prefix, string>;
}

/** Way6 is how a prefix is announced: as an address of a device in an area, by a redistribute line, or by both. */
export interface Way6 {
  readonly device?: string;
  /** The `redistribute connected …` line, as configured. */
  readonly redistribute?: string;
}

/** Held6 is what anyprobe changed of one prefix and has not put back. Plain JSON. */
export interface Held6 extends Way6 {
  /** The prefix-list of `advertise prefix-list` on that device that has a `deny` of it. */
  readonly list?: string;
  /** In which of the prefix-lists that our route-map matches by it stands. */
  readonly listed?: Kept;
}

/** Memory6 is what a driver knows besides the reading. */
export interface Memory6 {
  readonly held: ReadonlyMap<Prefix, Held6>;
  /** How each prefix was last seen announced, without what is ours in it. */
  readonly known: ReadonlyMap<Prefix, Way6>;
  /** What the last call for each prefix was, where it was not announce. */
  readonly wanted: ReadonlyMap<Prefix, Kept>;
}

/** deviceListOf names our list of what a device does not announce: it is known by that, also after a `write memory`. */
export function deviceListOf(device: string): string {
  return `ANYPROBE_${device}`;
}

/** denialOf gives the entry that takes exactly this prefix out of what a device announces. */
export function denialOf({ advertised, lists }: Ospf6Config, device: string, prefix: Prefix): ListEntry | undefined {
  const list = advertised.get(device);
  const entry = list === undefined ? undefined : entryFor(lists, list, prefix);
  return entry?.permits === false && entry.what === prefix ? entry : undefined;
}

/** announcementOf6 tells how this router announces a prefix. Intra-area beats external (RFC 5340, 4.8.3). */
export function announcementOf6({ stubs, externals }: Router6State, prefix: Prefix): Announcement {
  const stub = stubs.get(prefix);
  if (stub !== undefined) return rungAt("stub", stub) ?? "announced";
  const external = externals.get(prefix);
  return external === undefined ? "withdrawn" : (rungAt("external", external.metric) ?? "announced");
}

/** wayOf6 tells how the router announces a prefix, or did before we took it away; empty where nothing of that can be seen. */
export function wayOf6(state: Router6State, prefix: Prefix, held: Memory6["held"]): Way6 {
  const { config, stubs, externals, devices } = state;
  const denied = [...config.advertised].find(
    ([device, list]) => list === deviceListOf(device) && denialOf(config, device, prefix) !== undefined,
  );
  const device = stubs.has(prefix) ? devices.get(prefix) : denied?.[0];
  const redistributed = externals.has(prefix) || listedIn(config.filters).has(prefix);
  const line = redistributed ? configuredLine(config, held) : undefined;
  return { ...(device !== undefined && { device }), ...(line !== undefined && { redistribute: line }) };
}

/**
 * heldIn gives what is in force of our changes of a prefix; undefined where nothing is, as after a restart of ospf6d. What
 * bears a name of ours is ours, whether it was `before` or not.
 */
export function heldIn(config: Ospf6Config, prefix: Prefix, before: Held6 = {}): Held6 | undefined {
  const { redistribute } = before;
  const line = config.redistributeConnected;
  const away = redistribute !== undefined && (line === undefined || isDepreferred(line, redistribute));
  const denial = [...config.advertised].find(
    ([device, list]) =>
      (list === deviceListOf(device) || (device === before.device && list === before.list)) &&
      denialOf(config, device, prefix) !== undefined,
  );
  const listed = listedIn(config.filters).get(prefix);
  const held: Held6 = {
    ...(away && { redistribute }),
    ...(denial && { device: denial[0], list: denial[1] }),
    ...(listed !== undefined && { listed }),
  };
  return Object.keys(held).length === 0 ? undefined : held;
}
