// The contract between the decision and the routers. A driver only does and reads back; it decides nothing.
import type { Prefix } from "./prefix.js";

/** Rung is a cost at which a prefix is announced so that others are preferred: to be announced so is to be *depreferred*. */
export type Rung = "degraded" | "drained" | "dead";

/**
 * Announcement is how a prefix stands in OSPF, from the most to the least preferred (`announcements`). Wanted and observed are
 * two values of this type, never one.
 */
export type Announcement = "announced" | Rung | "withdrawn";

/** announcements is the ladder, from the top. */
export const announcements = ["announced", "degraded", "drained", "dead", "withdrawn"] as const;

/**
 * The cost of each rung: every gap is wider than any path, so that a living degraded endpoint beats a drained one, and that a
 * guarded corpse. `stub` is the metric of a stub link (16 bits), `external` that of an AS-external LSA (24 bits; FRR refuses
 * 16777215).
 */
export const rungCosts: Readonly<Record<Rung, { readonly stub: number; readonly external: number }>> = {
  degraded: { stub: 20_000, external: 20_000 },
  drained: { stub: 40_000, external: 40_000 },
  dead: { stub: 65_535, external: 16_777_214 },
};

/** isRung tells whether an announcement is a depreferred one. */
export function isRung(announcement: Announcement | "unknown" | "hold"): announcement is Rung {
  return announcement in rungCosts;
}

/** Observation is what a driver reads back of one prefix, never what it was told to do. */
export interface Observation {
  /** "unknown" where it cannot be read; `reason` then says why. */
  readonly announcement: Announcement | "unknown";
  /**
   * True once this is how the neighbours hold it too, as far as this driver can know (ROUTING: own LSA changed, at least
   * one Full neighbour, nothing left to retransmit). A driver that sees no router says true of what the kernel shows.
   */
  readonly verified: boolean;
  /** Why it is unknown or not verified: `no adjacency`, `ospfd does not answer at /run/frr/ospfd.vty`. */
  readonly reason?: string;
  /** Why this prefix cannot be depreferred here; absent where it can. A driver whose `rungs` have no rung need not say so. */
  readonly noRung?: string;
  /** By what it is moved, and why so, where the driver has a choice: ``no network`: it has a statement of its own`. */
  readonly way?: string;
}

/** DriverEvent is a change that this driver did not make itself. It is a reason to look, and evidence of a manual order. */
export type DriverEvent =
  /** Someone took the prefix away; `by` names who as far as the driver knows (`pid 4711`, `an operator at ospfd`). */
  | { readonly kind: "removed"; readonly prefix: Prefix; readonly by: string }
  /** The prefix came (back) without our doing. */
  | { readonly kind: "appeared"; readonly prefix: Prefix; readonly by: string }
  /** The kernel dropped it because its lease ran out. Never a manual order. */
  | { readonly kind: "expired"; readonly prefix: Prefix }
  /** The router went away or came back: observe again at once. */
  | { readonly kind: "lost" | "back"; readonly reason: string };

/** Change is what a driver did and must be able to undo after a restart of this daemon; plain JSON for the state file. */
export interface Change {
  readonly driver: string;
  readonly prefix: Prefix;
  /** Whatever the driver needs to put the prefix back, in its own words. */
  readonly undo: Readonly<Record<string, string | number | boolean>>;
}

/** Driver moves prefixes by one means (an address, a router) and reads back how they stand. */
export interface Driver {
  /** As in the config: `address`, `frr`, `none`. */
  readonly name: string;
  /** The announcements that this driver can bring about; where it lacks a rung, a depreferred prefix stays announced. */
  readonly rungs: readonly Announcement[];
  /** It cannot be read before it was told something: so it is told also while `unknown`. */
  readonly blind?: true;
  /** What drivers of one router have in common: announcements keep their gap among all of them. Absent where it has its own. */
  readonly router?: string;
  /**
   * Gets ready: opens sockets, adopts `changes` and `ways` of an earlier run. Never changes what is announced. `onEvent` is
   * called until close.
   */
  open(changes: readonly Change[], onEvent: (event: DriverEvent) => void, ways?: readonly Change[]): Promise<void>;
  /** Reads every prefix back. Never rejects: what cannot be read is an `unknown` observation. */
  observe(prefixes: readonly Prefix[]): Promise<ReadonlyMap<Prefix, Observation>>;
  /** Announces all of `prefixes` in one change. Resolves when it was accepted, which proves nothing: observe does. Rejects with RouteError. */
  announce(prefixes: readonly Prefix[]): Promise<void>;
  /** Withdraws all of `prefixes` in one change. As announce. */
  withdraw(prefixes: readonly Prefix[]): Promise<void>;
  /** Announces all of `prefixes` at the cost of a rung, in one change. As announce. Absent where `rungs` has none. */
  deprefer?(prefixes: readonly Prefix[], rung: Rung): Promise<void>;
  /** The changes in force, for the state file. */
  changes(): readonly Change[];
  /**
   * How prefixes were last seen announced, for the state file: what is taken away by somebody else, or by us in the moment before
   * a crash, can then be put back. Absent where nothing needs to be known for that.
   */
  ways?(): readonly Change[];
  /** Lets go without changing what is announced (`keep`: first makes a lease last for ever). Idempotent. */
  close(): Promise<void>;
}
