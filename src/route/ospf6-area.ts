// The areas of OSPFv3 as ospf6d's JSON has them: pure readers of `show ipv6 ospf6 database … detail json`, without withdrawn LSAs.

import type { Json } from "./lsdb.js";
import type { AsbrSummary } from "./lsdb-area.js";
import { areaLsas } from "./ospf6-lsdb.js";
import type { AreaGraph, AreaRouter } from "./reachability.js";

/** Area6Router is what all router-LSAs of one router say: OSPFv3 allows for several. */
export interface Area6Router extends AreaRouter {
  /** It is an area border router: the B bit. */
  readonly border: boolean;
}

/** Area6 is the links of one area. Networks go by the router id and the interface id of their designated router. */
export interface Area6 extends AreaGraph {
  /** As ospf6d writes it: `0`. */
  readonly id: string;
  readonly routers: ReadonlyMap<string, Area6Router>;
}

/** readRouterId6 reads whose database it is, from `show ipv6 ospf6 json`. */
export function readRouterId6(text: string): string {
  const { routerId } = JSON.parse(text) as Json;
  if (typeof routerId !== "string") throw new Error(`expected a member "routerId", got ${text.slice(0, 200)}`);
  return routerId;
}

/** readAreas6 reads `show ipv6 ospf6 database router detail json` and `show ipv6 ospf6 database network detail json`. */
export function readAreas6(routerText: string, networkText: string): readonly Area6[] {
  const areas = new Map<string, { routers: Map<string, Area6Router>; networks: Map<string, readonly string[]> }>();
  for (const [id, lsa] of areaLsas(routerText)) {
    const { routers } = areas.get(id) ?? areas.set(id, { routers: new Map(), networks: new Map() }).get(id)!;
    const router = String(lsa["advertisingRouter"]);
    routers.set(router, joined(routerOf(lsa), routers.get(router)));
  }
  for (const [id, lsa] of areaLsas(networkText)) {
    const attached = ((lsa["attachedRouter"] ?? []) as unknown[]).map(String);
    areas.get(id)?.networks.set(`${lsa["advertisingRouter"]}/${lsa["linkStateId"]}`, attached);
  }
  return [...areas].map(([id, area]) => ({ id, ...area }));
}

/** readAsbrSummaries6 reads `show ipv6 ospf6 database inter-router detail json`. */
export function readAsbrSummaries6(text: string): readonly AsbrSummary[] {
  return areaLsas(text).map(([, lsa]) => ({
    asbr: String(lsa["destinationRouterId"]),
    border: String(lsa["advertisingRouter"]),
  }));
}

function routerOf(lsa: Json): Area6Router {
  const links = (lsa["lsaDescription"] ?? []) as Json[];
  const [transit, direct] = [true, false].map((wanted) =>
    links.filter(({ type }) => (type === "Transit-Network") === wanted),
  );
  return {
    // `-------B`.
    border: String(lsa["bits"]).includes("B"),
    routers: direct!.map((link) => String(link["neighborRouterId"])),
    networks: transit!.map((link) => `${link["neighborRouterId"]}/${link["neighborInterfaceId"]}`),
  };
}

function joined(one: Area6Router, other: Area6Router | undefined): Area6Router {
  if (other === undefined) return one;
  return {
    border: one.border || other.border,
    routers: [...one.routers, ...other.routers],
    networks: [...one.networks, ...other.networks],
  };
}
