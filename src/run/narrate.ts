// Writing down what happened and why: every transition with its evidence, every action with how it went.
import type { Transition } from "../health/check.js";
import type { RouteEvent } from "../route/reconcile.js";
import { formatDuration } from "../units.js";
import type { Log } from "./log.js";
import type { PrefixCheck } from "./prefix-check.js";

/** narrateTransition logs a check's change of state with the probes that it rests on. */
export function narrateTransition(
  log: Log,
  check: PrefixCheck,
  { from, to, reason, evidence, atNs }: Transition,
): void {
  const probes = evidence.records.map(({ sentNs, rttNs, verdict }) => ({
    sentAgo: formatDuration(atNs - sentNs),
    rtt: formatDuration(rttNs),
    verdict: "reason" in verdict ? `${verdict.kind}: ${verdict.reason}` : verdict.kind,
  }));
  const { p50Ns, p99Ns, count } = check.latency.summary();
  const latency = count > 0 ? { p50: formatDuration(p50Ns), p99: formatDuration(p99Ns), count } : undefined;
  const { service, prefix, config } = check;
  const states = { from, to, reason, causes: evidence.causes };
  const fields = { event: "check", service, check: config.name, prefix, ...states, probes, latency };
  const level = to === "down" || to === "unknown" ? "warn" : "info";
  log[level](fields, `${service} at ${prefix}: ${config.name} is ${to} (${reason})`);
}

/** narrateRoute logs what a driver did or saw. */
export function narrateRoute(log: Log, event: RouteEvent): void {
  switch (event.kind) {
    case "acted": {
      const { driver, action, prefixes, tookNs, error } = event;
      const fields = { event: "action", driver, action, prefixes, took: formatDuration(tookNs) };
      const which = prefixes.join(", ");
      if (error) log.error({ ...fields, error: error.message }, `${driver} could not ${action} ${which}`);
      else if (driver === "none") log.info(fields, `dry run: would ${action} ${which}`);
      else log.info(fields, `${driver}: ${action} ${which}`);
      return;
    }
    case "settled": {
      const { prefix, announcement, tookNs, reason } = event;
      const fields = { event: "route", prefix, announcement, took: formatDuration(tookNs) };
      log.info(fields, `${prefix} is ${announcement} (${reason ?? "verified"})`);
      return;
    }
    case "manual": {
      const { prefix, by } = event;
      log.warn({ event: "manual", prefix, by }, `${prefix} was taken away by ${by}: left alone until it is put back`);
      return;
    }
    case "manual-ended": {
      const { prefix, by } = event;
      log.info({ event: "manual-ended", prefix, by }, `${prefix} was put back by ${by}: managed again`);
      return;
    }
    case "appeared": {
      const { prefix, by } = event;
      log.warn({ event: "appeared", prefix, by }, `${prefix} was put back by ${by} while it is to be withdrawn`);
      return;
    }
    case "noticed": {
      const { driver, event: noticed } = event;
      if (noticed.kind === "expired") {
        const { prefix } = noticed;
        log.error({ event: "expired", prefix }, `the lease of ${prefix} ran out: it was not refreshed in time`);
      } else {
        log.warn({ event: "router", driver, ...noticed }, `${driver}: router ${noticed.kind}: ${noticed.reason}`);
      }
    }
  }
}
