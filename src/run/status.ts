// What `anyprobe status` shows: one plain value, made on demand.
import type { Counters } from "../engine/engine.js";
import type { CheckState } from "../health/check.js";
import type { Want } from "../health/service.js";
import type { LatencySummary, Span } from "../measure/histogram.js";
import type { PrefixStatus } from "../route/reconcile.js";
import type { Guarded } from "./mark.js";
import type { PrefixCheck } from "./prefix-check.js";

/** Status is the daemon's state at one moment. Durations and latencies are in ns. */
export interface Status {
  readonly schemaVersion: 1;
  readonly version: string;
  readonly pid: number;
  readonly uptimeNs: number;
  readonly configFile: string | null;
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
}

/** PrefixReport is how one service stands at one prefix. */
export interface PrefixReport extends PrefixStatus {
  /** What this service alone wants for it. */
  readonly want: Want;
  readonly checks: readonly CheckReport[];
}

export interface CheckReport {
  readonly name: string;
  readonly role: "gate" | "alert";
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
  const { kind, ...rest } = last?.verdict ?? { kind: undefined };
  const reason = "reason" in rest ? `${kind}: ${rest.reason}` : kind;
  return {
    name: config.name,
    role: config.role,
    state: check.state,
    sinceNs: sinceNs ?? null,
    last: reason ?? null,
    verdicts: { ...verdicts },
    latency: latency.summary(),
    spread: latency.spread(),
  };
}
