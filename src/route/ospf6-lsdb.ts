// What ospf6d says of OSPFv3's LSAs: pure readers of `show ipv6 ospf6 database … detail json`, without withdrawn LSAs.
import type { Announcer } from "./link-state.js";
import { type Json, maxAge } from "./lsdb.js";
import { type Prefix, parsePrefix } from "./prefix.js";

/** Stub is one host prefix of an intra-area-prefix-LSA of a router: its addresses on lo, as stub links in OSPFv2. */
export interface Stub {
  readonly area: string;
  readonly routerId: string;
  readonly prefix: Prefix;
  readonly metric: number;
}

/** readStubs reads `show ipv6 ospf6 database intra-prefix … detail json`. */
export function readStubs(text: string): readonly Stub[] {
  return areaLsas(text).flatMap(([area, lsa]) => {
    // Those that are attached to a network belong to links between routers.
    if (lsa["reference"] !== "Router") return [];
    return ((lsa["prefix"] ?? []) as Json[]).flatMap((entry) => {
      const prefix = parsePrefix(String(entry["prefix"]));
      const metric = Number(entry["metric"]);
      return prefix === undefined ? [] : [{ area, routerId: String(lsa["advertisingRouter"]), prefix, metric }];
    });
  });
}

/** readExternals6 reads `show ipv6 ospf6 database as-external … detail json`: who announces each prefix, by how it is written. */
export function readExternals6(text: string): ReadonlyMap<string, readonly Announcer[]> {
  const externals = new Map<string, Announcer[]>();
  for (const part of parts(text, "asScopedLinkStateDb"))
    for (const lsa of living(part)) {
      const written = String(lsa["prefix"]);
      const prefix = parsePrefix(written) ?? written;
      // `E--`: the bit that makes its metric one of type 2.
      const metricType = String(lsa["bits"]).includes("E") ? 2 : 1;
      const routerId = String(lsa["advertisingRouter"]);
      const announcer: Announcer = { routerId, kind: "external", metric: Number(lsa["metric"]), metricType };
      externals.set(prefix, [...(externals.get(prefix) ?? []), announcer]);
    }
  return externals;
}

/** areaLsas gives the living LSAs of an answer, each with its area. */
export function areaLsas(text: string): readonly (readonly [area: string, lsa: Json])[] {
  return parts(text, "areaScopedLinkStateDb").flatMap((part) =>
    living(part).map((lsa) => [String(part["areaId"]), lsa] as const),
  );
}

function parts(text: string, scope: string): readonly Json[] {
  const found = (JSON.parse(text) as Json)[scope];
  if (!Array.isArray(found)) throw new Error(`expected a member "${scope}", got ${text.slice(0, 200)}`);
  return found as Json[];
}

function living(part: Json): readonly Json[] {
  return ((part["lsa"] ?? []) as Json[]).filter((lsa) => Number(lsa["age"]) < maxAge);
}

/** Attached is what ospf6d runs on: its devices that are in an area, and where the host addresses on them are. */
export interface Attached {
  readonly attached: ReadonlySet<string>;
  readonly devices: ReadonlyMap<Prefix, string>;
}

/** readAttached reads `show ipv6 ospf6 interface json`. */
export function readAttached(text: string): Attached {
  const attached = new Set<string>();
  const devices = new Map<Prefix, string>();
  for (const [device, value] of Object.entries(JSON.parse(text) as Json)) {
    const { attachedToArea, internetAddress = [] } = value as Json;
    if (attachedToArea !== true) continue;
    attached.add(device);
    for (const { type, address } of internetAddress as Json[]) {
      const prefix = type === "inet6" ? parsePrefix(String(address)) : undefined;
      if (prefix !== undefined) devices.set(prefix, device);
    }
  }
  return { attached, devices };
}
