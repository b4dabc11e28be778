// Routes of this host, by `ip -j route`: the kernel's own choice, with all rules and tables.
import type { Family } from "../probe/target.js";
import type { Context } from "./host.js";

export interface Route {
  /** Absent of unicast routes in some versions. */
  readonly type?: string;
  /** A prefix, an address, or `default`. */
  readonly dst: string;
  readonly dev?: string;
  readonly gateway?: string;
  readonly prefsrc?: string;
  readonly table?: string;
  /** Of a route with several ways. */
  readonly nexthops?: readonly { readonly dev?: string; readonly gateway?: string }[];
}

/** unicastRoutes lists the unicast routes of all tables; none where there are more than can be read. */
export async function unicastRoutes(context: Pick<Context, "run">, family: Family): Promise<readonly Route[]> {
  const routes = await ip(context, family, "route", "show", "table", "all");
  return routes.filter(({ type }) => type === undefined || type === "unicast");
}

/** routeTo gives the way that a packet of this host takes to an address; undefined where there is none. */
export async function routeTo(context: Pick<Context, "run">, family: Family, to: string): Promise<Route | undefined> {
  const [route] = await ip(context, family, "route", "get", to);
  return route;
}

async function ip(
  context: Pick<Context, "run">,
  family: Family,
  ...argv: readonly string[]
): Promise<readonly Route[]> {
  const { status, stdout } = await context.run(["ip", "-j", `-${family}`, ...argv]);
  // No route there is an answer too, and its exit status is not 0.
  return status === 0 && stdout.trim() !== "" ? JSON.parse(stdout) : [];
}
