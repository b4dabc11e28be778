// What this node's own link-state database says of who else announces a prefix: what the guard counts. The readers are
// frr-link-state.ts and bird-link-state.ts.
import { type Rung, rungCosts } from "./driver.js";
import type { Prefix } from "./prefix.js";

/** Announcer is another router that announces a prefix and can be reached from here. */
export interface Announcer {
  /** Its router id, dotted. */
  readonly routerId: string;
  /** `stub` in its own router-LSA, `external` in an AS-external LSA. */
  readonly kind: "stub" | "external";
  /** As it announces it, without the way there. */
  readonly metric: number;
  /** Externals only. Any type 1 beats any type 2. */
  readonly metricType?: 1 | 2;
}

/** Announcers is what the database shows of one prefix. */
export interface Announcers {
  /** This router's own id, dotted. */
  readonly routerId: string;
  /** All others that announce it, at whatever cost. A router that cannot be reached does not count, whatever it left behind. */
  readonly others: readonly Announcer[];
  /** Why there may be more than the database shows: `unknown (other areas): 192.0.2.1 is an area border router`. */
  readonly blind?: string;
}

/** LinkState reads the database of this node's router. */
export interface LinkState {
  /** Where it reads, for people: `ospfd at /run/frr/ospfd.vty`. */
  readonly name: string;
  /** Gets ready. Resolves also while the router is away. */
  open(): Promise<void>;
  /** Reads all of `prefixes` at one moment. Rejects with RouteError where it cannot. */
  read(prefixes: readonly Prefix[]): Promise<ReadonlyMap<Prefix, Announcers>>;
  /** Lets go. Idempotent. */
  close(): void;
}

/** livingOf lists those that are preferred to one at the cost of that rung: none of them has the same reason to go. */
export function livingOf({ others }: Announcers, below: Rung): readonly Announcer[] {
  return others.filter(({ kind, metric }) => metric < rungCosts[below][kind]);
}

/** compareRouterIds orders router ids as OSPF does: as 32-bit numbers. */
export function compareRouterIds(a: string, b: string): number {
  const bits = (id: string) => id.split(".").reduce((sum, octet) => sum * 256 + Number(octet), 0);
  return bits(a) - bits(b);
}
