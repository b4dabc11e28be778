// A plan: which probes are sent, from where and when. Immutable; the engine compiles and runs it.
import type { Query } from "./query.js";
import type { Target } from "./target.js";

/** Probe is one query to one target, sent again and again. */
export interface Probe {
  readonly target: Target;
  readonly query: Query;
  /** Overrides the interval of an interval schedule; 0: paused until it is paced. */
  readonly intervalMs?: number;
}

/**
 * Schedule says when probes are due. With `intervalMs` every probe is due once an interval, the starts spread over it;
 * missed starts are skipped and counted. With `rateQps` the probes take turns at that rate, and lateness is kept, never
 * skipped. `count` ends the run after so many probes in all.
 */
export type Schedule =
  | { readonly intervalMs: number; readonly count?: number }
  | { readonly rateQps: number; readonly count?: number };

export interface Plan {
  readonly probes: readonly Probe[];
  readonly schedule: Schedule;
  readonly timeoutMs: number;
  /** Source address per family; undefined leaves the choice to the kernel. */
  readonly source?: { readonly ipv4?: string; readonly ipv6?: string };
  /** Mark every packet so (SO_MARK); an `ip rule` makes marked packets unroutable when the target is not local. */
  readonly mark?: number;
  /**
   * Only this node may answer, and an unroutable target is `not-local`. On IPv4 packets are kept in by IP_UNICAST_IF lo,
   * under which the kernel calls nothing unroutable: there a target that is not local ends as `timeout`.
   */
  readonly localOnly?: boolean;
}
