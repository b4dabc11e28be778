// Which driver moves a prefix, as the config has it.
import type { Prefix } from "../route/prefix.js";
import type { RouteConfig } from "../run/config.js";
import type { Context } from "./host.js";

/** routeOf gives the drivers of a prefix; none without a config. */
export function routeOf({ services }: Pick<Context, "services">, prefix: Prefix): readonly RouteConfig[] {
  // Services that share a prefix have the same route.
  return services.find(({ prefixes }) => prefixes.includes(prefix))?.route ?? [];
}

/** addressEntryOf gives the address driver's entry of a prefix; undefined where the address stays. */
export function addressEntryOf(context: Pick<Context, "services">, prefix: Prefix) {
  return routeOf(context, prefix).find((entry) => entry.driver === "address");
}
