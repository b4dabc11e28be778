// From a service's policy as the schema read it to what the daemon runs with, and the defaults that follow from its checks
// and its route.
import { nsPerMs } from "../units.js";
import type { DampingConfig, GuardConfig, ObjectiveConfig } from "./config.js";
import type { RawCheck } from "./config-schema.js";
import type { RawDamping, RawGuard, RawObjective } from "./policy-schema.js";
import type { RawRoute } from "./route-schema.js";

/** samplingOf lists the checks whose probes an objective is held against: the gates, but for programs. */
export function samplingOf(checks: readonly RawCheck[]): readonly RawCheck[] {
  return checks.filter(({ role, dns, udp }) => role === "gate" && (dns ?? udp) !== undefined);
}

/** probesIn tells how many probes a window holds at least: those of the last timeout may still wait for their answers. */
export function probesIn(windowMs: number, sampling: readonly RawCheck[]): number {
  return Math.floor(Math.max(0, windowMs - patienceOf(sampling)) * rateOf(sampling) + 1e-9);
}

/** windowFor tells how long a window must be, ms, to hold at least so many probes. */
export function windowFor(count: number, sampling: readonly RawCheck[]): number {
  return patienceOf(sampling) + count / rateOf(sampling);
}

/** fastWindowOf gives fast_window, ms: a tenth of window where none was written, but long enough to be judged by. */
export function fastWindowOf(raw: RawObjective, sampling: readonly RawCheck[]): number {
  const enough = Math.ceil(windowFor(raw.min_samples, sampling) - 1e-9);
  return raw.fast_window ?? Math.min(raw.window, Math.max(raw.window / 10, enough));
}

/** Probes per ms. */
function rateOf(sampling: readonly RawCheck[]): number {
  return sampling.reduce((sum, { interval }) => sum + 1 / interval, 0);
}

function patienceOf(sampling: readonly RawCheck[]): number {
  return Math.max(0, ...sampling.map(({ timeout }) => timeout));
}

export function buildObjective(raw: RawObjective, checks: readonly RawCheck[]): ObjectiveConfig {
  const ns = (ms: number) => Math.round(ms * nsPerMs);
  return {
    latency: (raw.latency ?? []).map(([percentile, limit]) => ({ percentile, limitNs: ns(limit) })),
    loss: raw.loss,
    rcodes: new Map(raw.rcodes),
    windowNs: ns(raw.window),
    fastWindowNs: ns(fastWindowOf(raw, samplingOf(checks))),
    fastBurn: raw.fast_burn,
    minSamples: raw.min_samples,
    onBreach: raw.on_breach,
  };
}

export function buildDamping(raw: RawDamping): DampingConfig | undefined {
  if (raw === "none") return undefined;
  return { holdDownMs: raw.hold_down, maxMs: raw.max, forgetMs: raw.forget };
}

/** buildGuard makes the guard of a service; undefined also where there is nothing that it could guard. */
export function buildGuard(raw: RawGuard, route: readonly RawRoute[]): GuardConfig | undefined {
  const watchesOnly = route.every(({ none }) => none !== undefined);
  if (raw === "none" || watchesOnly) return undefined;
  const others = raw?.others ?? 1;
  const written = raw !== undefined;
  const frr = raw?.frr ?? route.find((entry) => entry.frr !== undefined)?.frr?.sockets;
  const bird =
    raw?.bird ?? (frr === undefined ? route.find((entry) => entry.bird !== undefined)?.bird?.socket : undefined);
  if (bird !== undefined) return { others, written, router: { kind: "bird", socket: bird } };
  return { others, written, router: { kind: "frr", sockets: frr ?? defaultSockets } };
}

/** Where FRR has its sockets unless its packager thought otherwise. */
const defaultSockets = "/run/frr";
