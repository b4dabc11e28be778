// The database of all areas as FRR's JSON has it: pure readers of `show ip ospf database … json`, without withdrawn LSAs.
import { type Json, lsasIn, stubsIn } from "./lsdb.js";
import type { Prefix } from "./prefix.js";
import type { AreaGraph, AreaRouter } from "./reachability.js";

/** AreaRouterLsa is one router-LSA. */
export interface AreaRouterLsa extends AreaRouter {
  /** It is an area border router: the B bit. */
  readonly border: boolean;
  /** Host prefixes only. */
  readonly stubs: ReadonlyMap<Prefix, number>;
}

/** Area is all router- and network-LSAs of one area. */
export interface Area extends AreaGraph {
  readonly routers: ReadonlyMap<string, AreaRouterLsa>;
}

const borderBit = 1;

/** readRouterId reads whose database an answer is from. */
export function readRouterId(text: string): string {
  const { routerId } = JSON.parse(text) as Json;
  if (typeof routerId !== "string") throw new Error(`expected a member "routerId", got ${text.slice(0, 200)}`);
  return routerId;
}

/** readAreas reads `show ip ospf database router json` and `show ip ospf database network json`. */
export function readAreas(routerText: string, networkText: string): readonly Area[] {
  const networks = areasIn(networkText);
  return [...areasIn(routerText)].map(([area, lsas]) => ({
    routers: new Map([...lsasIn(lsas, "router-LSA")].map((lsa) => [String(lsa["advertisingRouter"]), routerOf(lsa)])),
    networks: new Map([...lsasIn(networks.get(area), "network-LSA")].map(networkOf)),
  }));
}

/** AsbrSummary is a border router's word that it reaches a router of another area which announces externals. */
export interface AsbrSummary {
  readonly asbr: string;
  readonly border: string;
}

/** readAsbrSummaries reads `show ip ospf database asbr-summary json`. */
export function readAsbrSummaries(text: string): readonly AsbrSummary[] {
  return [...lsasIn(JSON.parse(text), "summary-LSA")].map((lsa) => ({
    asbr: String(lsa["linkStateId"]),
    border: String(lsa["advertisingRouter"]),
  }));
}

/** `{"routerLinkStates": {"areas": {AREA: [lsa]}}}`; an area without such LSAs may be left out. */
function areasIn(text: string): ReadonlyMap<string, unknown> {
  const document = JSON.parse(text) as Json;
  return new Map(Object.values(document).flatMap((member) => Object.entries((member as Json)["areas"] ?? {})));
}

function routerOf(lsa: Json): AreaRouterLsa {
  const links = Object.values((lsa["routerLinks"] ?? {}) as Json) as Json[];
  const all = (member: string) => links.flatMap((link) => (typeof link[member] === "string" ? [link[member]] : []));
  return {
    border: (Number(lsa["flags"]) & borderBit) !== 0,
    routers: all("neighborRouterId"),
    networks: all("designatedRouterAddress"),
    stubs: stubsIn(lsa),
  };
}

/** FRR 8.4 spells the member `attchedRouters`, later releases `attachedRouters`. */
function networkOf(lsa: Json): [string, readonly string[]] {
  const attached = (lsa["attachedRouters"] ?? lsa["attchedRouters"] ?? {}) as Json;
  return [String(lsa["linkStateId"]), Object.keys(attached)];
}
