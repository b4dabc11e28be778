// From the config to drivers: one driver for each distinct entry of the services' routes, shared by all that name it.
import type { NetlinkEvents } from "../engine/netlink-watch.js";
import { AddressDriver } from "../route/address.js";
import type { Driver } from "../route/driver.js";
import { FrrDriver } from "../route/frr.js";
import { NoneDriver } from "../route/none.js";
import type { Prefix } from "../route/prefix.js";
import type { Config, RouteConfig } from "./config.js";

/** Routing is the drivers of each prefix, in the order for withdrawing. */
export interface Routing {
  readonly route: ReadonlyMap<Prefix, readonly Driver[]>;
  /** The address drivers among them, whose leases want refreshing, with their prefixes. */
  readonly leased: ReadonlyMap<AddressDriver, { readonly prefixes: readonly Prefix[]; readonly leaseMs: number }>;
}

/** buildRouting makes the drivers; it opens none. */
export function buildRouting(config: Config, events: NetlinkEvents): Routing {
  const entries = new Map<string, { entry: RouteConfig; prefixes: Set<Prefix> }>();
  for (const { route, prefixes } of config.services) {
    for (const entry of route) {
      const known = entries.get(keyOf(entry)) ?? { entry, prefixes: new Set() };
      for (const prefix of prefixes) known.prefixes.add(prefix);
      entries.set(keyOf(entry), known);
    }
  }
  const leased = new Map<AddressDriver, { prefixes: readonly Prefix[]; leaseMs: number }>();
  const drivers = new Map<string, Driver>();
  for (const [key, { entry, prefixes }] of entries) {
    const driver = makeDriver(entry, [...prefixes], events);
    drivers.set(key, driver);
    if (driver instanceof AddressDriver && entry.driver === "address" && entry.leaseMs > 0) {
      leased.set(driver, { prefixes: [...prefixes], leaseMs: entry.leaseMs });
    }
  }
  const route = new Map<Prefix, readonly Driver[]>();
  for (const service of config.services) {
    for (const prefix of service.prefixes)
      route.set(
        prefix,
        service.route.map((entry) => drivers.get(keyOf(entry))!),
      );
  }
  return { route, leased };
}

function makeDriver(entry: RouteConfig, prefixes: readonly Prefix[], events: NetlinkEvents): Driver {
  switch (entry.driver) {
    case "address":
      return new AddressDriver({ ...entry, prefixes }, events);
    case "frr":
      return new FrrDriver({ sockets: entry.sockets });
    case "none":
      return new NoneDriver();
  }
}

const keyOf = (entry: RouteConfig) => JSON.stringify(entry);
