// What the keys of a service's policy mean to each other, to its checks and to its prefixes.
import { maxSamples, within } from "../health/window.js";
import type { Issue } from "./config-fault.js";
import type { Piece, ServicePieces } from "./config-piece.js";
import type { Findings } from "./config-rule.js";
import { writeDuration } from "./config-scalar.js";
import type { RawCheck } from "./config-schema.js";
import { probesIn, samplingOf, windowFor } from "./policy-build.js";
import type { RawObjective } from "./policy-schema.js";

/** policyIssues holds the rules against the policy of one service. */
export function policyIssues(service: ServicePieces): Findings {
  const faults: Issue[] = [];
  const warnings: Issue[] = [];
  const { path, route, policy, objective } = service;
  if (policy) {
    const { damping, guard } = policy;
    if (damping !== "none" && damping.max < damping.hold_down)
      faults.push({
        path: [...path, "damping", "max"],
        message: `expected at least hold_down (${writeDuration(damping.hold_down)}), got ${writeDuration(damping.max)}`,
      });
    const at = [...path, "guard"];
    if (guard !== undefined && guard !== "none") {
      if (guard.frr !== undefined && guard.bird !== undefined)
        faults.push({ path: at, message: "expected one of frr and bird, got both" });
      if (service.whole && route.every(({ value }) => value.none !== undefined))
        warnings.push({ path: at, message: "the driver none withdraws nothing, so there is nothing to guard" });
    }
  }
  if (objective) {
    faults.push(...boundIssues(objective, service));
    if (service.whole && faults.length === 0) {
      const found = windowIssues(objective, service);
      faults.push(...found.faults);
      warnings.push(...found.warnings);
    }
  }
  return { faults, warnings };
}

/** Is there a bound at all, and a check that can tell of it? */
function boundIssues({ latency, loss, rcodes }: RawObjective, { path, checks, whole }: ServicePieces): Issue[] {
  const at = [...path, "objective"];
  if (latency === undefined && loss === undefined && rcodes === undefined)
    return [{ path: at, message: "expected latency, loss or rcodes in it, got none of them" }];
  if (!whole) return [];
  const sampling = samplingOf(checks.map(({ value }) => value));
  if (sampling.length === 0)
    return [{ path: at, message: "expected a gate check over dns or udp to measure by, got none" }];
  const issues: Issue[] = [];
  if (rcodes !== undefined && !sampling.some(({ dns }) => dns !== undefined))
    issues.push({ path: [...at, "rcodes"], message: "expected a gate check over dns with it, got none", at: "key" });
  const timeout = Math.max(...sampling.map((check) => check.timeout));
  for (const [percentile, limit] of latency ?? [])
    if (limit > timeout)
      issues.push({
        path: [...at, "latency", `p${percentile}`],
        message: `expected at most the timeout of the gate checks (${writeDuration(timeout)}), got ${writeDuration(limit)}`,
      });
  return issues;
}

/** A window in which there are never enough probes would be an objective that is never judged. */
function windowIssues(objective: RawObjective, { path, checks }: ServicePieces): Findings {
  const { window, fast_window: fast, min_samples: least } = objective;
  const at = [...path, "objective"];
  const sampling = samplingOf(checks.map(({ value }) => value));
  const faults: Issue[] = [];
  const tooShort = (key: string, ms: number) => {
    const held = probesIn(ms, sampling);
    if (held >= least) return;
    const enough = writeDuration(roundUp(windowFor(least, sampling)));
    const message = `expected room for min_samples (${least}), got ${writeDuration(ms)}, which holds ${probes(held)} (write ${enough}, or ask more often)`;
    faults.push({ path: [...at, key], message });
  };
  tooShort("window", window);
  if (fast !== undefined && fast > window)
    faults.push({
      path: [...at, "fast_window"],
      message: `expected at most window (${writeDuration(window)}), got ${writeDuration(fast)}`,
    });
  else if (fast !== undefined && faults.length === 0) tooShort("fast_window", fast);
  const most = sampling.reduce((sum, check) => sum + window / Math.min(check.interval, check.fast_interval), 0);
  if (most > maxSamples)
    faults.push({
      path: [...at, "window"],
      message: `expected at most ${maxSamples} probes in it, got ${writeDuration(window)}, which may hold ${Math.ceil(most)} (shorten it, or ask less often)`,
    });
  return { faults, warnings: faults.length === 0 ? touchyBounds(objective, sampling, at) : [] };
}

/** A bound that a single bad probe breaks flaps; unless it is 0, which says so. */
function touchyBounds(objective: RawObjective, sampling: readonly RawCheck[], at: Piece<unknown>["path"]): Issue[] {
  const { latency = [], loss, rcodes = [], window } = objective;
  const held = probesIn(window, sampling);
  const budgets: [string[], number][] = [
    ...latency.map(([percentile]): [string[], number] => [["latency", `p${percentile}`], (100 - percentile) / 100]),
    ...(loss === undefined ? [] : [[["loss"], loss] as [string[], number]]),
  ];
  if (rcodes.length > 0)
    budgets.push([["rcodes"], Math.min(...rcodes.map(([, share]) => share).filter((share) => share > 0))]);
  return budgets
    .filter(([, budget]) => budget > 0 && budget < 1 && within(budget, held) < 1)
    .map(([keys, budget]) => {
      const enough = writeDuration(roundUp(windowFor(Math.ceil(1 / budget - 1e-9), sampling)));
      const message = `one bad probe of the ${held} in ${writeDuration(window)} breaks it; a window of ${enough}, or asking more often, allows one`;
      return { path: [...at, ...keys], message };
    });
}

function probes(count: number): string {
  return `${count} ${count === 1 ? "probe" : "probes"}`;
}

/** To whole seconds, or to whole ms below one. */
function roundUp(ms: number): number {
  return ms > 1000 ? Math.ceil(ms / 1000) * 1000 : Math.ceil(ms);
}
