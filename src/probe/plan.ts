// A plan: which probes are sent, from where and when. Immutable; the engine compiles and runs it.
import type { Query } from "./query.js";
import type { Target } from "./target.js";

/** Probe is one query to one target, sent again and again, or once. */
export interface Probe {
  readonly target: Target;
  readonly query: Query;
  /** Overrides the interval of an interval schedule; 0: paused until it is paced. */
  readonly intervalMs?: number;
  /** When a replay sends it, ns after the start. */
  readonly atNs?: number;
  /** The source address that this probe is sent from; default: the plan's. With the raw transport only. */
  readonly source?: string;
}

/**
 * Schedule says when probes are due. With `intervalMs` every probe is due once an interval, the starts spread over it;
 * missed starts are skipped and counted. With `rateQps` (open loop) the probes take turns at that rate, and lateness is
 * kept, never skipped; `arrivals` are even (the default), or `poisson`: at random times of that rate. With `inflight` (closed
 * loop) they take turns as soon as fewer than so many are in flight in all. `count` ends the run after so many probes in all.
 * With `replay` every probe is sent once, `atNs` after the start; lateness is kept there too. `startNs` is the start of a rate
 * or a replay, in ns of CLOCK_MONOTONIC; default: now. So one plan can begin where another ends, without a gap; of a start in
 * the past the first probes are late.
 */
export type Schedule =
  | { readonly intervalMs: number; readonly count?: number }
  | {
      readonly rateQps: number;
      readonly arrivals?: "constant" | "poisson";
      readonly count?: number;
      readonly startNs?: number;
    }
  | { readonly inflight: number; readonly count?: number }
  | { readonly replay: true; readonly startNs?: number; readonly count?: undefined };

/** Plan is what an engine sends: which probes, when, from where, and how long each is waited for. */
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
  /**
   * Source ports that sends take turns on, 1-1024; default 64, with `intervalMs` 1. One port is one path of an ECMP network and
   * one worker of a server that shares its port. A UDP query without an id has a port of its own.
   */
  readonly ports?: number;
  /**
   * Queries in a train at most, 1-128; default 64. A train is one send of several queries of one length to one target, cut into
   * datagrams by the kernel (UDP_SEGMENT); 1 switches trains off. With `rateQps` and `inflight` only.
   */
  readonly train?: number;
  /** With `rateQps` a train holds no more queries than its target is sent in this time; default 50. us */
  readonly trainUs?: number;
  /**
   * How packets leave and come; default `socket`. `raw` makes its own IP and UDP headers: every probe goes from the next of its
   * ports, without a socket for each to send and receive on, from a source of its own where it has one. It needs CAP_NET_RAW,
   * sends no trains, takes no transmit stamps, and hears answers before this host's firewall does. The host's own multipath
   * routes see no ports in its packets; routers do.
   */
  readonly transport?: "socket" | "raw";
  /**
   * With the raw transport: the first of the reserved source ports, which follow one another: family by family, source by source,
   * shard by shard, `ports` each; default: where there is room. While they are reserved nobody else gets them, and no ICMP error
   * leaves for them.
   */
  readonly firstPort?: number;
  /** Take the kernel's transmit stamps too, for round trips exact to the microsecond; about 1.5 us of CPU a send. */
  readonly transmitStamps?: boolean;
}
