// How one service stands at one prefix, put together for `anyprobe status`.
import type { Prefix } from "../route/prefix.js";
import type { PrefixStatus } from "../route/reconcile.js";
import { nsPerMs } from "../units.js";
import type { ServiceConfig } from "./config.js";
import type { Decisions } from "./decisions.js";
import type { Maintenance } from "./maintenance.js";
import type { Quality } from "./quality.js";
import { type Deadlocks, deadlockReason, manualReason } from "./recovery.js";
import { addressEntry } from "./route-build.js";
import { type OrderReport, type PrefixReport, reportCheck } from "./status.js";
import type { Standing, Wants } from "./wants.js";

/** Parts is who knows what. */
export interface Parts {
  readonly wants: Wants;
  readonly decisions: Decisions;
  readonly quality: Quality;
  readonly maintenance: Maintenance;
  readonly deadlocks: Deadlocks;
  readonly standingOf: (prefix: Prefix) => Standing;
}

/** reportPrefix asks them all. */
export function reportPrefix(service: ServiceConfig, status: PrefixStatus, parts: Parts): PrefixReport {
  const { prefix } = status;
  const { because, holdDownNs = 0 } = parts.decisions.of(prefix) ?? {};
  const checks = parts.wants.checksAt(prefix).filter((check) => check.service === service.name);
  return {
    ...explained(service, status, parts.deadlocks),
    ...(because !== undefined && { because }),
    want: parts.wants.of(service, prefix, parts.standingOf(prefix)),
    order: orderOf(status, parts.maintenance),
    guard: parts.decisions.guardOf(prefix),
    holdDownMs: Math.round(holdDownNs / nsPerMs),
    objective: parts.quality.reportOf(service.name, prefix),
    checks: checks.map(reportCheck),
  };
}

function orderOf({ prefix, manual }: PrefixStatus, maintenance: Maintenance): OrderReport | null {
  if (!manual) return maintenance.reportOrder(prefix);
  const { by, why } = manual;
  return { kind: why === undefined ? "manual" : "hold", by, reason: why ?? null, leftMs: null };
}

/** What the drivers do not know of: that a recovery cannot be seen. */
function explained({ route }: ServiceConfig, status: PrefixStatus, deadlocks: Deadlocks): PrefixStatus {
  if (status.observed !== "withdrawn") return status;
  if (deadlocks.has(status.prefix)) return { ...status, reason: deadlockReason };
  const byHand = addressEntry(route)?.recovery === "manual";
  return byHand && status.reason === undefined ? { ...status, reason: manualReason } : status;
}
