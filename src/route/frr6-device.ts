// Prefixes that ospf6d announces as addresses of a device: which lines take one of them out, by the prefix-list of
// `ipv6 ospf6 advertise prefix-list`, and put it back. Pure.
import { denialOf, deviceListOf } from "./frr6-state.js";
import { entryFor, writeListEntry } from "./ipv6-prefix-list.js";
import { deviceLets, type Ospf6Config } from "./ospf6-config.js";
import type { Prefix } from "./prefix.js";

const last = 4_294_967_295;

/** noRoomIn says why a prefix cannot be taken out of the list of a device; undefined where it can. */
export function noRoomIn(config: Ospf6Config, device: string, prefix: Prefix): string | undefined {
  const list = config.advertised.get(device);
  if (list === undefined || list === deviceListOf(device)) return undefined;
  const first = entryFor(config.lists, list, prefix)?.seq ?? last;
  const taken = config.lists.filter((entry) => entry.list === list && entry.seq < first).length;
  return taken < first - 1
    ? undefined
    : `\`ipv6 prefix-list ${list}\` has no sequence number left before ${first} for a deny of ${prefix}: renumber it`;
}

/** linesFor takes prefixes out of what a device announces and puts others back: their lists stay, but for one entry each. */
export function linesFor(
  config: Ospf6Config,
  device: string,
  out: readonly Prefix[],
  back: readonly Prefix[],
): readonly string[] {
  const ours = deviceListOf(device);
  const list = config.advertised.get(device) ?? ours;
  const standing = config.lists.filter((entry) => entry.list === list);
  // Ours stands in the configuration without being in use where a write ended halfway: it is begun anew.
  const entries = config.advertised.has(device) ? standing : [];
  const stale = standing.length > entries.length ? [`no ipv6 prefix-list ${ours}`] : [];
  const taken = new Set(entries.map(({ seq }) => seq));
  const gone = back.flatMap((prefix) => denialOf(config, device, prefix) ?? []);
  const fresh = out.filter((prefix) => deviceLets(config, device, prefix));
  if (gone.length === 0 && fresh.length === 0) return [];
  const stay = entries.filter((entry) => !entry.permits && !gone.includes(entry));
  if (list === ours && stay.length === 0 && fresh.length === 0) {
    return [`interface ${device}`, `no ipv6 ospf6 advertise prefix-list ${ours}`, `no ipv6 prefix-list ${ours}`];
  }
  const added = fresh.map((prefix) => {
    let seq = list === ours ? 5 : entryFor(entries, list, prefix)!.seq - 1;
    while (taken.has(seq)) seq += list === ours ? 5 : -1;
    taken.add(seq);
    return writeListEntry({ list, seq, permits: false, what: prefix });
  });
  const rest =
    list === ours && !taken.has(last) ? [writeListEntry({ list, seq: last, permits: true, what: "any" })] : [];
  // ospf6d looks at the list when it is named on the device, not when it changes.
  return [
    ...stale,
    ...gone.map((entry) => `no ${writeListEntry(entry)}`),
    ...rest,
    ...added,
    `interface ${device}`,
    `ipv6 ospf6 advertise prefix-list ${list}`,
  ];
}
