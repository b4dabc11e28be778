// How a router stands, in the words of no particular daemon, and which routers are examined. router-frr.ts, router-frr6.ts and
// router-bird.ts read them, router-rule.ts judges them.
import type { Announcer, Announcers, LinkState } from "../route/link-state.js";
import { familyOfPrefix, type Prefix } from "../route/prefix.js";
import type { Context } from "./host.js";

/** Router is one whose sockets or control socket the config names, or that is found where it is usual. */
export interface Router {
  readonly kind: "frr" | "bird";
  /** The directory of the vty sockets, or the control socket. */
  readonly path: string;
  /** The prefixes that it is to announce. */
  readonly prefixes: readonly Prefix[];
  /** Who names it: a driver moves prefixes by it, a guard reads its database; nobody where it was found. */
  readonly namedBy: ReadonlySet<"driver" | "guard">;
}

/** Uplink is an interface where the router speaks to neighbours. */
export interface Uplink {
  readonly device: string;
  readonly deadSeconds: number;
  /** A dead neighbour is known by BFD, whatever the dead interval. */
  readonly bfd: boolean;
}

/** RouterReading is one reading of an OSPF instance. */
export interface RouterReading {
  /** `ospfd at /run/frr/ospfd.vty`. */
  readonly name: string;
  readonly router: Router;
  /** Of the family that this instance carries. */
  readonly prefixes: readonly Prefix[];
  /** How this router itself announces each prefix: not at all, in one way, or in two. */
  readonly own: ReadonlyMap<Prefix, readonly Announcer[]>;
  /** Who else does; an Error where the database cannot be read. */
  readonly announcers: ReadonlyMap<Prefix, Announcers> | Error;
  readonly uplinks: readonly Uplink[];
  readonly neighbors: readonly { readonly id: string; readonly full: boolean }[];
  /** It is an area border router; `rfc1583` tells whether it compares externals as RFC 1583 does. */
  readonly border: boolean;
  readonly rfc1583: boolean;
  /** It restarts gracefully: its neighbours keep its routes while it is away. */
  readonly gracefulRestart: boolean;
  /** It asks not to be passed through: `max-metric router-lsa`, `stub router`. */
  readonly stubRouter: boolean;
  readonly dialect: Dialect;
}

/** Dialect is how a daemon's configuration says what the fixes ask for. */
export interface Dialect {
  readonly fastDead: (device: string) => string;
  readonly noGracefulRestart: string;
  readonly noStubRouter: string;
  readonly rfc1583: string;
  readonly announce: (prefix: Prefix) => string;
  readonly showNeighbors: string;
}

/** Where packages put them. */
const usual = [
  { kind: "frr", path: "/run/frr", socket: "/run/frr/ospfd.vty" },
  { kind: "frr", path: "/run/quagga", socket: "/run/quagga/ospfd.vty" },
  { kind: "bird", path: "/run/bird/bird.ctl", socket: "/run/bird/bird.ctl" },
] as const;

/** routersOf lists the routers to examine, each once. Prefixes whose service names none belong to those at the usual places. */
export function routersOf({ config, prefixes, services, list }: Context): Router[] {
  const routers = new Map<string, Router>();
  const add = (kind: Router["kind"], path: string, more: readonly Prefix[], ...by: ("driver" | "guard")[]) => {
    const before = routers.get(path);
    const all = [...new Set([...(before?.prefixes ?? []), ...more])];
    routers.set(path, { kind, path, prefixes: all, namedBy: new Set([...(before?.namedBy ?? []), ...by]) });
  };
  const named = new Set<Prefix>();
  for (const { route, guard, prefixes } of services) {
    for (const entry of route) {
      if (entry.driver === "frr") add("frr", entry.sockets, prefixes, "driver");
      else if (entry.driver === "bird") add("bird", entry.socket, prefixes, "driver");
      else continue;
      for (const prefix of prefixes) named.add(prefix);
    }
    if (!guard) continue;
    add(guard.router.kind, guard.router.kind === "frr" ? guard.router.sockets : guard.router.socket, prefixes, "guard");
    for (const prefix of prefixes) named.add(prefix);
  }
  const rest = config === undefined ? prefixes : prefixes.filter((prefix) => !named.has(prefix));
  for (const { kind, path, socket } of rest.length === 0 ? [] : usual) {
    const slash = socket.lastIndexOf("/");
    if (list(socket.slice(0, slash)).includes(socket.slice(slash + 1))) add(kind, path, rest);
  }
  return [...routers.values()];
}

/** readAnnouncers looks once, and lets go. */
export async function readAnnouncers(
  linkState: LinkState,
  prefixes: readonly Prefix[],
): Promise<ReadonlyMap<Prefix, Announcers> | Error> {
  try {
    await linkState.open();
    return await linkState.read(prefixes);
  } catch (error) {
    return error as Error;
  } finally {
    linkState.close();
  }
}

/** ofFamily picks the prefixes of one family. */
export function ofFamily(prefixes: readonly Prefix[], family: 4 | 6): Prefix[] {
  return prefixes.filter((prefix) => familyOfPrefix(prefix) === family);
}
