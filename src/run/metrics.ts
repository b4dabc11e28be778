// The daemon in Prometheus's text format: how every prefix stands and why, what its checks found, and how the prober itself does.
import { cumulate, histogramOf } from "../metrics/duration.js";
import { Collection, describe, type Family } from "../metrics/exposition.js";
import { collectProcess } from "../metrics/process.js";
import { announcements } from "../route/driver.js";
import { nsPerSecond } from "../units.js";
import type { LeaseReport } from "./lease.js";
import type { EventCounts } from "./metrics-count.js";
import type { OwnHealthReport } from "./own-health.js";
import type { PrefixCheck } from "./prefix-check.js";
import type { PrefixReport, Status } from "./status.js";

/** runMetrics are those of the daemon, but for what is counted as it happens (metrics-count.ts). */
export const runMetrics = {
  probes: describe(
    "counter",
    "anyprobe_probes_total",
    ["service", "prefix", "result"],
    "Probes that were judged: pass, fail, or unknown, which is the prober's own trouble.",
  ),
  duration: describe("histogram", "anyprobe_probe_duration_seconds", ["service"], "Round trips of answered probes."),
  check: describe(
    "gauge",
    "anyprobe_check_state",
    ["service", "prefix", "check", "role", "state"],
    "1 for the state that a check is in: unknown, rising, up, falling or down.",
  ),
  service: describe(
    "gauge",
    "anyprobe_service_state",
    ["service", "prefix", "state"],
    "1 for what a service wants of its prefix: announced, degraded, withdrawn, or hold.",
  ),
  announcement: describe(
    "gauge",
    "anyprobe_announcement",
    ["prefix", "state"],
    "1 for how a prefix was seen to be: announced, degraded, drained, dead, withdrawn, or unknown.",
  ),
  wanted: describe(
    "gauge",
    "anyprobe_announcement_wanted",
    ["prefix", "state"],
    "1 for how a prefix is to be: announced, degraded, drained, dead, withdrawn, or hold.",
  ),
  verified: describe(
    "gauge",
    "anyprobe_announcement_verified",
    ["prefix"],
    "1 where the routers were seen to hold the prefix so.",
  ),
  held: describe(
    "gauge",
    "anyprobe_guard_held",
    ["prefix"],
    "1 while the last-endpoint guard keeps a prefix announced.",
  ),
  others: describe(
    "gauge",
    "anyprobe_guard_others",
    ["prefix"],
    "Other endpoints that would take the traffic; not there where that cannot be known.",
  ),
  needed: describe("gauge", "anyprobe_guard_needed", ["prefix"], "Other endpoints that must remain."),
  order: describe(
    "gauge",
    "anyprobe_order",
    ["prefix", "kind"],
    "1 while an operator's order is in force: drain, withdraw, announce, hold, or manual.",
  ),
  holdDown: describe(
    "gauge",
    "anyprobe_hold_down_seconds",
    ["prefix"],
    "How much longer damping keeps a prefix from being announced.",
  ),
  breached: describe(
    "gauge",
    "anyprobe_objective_breached",
    ["service", "prefix"],
    "1 while an objective is breached.",
  ),
  bad: describe(
    "gauge",
    "anyprobe_objective_bad_ratio",
    ["service", "prefix", "bound", "window"],
    "The share of probes that are not as a bound wants them, in its slow or fast window.",
  ),
  lease: describe(
    "gauge",
    "anyprobe_lease_left_seconds",
    ["prefix"],
    "When the kernel takes the address away unless its lease is renewed before.",
  ),
  frozen: describe("gauge", "anyprobe_frozen", [], "1 while no route is touched, whatever is wanted."),
  hints: describe("gauge", "anyprobe_hints", [], "1 where deaths are seen as they happen."),
  markRule: describe("gauge", "anyprobe_mark_rule", [], "1 where probes cannot leave this host."),
  lag: describe(
    "gauge",
    "anyprobe_loop_lag_seconds",
    [],
    "The most that the event loop was late, in this minute and the one before.",
  ),
  lagP99: describe("gauge", "anyprobe_loop_lag_p99_seconds", [], "The same for 99 % of the time."),
  drainLag: describe(
    "gauge",
    "anyprobe_judge_lag_seconds",
    [],
    "The most that an ended probe waited to be judged, likewise.",
  ),
  tickLag: describe("gauge", "anyprobe_tick_lag_seconds", [], "The most that the clockwork was late, likewise."),
  voided: describe("gauge", "anyprobe_voided_probes", [], "Probes that say nothing, by our own trouble, likewise."),
  steal: describe("gauge", "anyprobe_cpu_steal_ratio", [], "The share of CPU time that the hypervisor gave to others."),
  complaints: describe(
    "gauge",
    "anyprobe_own_health_complaints",
    [],
    "What anyprobe status complains of about the prober itself.",
  ),
};

