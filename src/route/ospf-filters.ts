// Route-maps and prefix-lists in a running configuration, and what they let through of host prefixes. Pure.
import { addressOf, type Prefix, parsePrefix } from "./prefix.js";

/** MapEntry is one entry of a route-map; its lines as the router writes them, which is in an order of its own. */
export interface MapEntry {
  readonly permit: boolean;
  readonly sequence: number;
  readonly lines: readonly string[];
}

/** ListEntry is one entry of a prefix-list: prefixes in `network` whose length is between `from` and `to`. */
export interface ListEntry {
  readonly permit: boolean;
  readonly network: string;
  readonly from: number;
  readonly to: number;
}

/** Filters is all route-maps, and the prefix-lists of one family, by their names, entries in the order in which they are tried. */
export interface Filters {
  readonly family: 4 | 6;
  readonly maps: ReadonlyMap<string, readonly MapEntry[]>;
  readonly lists: ReadonlyMap<string, readonly ListEntry[]>;
}

/** readFilters reads them out of the answer to `show running-config`. */
export function readFilters(text: string, family: 4 | 6 = 4): Filters {
  const entry = family === 4 ? listLine : listLine6;
  const maps = new Map<string, MapEntry[]>();
  const lists = new Map<string, ListEntry[]>();
  let section: string[] | undefined;
  for (const line of text.split("\n")) {
    if (/^\s/.test(line)) {
      section?.push(line.trim());
      continue;
    }
    section = undefined;
    const words = line.trim().split(/\s+/);
    if (words[0] === "route-map" && words.length === 4) {
      section = [];
      entriesOf(maps, words[1]!).push({ permit: words[2] === "permit", sequence: Number(words[3]), lines: section });
    }
    const [, name, permit, network, rest] = entry.exec(line) ?? [];
    if (name !== undefined) entriesOf(lists, name).push(listEntry(family, permit === "permit", network!, rest!));
  }
  return { family, maps, lists };
}

function entriesOf<T>(all: Map<string, T[]>, name: string): T[] {
  const entries = all.get(name) ?? [];
  all.set(name, entries);
  return entries;
}

const listLine = /^ip prefix-list (\S+) (?:seq \d+ )?(permit|deny) (\S+)(.*)$/;
const listLine6 = /^ipv6 prefix-list (\S+) (?:seq \d+ )?(permit|deny) (\S+)(.*)$/;

function listEntry(family: 4 | 6, permit: boolean, written: string, rest: string): ListEntry {
  const longest = family === 4 ? 32 : 128;
  if (written === "any") return { permit, network: family === 4 ? "0.0.0.0/0" : "::/0", from: 0, to: longest };
  const network = parsePrefix(written) ?? written;
  const length = Number(written.split("/")[1]);
  const ge = / ge (\d+)/.exec(rest)?.[1];
  const le = / le (\d+)/.exec(rest)?.[1];
  return { permit, network, from: Number(ge ?? length), to: Number(le ?? (ge === undefined ? length : longest)) };
}

/** metricMapsIn names the route-maps with a `set metric` of their own, which beats that of a redistribute line. */
export function metricMapsIn({ maps }: Filters): readonly string[] {
  return [...maps]
    .filter(([, entries]) => entries.some(({ lines }) => lines.some((one) => one.startsWith("set metric "))))
    .map(([name]) => name);
}

/**
 * lets tells whether a route-map lets an IPv4 host prefix through as far as its prefix-lists decide it. A map that does not
 * exist lets through everything; of an entry that matches by anything else only a permit counts.
 */
export function lets({ maps, lists }: Filters, map: string | undefined, prefix: Prefix): boolean {
  const entries = map === undefined ? undefined : maps.get(map);
  if (entries === undefined) return true;
  const first = entries.find(({ permit, lines }) => {
    const matches = lines.filter((line) => line.startsWith("match "));
    const named = matches.flatMap((line) => /^match ip address prefix-list (\S+)/.exec(line)?.[1] ?? []);
    if (!permit && matches.length > named.length) return false;
    return named.every((name) => listed(lists.get(name) ?? [], prefix));
  });
  return first?.permit ?? false;
}

function listed(entries: readonly ListEntry[], prefix: Prefix): boolean {
  return entries.find((entry) => entry.to === 32 && covers(entry.network, addressOf(prefix)))?.permit ?? false;
}

/**
 * permittedBy gives all networks that a route-map can let through, where its prefix-lists name each by itself; undefined where
 * something else decides, as a range, an interface or no match at all: then any may come.
 */
export function permittedBy({ family, maps, lists }: Filters, map: string | undefined): readonly string[] | undefined {
  const entries = map === undefined ? undefined : maps.get(map);
  if (entries === undefined) return undefined;
  const byList = family === 4 ? /^match ip address prefix-list (\S+)$/ : /^match ipv6 address prefix-list (\S+)$/;
  const networks = entries
    .filter(({ permit }) => permit)
    .flatMap(({ lines }) => {
      const list = lines.map((line) => byList.exec(line)?.[1]).find((name) => name !== undefined);
      if (list === undefined) return [undefined];
      return (lists.get(list) ?? []).filter(({ permit }) => permit).map(exactIn);
    });
  return networks.every((network) => network !== undefined) ? networks : undefined;
}

/** The one network that an entry means; undefined where it means several. */
function exactIn({ network, from, to }: ListEntry): string | undefined {
  const length = Number(network.split("/")[1]);
  return from === length && to === length ? network : undefined;
}

/** covers tells whether an IPv4 address is in a network. */
export function covers(network: string, address: string): boolean {
  const [base = "", length = "32"] = network.split("/");
  const size = 2 ** (32 - Number(length));
  return Math.floor(bits(base) / size) === Math.floor(bits(address) / size);
}

function bits(address: string): number {
  return address.split(".").reduce((sum, octet) => sum * 256 + Number(octet), 0);
}
