// What the driver of ospf6d knows of its router: one reading, and what it remembers from before. Pure.
import { type Announcement, announcements, isRung, type Rung, rungCosts } from "./driver.js";
import { rungAt } from "./frr-state.js";
import { entryFor, type ListEntry } from "./ipv6-prefix-list.js";
import type { Announcer } from "./link-state.js";
import type { External, Neighbor } from "./lsdb.js";
import { withMetric } from "./ospf-config.js";
import type { MapEntry, Ospf6Config } from "./ospf6-config.js";
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

/** Lowered is where a prefix can be put by an entry of ours in a route-map. */
export type Lowered = Rung | "withdrawn";

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
  /** The route-map that has an entry of ours for it. */
  readonly map?: string;
}

/** Memory6 is what a driver knows besides the reading. */
export interface Memory6 {
  readonly held: ReadonlyMap<Prefix, Held6>;
  /** How each prefix was last seen announced, without what is ours in it. */
  readonly known: ReadonlyMap<Prefix, Way6>;
  /** What the last call for each prefix was, where it was not announce. */
  readonly wanted: ReadonlyMap<Prefix, Lowered>;
}

/** Everything of ours in the configuration bears this in its name, and is known by it, also after a `write memory`. */
const mark = "ANYPROBE";

/** deviceListOf names our list of what a device does not announce. */
export function deviceListOf(device: string): string {
  return `${mark}_${device}`;
}

/** mapListOf names our list of what is lowered so by a route-map's entry. */
export function mapListOf(lowered: Lowered): string {
  return `${mark}-${lowered}`;
}

/** lowering are the entries of ours, by sequence number from 1 on, before all others of a route-map. */
export const lowering: readonly Lowered[] = announcements.filter((one): one is Lowered => one !== "announced");

/** isOurEntry tells an entry of ours in a route-map. */
export function isOurEntry({ seq, lines }: MapEntry): boolean {
  const lowered = lowering[seq - 1];
  return lowered !== undefined && lines.includes(`match ipv6 address prefix-list ${mapListOf(lowered)}`);
}

/** listedAs tells where an entry of ours in a route-map puts a prefix. */
export function listedAs({ lists }: Ospf6Config, prefix: Prefix): Lowered | undefined {
  return lowering.find((lowered) => lists.some(({ list, what }) => list === mapListOf(lowered) && what === prefix));
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
  const redistributed = externals.has(prefix) || listedAs(config, prefix) !== undefined;
  const line = redistributed ? configuredLine6(config, held) : undefined;
  return { ...(device !== undefined && { device }), ...(line !== undefined && { redistribute: line }) };
}

/** configuredLine6 gives the redistribute line that stands, as it was before we gave it the metric of a rung. */
export function configuredLine6(config: Ospf6Config, held: Memory6["held"]): string | undefined {
  const line = config.redistributeConnected;
  const ours = [...held.values()].find(({ redistribute }) => isLowered(line, redistribute));
  return ours?.redistribute ?? line;
}

function isLowered(line: string | undefined, configured: string | undefined): boolean {
  if (line === undefined || configured === undefined || line === configured) return false;
  return announcements.filter(isRung).some((rung) => line === withMetric(configured, rungCosts[rung].external));
}

/** heldIn gives what is in force of our changes of a prefix; undefined where nothing is, as after a restart of ospf6d. */
export function heldIn(config: Ospf6Config, prefix: Prefix, before: Held6 = {}): Held6 | undefined {
  const { redistribute } = before;
  const line = config.redistributeConnected;
  const away = redistribute !== undefined && (line === undefined || isLowered(line, redistribute));
  const denial = [...config.advertised].find(
    ([device, list]) =>
      (list === deviceListOf(device) || (device === before.device && list === before.list)) &&
      denialOf(config, device, prefix) !== undefined,
  );
  const map = listedAs(config, prefix) === undefined ? undefined : config.maps.find(isOurEntry)?.map;
  const held: Held6 = {
    ...(away && { redistribute }),
    ...(denial && { device: denial[0], list: denial[1] }),
    ...(map !== undefined && { map }),
  };
  return Object.keys(held).length === 0 ? undefined : held;
}
