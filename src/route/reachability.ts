// Which routers of an OSPF area can be reached, by its router- and network-LSAs. Pure. The LSAs of a router that died stay in
// the database for up to an hour; what tells is that its neighbours no longer link to it.

/** AreaRouter is what a router-LSA says of links; stubs lead nowhere. */
export interface AreaRouter {
  /** Router ids of point-to-point and virtual links. */
  readonly routers: readonly string[];
  /** Addresses of the designated routers of its transit networks. */
  readonly networks: readonly string[];
}

/** AreaGraph is one area: its router-LSAs by router id, and its network-LSAs, who is attached, by the designated router's address. */
export interface AreaGraph {
  readonly routers: ReadonlyMap<string, AreaRouter>;
  readonly networks: ReadonlyMap<string, readonly string[]>;
}

/**
 * reachableFrom walks from a router along links that both ends have (RFC 2328, 16.1) and gives all routers that it meets,
 * itself among them; none where it has no LSA.
 */
export function reachableFrom(start: string, { routers, networks }: AreaGraph): ReadonlySet<string> {
  const met = new Set<string>(routers.has(start) ? [start] : []);
  // A set is walked in the order of insertion, those added on the way included.
  for (const id of met) {
    const router = routers.get(id)!;
    for (const other of router.routers) if (routers.get(other)?.routers.includes(id)) met.add(other);
    for (const network of router.networks) {
      const attached = networks.get(network) ?? [];
      if (!attached.includes(id)) continue;
      for (const other of attached) if (routers.get(other)?.networks.includes(network)) met.add(other);
    }
  }
  return met;
}
