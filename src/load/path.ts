// How packets reach a target: over loopback, where this host delivers them to itself, or by a device.
import { BlockList } from "node:net";
import { listLocalRoutes } from "../engine/netlink.js";
import { familyOf } from "../probe/target.js";

/** pathTo asks the kernel for what it delivers to this host; EngineError where it does not say. */
export function pathTo(address: string): "loopback" | "device" {
  const local = new BlockList();
  for (const route of listLocalRoutes()) local.addSubnet(route.address, route.prefixLength, `ipv${route.family}`);
  // To the wildcard the kernel sends over loopback, too.
  const wildcard = address === "0.0.0.0" || address === "::";
  return wildcard || local.check(address, `ipv${familyOf(address)}`) ? "loopback" : "device";
}
