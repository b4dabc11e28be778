// One entry of a service's route: from what the schema gives to what the daemon has, and back to what people write.
import type { RouteConfig } from "./config.js";
import { given, writeDuration } from "./config-scalar.js";
import type { RawRoute } from "./route-schema.js";

/** buildRoute makes one entry of a route. */
export function buildRoute({ address, frr }: RawRoute): RouteConfig {
  if (frr) return { driver: "frr", sockets: frr.sockets };
  if (!address) return { driver: "none" };
  return {
    driver: "address",
    device: address.device,
    label: address.label,
    recovery: address.recovery ?? "anchor",
    alias: address.alias,
    leaseMs: address.lease,
  };
}

/** writeRoute gives an entry as it is written in the config file. */
export function writeRoute(route: RouteConfig) {
  if (route.driver === "none") return { none: {} };
  if (route.driver === "frr") return { frr: { sockets: route.sockets } };
  const { device, label, recovery, alias } = route;
  return { address: given({ device, label, recovery, alias, lease: writeDuration(route.leaseMs) }) };
}
