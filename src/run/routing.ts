// From the config to drivers: one driver for each distinct entry of the services' routes, shared by all that name it. An frr
// entry is two, as ospfd has the IPv4 prefixes and ospf6d those of IPv6.
import type { NetlinkEvents } from "../engine/netlink-watch.js";
import { AddressDriver } from "../route/address.js";
import { BirdDriver } from "../route/bird.js";
import type { Driver } from "../route/driver.js";
import { ExecDriver, type Explanation } from "../route/exec.js";
import { FrrDriver } from "../route/frr.js";
import { Frr6Driver } from "../route/frr6.js";
import { IfupdownDriver } from "../route/ifupdown.js";
import { NoneDriver } from "../route/none.js";
import { familyOfPrefix, type Prefix } from "../route/prefix.js";
import type { Config, RouteConfig } from "./config.js";

/** Routing is the drivers of each prefix, in the order for withdrawing. */
export interface Routing {
  readonly route: ReadonlyMap<Prefix, readonly Driver[]>;
  /** The address drivers among them, whose leases want refreshing, with their prefixes. */
  readonly leased: ReadonlyMap<AddressDriver, { readonly prefixes: readonly Prefix[]; readonly leaseMs: number }>;
}

/** Explain tells a program why a prefix is to be moved. */
export type Explain = (prefix: Prefix) => Explanation;

/** buildRouting makes the drivers; it opens none. */
export function buildRouting(config: Config, events: NetlinkEvents, explain: Explain): Routing {
  const entries = new Map<string, { entry: RouteConfig; prefixes: Set<Prefix> }>();
  for (const { route, prefixes } of config.services) {
    for (const entry of route) {
      for (const prefix of prefixes) {
        const key = keyOf(entry, prefix);
        const known = entries.get(key) ?? { entry, prefixes: new Set() };
        known.prefixes.add(prefix);
        entries.set(key, known);
      }
    }
  }
  const leased = new Map<AddressDriver, { prefixes: readonly Prefix[]; leaseMs: number }>();
  const drivers = new Map<string, Driver>();
  for (const [key, { entry, prefixes }] of entries) {
    const driver = makeDriver(entry, [...prefixes], events, explain);
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
        service.route.map((entry) => drivers.get(keyOf(entry, prefix))!),
      );
  }
  return { route, leased };
}

function makeDriver(entry: RouteConfig, prefixes: readonly Prefix[], events: NetlinkEvents, explain: Explain): Driver {
  switch (entry.driver) {
    case "address":
      return new AddressDriver({ ...entry, prefixes }, events);
    case "frr":
      return familyOfPrefix(prefixes[0]!) === 6
        ? new Frr6Driver({ sockets: entry.sockets })
        : new FrrDriver({ sockets: entry.sockets });
    case "bird":
      return new BirdDriver(entry);
    case "ifupdown":
      return new IfupdownDriver({ ...entry, prefixes }, events);
    case "exec": {
      const { observe, ...options } = entry;
      return new ExecDriver({ ...options, ...(observe && { observe }), explain });
    }
    case "none":
      return new NoneDriver();
  }
}

/** ospfd and ospf6d are two routers; a program that hangs for one prefix must not keep it from the next. */
function keyOf(entry: RouteConfig, prefix: Prefix): string {
  const part = { frr: familyOfPrefix(prefix), exec: prefix }[entry.driver as string];
  return JSON.stringify([entry, part]);
}