const checkStates = ["unknown", "rising", "up", "falling", "down"];
const wants = ["announced", "degraded", "withdrawn", "hold"];

/** RunView is what there is to tell at one moment. */
export interface RunView {
  readonly status: Status;
  readonly checks: readonly PrefixCheck[];
  readonly leases: readonly LeaseReport[];
  readonly counts: EventCounts;
}

/** runFamilies makes the daemon's metrics. */
export function runFamilies({ status, checks, leases, counts }: RunView): Family[] {
  const to = new Collection();
  collectProcess(to, status.version, status.counters);
  for (const service of status.services)
    for (const prefix of service.prefixes) collectService(to, service.name, prefix);
  const prefixes = new Map(status.services.flatMap((service) => service.prefixes.map((one) => [one.prefix, one])));
  for (const prefix of prefixes.values()) collectPrefix(to, prefix);
  for (const { name } of status.services) {
    const latencies = checks.filter(({ service }) => service === name).map(({ latency }) => latency);
    to.append(runMetrics.duration, histogramOf(runMetrics.duration, [name], cumulate(latencies)));
  }
  for (const { prefix, leftNs } of leases) to.add(runMetrics.lease, [prefix], leftNs / nsPerSecond);
  counts.collect(to);
  to.add(runMetrics.frozen, [], status.frozen ? 1 : 0);
  to.add(runMetrics.hints, [], status.hints.on ? 1 : 0);
  to.add(runMetrics.markRule, [], status.markRule.on ? 1 : 0);
  if (status.health) collectHealth(to, status.health);
  return to.families();
}

function collectService(to: Collection, service: string, { prefix, want, objective, checks }: PrefixReport) {
  for (const result of ["pass", "fail", "unknown"] as const) {
    const count = checks.reduce((sum, { verdicts }) => sum + verdicts[result], 0);
    to.add(runMetrics.probes, [service, prefix, result], count);
  }
  for (const { name, role, state } of checks)
    to.oneHot(runMetrics.check, [service, prefix, name, role], checkStates, state);
  to.oneHot(runMetrics.service, [service, prefix], wants, want);
  if (!objective) return;
  to.add(runMetrics.breached, [service, prefix], objective.breached ? 1 : 0);
  for (const { name, slow, fast } of objective.figures)
    for (const [window, { bad, samples }] of Object.entries({ slow, fast }))
      if (samples > 0) to.add(runMetrics.bad, [service, prefix, name, window], bad / samples);
}

function collectPrefix(to: Collection, { prefix, observed, wanted, verified, guard, order, holdDownMs }: PrefixReport) {
  to.oneHot(runMetrics.announcement, [prefix], [...announcements, "unknown"], observed);
  to.oneHot(runMetrics.wanted, [prefix], [...announcements, "hold"], wanted);
  to.add(runMetrics.verified, [prefix], verified ? 1 : 0);
  if (guard) {
    to.add(runMetrics.held, [prefix], guard.held ? 1 : 0);
    if (guard.others !== null) to.add(runMetrics.others, [prefix], guard.others);
    to.add(runMetrics.needed, [prefix], guard.needed);
  }
  if (order) to.add(runMetrics.order, [prefix, order.kind], 1);
  to.add(runMetrics.holdDown, [prefix], holdDownMs / 1000);
}

function collectHealth(to: Collection, health: OwnHealthReport) {
  to.add(runMetrics.lag, [], health.eventLoopMaxNs / nsPerSecond);
  to.add(runMetrics.lagP99, [], health.eventLoopP99Ns / nsPerSecond);
  to.add(runMetrics.drainLag, [], health.drainMaxNs / nsPerSecond);
  to.add(runMetrics.tickLag, [], health.tickMaxNs / nsPerSecond);
  to.add(runMetrics.voided, [], health.voided);
  if (health.stealShare !== null) to.add(runMetrics.steal, [], health.stealShare);
  to.add(runMetrics.complaints, [], health.complaints.length);
}
