// The rows of the matrix: what runs at the endpoint, and the route that the daemon's config has for a prefix.
import type { RoutedNode } from "../../src/demo/network.js";
import { familyOfPrefix, type Prefix } from "../../src/route/prefix.js";

/** Ground is where a kind is measured. */
export interface Ground {
  readonly e1: RoutedNode;
  /** For the kind's own files. */
  readonly directory: string;
}

/** Kind is one row of the matrix. */
export interface Kind {
  /** Words that make the figures' names: `frr network`. */
  readonly name: string;
  /** How the endpoints' FRR announces. */
  readonly announce: "network" | "redistribute";
  /** One entry of the prefix's route, as the config file has it. */
  route(ground: Ground, prefix: Prefix): Readonly<Record<string, unknown>>;
  /** Makes its files ready; gives the command that the daemon runs by. */
  prepare?(ground: Ground): Promise<readonly string[]>;
  /** The bar of the median of a withdrawal on IPv4 and tuned timers, ms. */
  readonly withdrawMs?: number;
}

const socketMs = 25;

/** kinds are all rows, those of one network together. */
export const kinds: readonly Kind[] = [
  {
    name: "frr network",
    announce: "network",
    route: ({ e1 }) => ({ frr: { sockets: e1.router.sockets } }),
    withdrawMs: socketMs,
  },
  {
    name: "address under frr",
    announce: "network",
    route: (_, prefix) => ({ address: addressRoute(prefix) }),
    withdrawMs: socketMs,
  },
  {
    name: "frr redistribute",
    announce: "redistribute",
    route: ({ e1 }) => ({ frr: { sockets: e1.router.sockets } }),
    withdrawMs: socketMs,
  },
];

/** A label is of IPv4 alone. */
function addressRoute(prefix: Prefix) {
  const label = familyOfPrefix(prefix) === 4 && { label: "lo:0" };
  return { device: "lo", recovery: "anchor", ...label };
}
