// Who sets and deletes the address of a prefix, as the config has it.
import type { Prefix } from "../route/prefix.js";
import type { RouteConfig } from "../run/config.js";
import type { Context } from "./host.js";

export interface Mover {
  readonly driver: "address" | "ifupdown";
  readonly device: string;
  /** With ifupdown: the alias whose stanza has the address, `lo:0`. */
  readonly alias: string | undefined;
  /** 0: none. */
  readonly leaseMs: number;
}

/** moverOf gives the driver that takes the address away and puts it back; undefined where the address stays, or another program does. */
export function moverOf({ services }: Pick<Context, "services">, prefix: Prefix): Mover | undefined {
  // Services that share a prefix have the same route.
  const route = services.find(({ prefixes }) => prefixes.includes(prefix))?.route ?? [];
  return route.flatMap(asMover)[0];
}

function asMover(entry: RouteConfig): Mover[] {
  if (entry.driver === "address")
    return [{ driver: entry.driver, device: entry.device, alias: undefined, leaseMs: entry.leaseMs }];
  if (entry.driver !== "ifupdown") return [];
  const { driver, interface: alias } = entry;
  return [{ driver, device: alias.split(":")[0]!, alias, leaseMs: 0 }];
}
