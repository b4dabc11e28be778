// What `anyprobe status` shows: one plain value, made on demand.
import type { Counters } from "../engine/engine.js";
import type { CheckState } from "../health/check.js";
import type { ObjectiveReport } from "../health/objective.js";
import type { Want } from "../health/service.js";
import type { Verdict } from "../health/verdict.js";
import type { LatencySummary, Span } from "../measure/histogram.js";
import type { PrefixStatus } from "../route/reconcile.js";
import type { CheckConfig } from "./config.js";
import type { Guarded } from "./mark.js";
import type { OwnHealthReport } from "./own-health.js";
import type { PrefixCheck } from "./prefix-check.js";

/** Status is the daemon's state at one moment. Durations and latencies are in ns unless named otherwise. */
export interface Status {
  readonly schemaVersion: 2;
  readonly version: string;
  readonly pid: number;
  readonly uptimeNs: number;
  readonly configFile: string | null;
  /** Under a freeze no route or address is touched, whatever is wanted. */
  readonly frozen: FreezeReport | null;
  /** Per family in use: the address that probes come from, and why that one. */
  readonly sources: readonly { readonly family: 4 | 6; readonly address: string; readonly why: string }[];
  /** Unroutable unless local: the mark rule. */
  readonly markRule: Guarded;
  /** Whether deaths are seen as they happen. */
  readonly hints: Guarded;
  readonly services: readonly { readonly name: string; readonly prefixes: readonly PrefixReport[] }[];
  readonly counters: Counters;
  /** Resident memory, octets. */
  readonly residentOctets: number;
  /** Whether the prober itself kept up. */
  readonly health?: OwnHealthReport;
}

/** FreezeReport is who froze the daemon, why, and for how much longer. */
export interface FreezeReport {
  readonly by: string;
  readonly reason: string | null;
  /** ms; null: until somebody lifts it. */
  readonly leftMs: number | null;
}

/** PrefixReport is how one service stands at one prefix. */
export interface PrefixReport extends PrefixStatus {
  /** Why the prefix is to be as it is, now; undefined before the first decision. */
  readonly because?: string;
  /** What this service alone wants for it. */
  readonly want: Want;
  readonly order: OrderReport | null;
  readonly guard: GuardReport | null;
  /** How much longer damping keeps it from being announced, ms; 0: not at all. */
  readonly holdDownMs: number;
  /** How this service stands by its objective; null where it has none. */
  readonly objective: ObjectiveReport | null;
  readonly checks: readonly CheckReport[];
}

/** OrderReport is what an operator asked for a prefix and what came of it; `manual` is a removal by hand outside anyprobe. */
export interface OrderReport extends FreezeReport {
  readonly kind: "drain" | "withdraw" | "announce" | "hold" | "manual";
  /** How far a drain has come, in words. */
  readonly phase?: string;
}

/** GuardReport is the last-endpoint guard's newest answer. */
export interface GuardReport {
  /** Other reachable routers that announce it below the dead cost; null where that cannot be known. */
  readonly others: number | null;
  readonly needed: number;
  /** It keeps this node from withdrawing the prefix. */
  readonly held: boolean;
  readonly reason: string | null;
}

export interface CheckReport {
  readonly name: string;
  readonly role: CheckConfig["role"];
  readonly state: CheckState;
  /** When it came to this state, on CLOCK_MONOTONIC; null before it came to any. */
  readonly sinceNs: number | null;
  readonly last: string | null;
  readonly verdicts: { readonly pass: number; readonly fail: number; readonly unknown: number };
  readonly latency: LatencySummary;
  /** How the latencies are spread. */
  readonly spread: readonly Span[];
}

/** reportCheck tells how a check stands. */
export function reportCheck({ config, check, sinceNs, last, verdicts, latency }: PrefixCheck): CheckReport {
  return {
    name: config.name,
    role: config.role,
    state: check.state,
    sinceNs: sinceNs ?? null,
    last: last ? verdictText(last.verdict) : null,
    verdicts: { ...verdicts },
    latency: latency.summary(),
    spread: latency.spread(),
  };
}

function verdictText(verdict: Verdict): string {
  const detail = verdict.kind === "pass" ? verdict.note : verdict.reason;
  return detail === undefined ? verdict.kind : `${verdict.kind}: ${detail}`;
}
