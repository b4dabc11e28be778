// What ospf6d's running configuration says about announcing: `router ospf6`, its interfaces, prefix-lists and route-maps. Pure.
import { entryFor, type ListEntry, readListEntry } from "./ipv6-prefix-list.js";
import { type Filters, metricMapsIn, readFilters } from "./ospf-filters.js";
import type { Prefix } from "./prefix.js";

/** Ospf6Config is what is said of announcing in the default VRF. */
export interface Ospf6Config {
  /** The heads of all instances, as `router ospf6` or `router ospf6 vrf blue`. */
  readonly routers: readonly string[];
  /** The whole `redistribute connected …` line, as configured. */
  readonly redistributeConnected: string | undefined;
  /** By device, the prefix-list of `ipv6 ospf6 advertise prefix-list LIST`. */
  readonly advertised: ReadonlyMap<string, string>;
  /** The entries of all IPv6 prefix-lists, with their numbers. */
  readonly lists: readonly ListEntry[];
  readonly filters: Filters;
  /** Route-maps with a `set metric` of their own, which beats that of a redistribute line. */
  readonly metricMaps: readonly string[];
}

/** readOspf6Config reads what ospf6d answers to `show running-config`. */
export function readOspf6Config(text: string): Ospf6Config {
  const routers: string[] = [];
  const advertised = new Map<string, string>();
  const lists: ListEntry[] = [];
  const filters = readFilters(text, 6);
  let redistributeConnected: string | undefined;
  let section = "";
  for (const line of text.split("\n")) {
    if (!/^\s/.test(line)) {
      if (line !== "") section = line.trim();
      if (/^router ospf6\b/.test(line)) routers.push(section);
      const entry = readListEntry(line);
      if (entry) lists.push(entry);
      continue;
    }
    const said = line.trim();
    const list = /^ipv6 ospf6 advertise prefix-list (\S+)/.exec(said)?.[1];
    if (list !== undefined && section.startsWith("interface ")) advertised.set(section.split(" ")[1]!, list);
    if (section === "router ospf6" && /^redistribute connected\b/.test(said)) redistributeConnected = said;
  }
  return { routers, redistributeConnected, advertised, lists, filters, metricMaps: metricMapsIn(filters) };
}

/** deviceLets tells whether what a device announces lets a prefix through: a list that is missing lets nothing. */
export function deviceLets({ advertised, lists }: Ospf6Config, device: string, prefix: Prefix): boolean {
  const list = advertised.get(device);
  return list === undefined || entryFor(lists, list, prefix)?.permits === true;
}

const byList = /^match ipv6 address prefix-list (\S+)$/;

/**
 * mapLets tells whether a route-map lets a prefix through. What matches by anything else than prefix-lists is taken to match: it
 * did, where a prefix was seen announced by it.
 */
export function mapLets({ filters, lists }: Ospf6Config, map: string, prefix: Prefix): boolean {
  const matched = (filters.maps.get(map) ?? []).find((entry) =>
    entry.lines.every((line) => {
      const list = byList.exec(line)?.[1];
      return list === undefined || entryFor(lists, list, prefix)?.permits === true;
    }),
  );
  return matched?.permit ?? false;
}
