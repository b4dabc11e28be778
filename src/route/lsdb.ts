// What a router says about its own announcements and neighbours: pure readers of `show ip ospf …` output. JSON where the
// daemon knows it; the plain text of Quagga, which does not, is read by lsdb-text.ts into the same values.
import { type Prefix, prefixOf } from "./prefix.js";

/** OwnLsas is what this router itself has told the others, without what it has withdrawn (age 3600). Host prefixes only. */
export interface OwnLsas {
  /** False where the router has no router-LSA: OSPF is not running. */
  readonly running: boolean;
  /** Stub links of the router-LSAs of all areas, with their metric: what `network` statements announce. */
  readonly stubs: ReadonlyMap<Prefix, number>;
}

/** External is one AS-external LSA: what `redistribute` announces. */
export interface External {
  readonly metric: number;
  /** Any type 1 beats any type 2, whatever the metrics. */
  readonly metricType: 1 | 2;
}

/** Neighbor is one adjacency. `retransmit` counts LSAs sent to it and not acknowledged yet. */
export interface Neighbor {
  readonly id: string;
  readonly full: boolean;
  readonly retransmit: number;
}

/** maxAge is the LSA age at which an LSA is withdrawn; it stays listed until all neighbours acknowledged (RFC 2328, 14). */
export const maxAge = 3600;

/** Json is an object of a daemon's JSON. */
export type Json = Readonly<Record<string, unknown>>;

/**
 * readRouterLsas reads `show ip ospf database router self-originate json`. FRR 8.4 nests it as
 * `{"Router Link States": {AREA: {LSID: lsa}}}`, without `self-originate` (and elsewhere) as
 * `{"routerLinkStates": {"areas": {AREA: [lsa]}}}`: so LSAs are known by their own members, wherever they stand.
 */
export function readRouterLsas(text: string): OwnLsas {
  const stubs = new Map<Prefix, number>();
  let running = false;
  for (const lsa of lsasIn(JSON.parse(text), "router-LSA")) {
    running = true;
    for (const [prefix, metric] of stubsIn(lsa)) stubs.set(prefix, metric);
  }
  return { running, stubs };
}

/** stubsIn gives the stub links of a router-LSA to host prefixes. */
export function stubsIn(lsa: Json): ReadonlyMap<Prefix, number> {
  const stubs = new Map<Prefix, number>();
  for (const link of Object.values((lsa["routerLinks"] ?? {}) as Json) as Json[]) {
    if (link["linkType"] !== "Stub Network" || link["networkMask"] !== "255.255.255.255") continue;
    stubs.set(prefixOf(String(link["networkAddress"])), Number(link["tos0Metric"]));
  }
  return stubs;
}

/** readExternalLsas reads `show ip ospf database external self-originate json`: `{…: {LSID: lsa}}` or `{…: [lsa]}`. */
export function readExternalLsas(text: string): ReadonlyMap<string, External> {
  const externals = new Map<string, External>();
  for (const lsa of lsasIn(JSON.parse(text), "AS-external-LSA")) {
    const metricType = lsa["metricType"] === "E1" ? 1 : 2;
    externals.set(`${lsa["linkStateId"]}/${lsa["networkMask"]}`, { metric: Number(lsa["metric"]), metricType });
  }
  return externals;
}

/**
 * readNeighbors reads `show ip ospf neighbor json`: `{"neighbors": {ID: [neighbour]}}`, in old releases `{ID: [neighbour]}`.
 * The state is `nbrState`, before FRR 8 `state`: `Full/DR`.
 */
export function readNeighbors(text: string): readonly Neighbor[] {
  const document = JSON.parse(text) as Json;
  const byId = (document["neighbors"] ?? document) as Json;
  return Object.entries(byId).flatMap(([id, entries]) =>
    ([entries].flat() as Json[]).map((neighbor) => ({
      id,
      full: String(neighbor["nbrState"] ?? neighbor["state"]).startsWith("Full"),
      retransmit: Number(neighbor["linkStateRetransmissionListCounter"] ?? neighbor["retransmitCounter"] ?? 0),
    })),
  );
}

/** lsasIn gives the LSAs of a type, wherever they stand, without those that are withdrawn. */
export function* lsasIn(value: unknown, lsaType: string): Generator<Json> {
  if (typeof value !== "object" || value === null) return;
  const object = value as Json;
  if (object["lsaType"] === undefined) {
    for (const inner of Object.values(object)) yield* lsasIn(inner, lsaType);
  } else if (object["lsaType"] === lsaType && Number(object["lsaAge"]) < maxAge) {
    yield object;
  }
}
