// Telling what happened and why: every transition with its evidence, every decision with its reason, every action with how it
// went. In the log durations are words; the journal's evidence is plain numbers.
import type { CheckState, Transition } from "../health/check.js";
import type { ObjectiveReport } from "../health/objective.js";
import type { Announcement, Change } from "../route/driver.js";
import type { Prefix } from "../route/prefix.js";
import type { RouteEvent } from "../route/reconcile.js";
import { formatDuration, nsPerMs } from "../units.js";
import type { Move } from "./decisions.js";
import type { Journal, Level } from "./journal.js";
import type { PrefixCheck } from "./prefix-check.js";
import type { GuardReport, OrderReport } from "./status.js";

/** CheckEvidence is what a check's change of state rests on. */
export interface CheckEvidence {
  readonly check: string;
  readonly role: string;
  readonly from: CheckState;
  readonly to: CheckState;
  /** `3 failures in 2.10ms: port unreachable`. */
  readonly reason: string;
  /** The last ones judged, at most 16, in the order in which they were sent. `agoNs`: so long before the change. */
  readonly probes: readonly { readonly agoNs: number; readonly rttNs: number; readonly verdict: string }[];
  /** How often each is among them. */
  readonly causes: readonly { readonly cause: string; readonly count: number }[];
  /** Of all answers until then. */
  readonly latency?: { readonly p50Ns: number; readonly p99Ns: number; readonly count: number };
  /** Who answered, by NSID. */
  readonly site?: string;
  /** How the prefix was announced at that moment, as it was last verified. */
  readonly announcement?: string;
}

/** narrateTransition tells of a check's change of state, with the probes that it rests on. */
export function narrateTransition(journal: Journal, check: PrefixCheck, transition: Transition): void {
  const { service, prefix, config } = check;
  const { from, to, reason } = transition;
  const level = to === "down" || to === "unknown" ? "warn" : "info";
  const message = `${service} at ${prefix}: ${config.name} is ${to} (${reason})`;
  const announcement = journal.landmark("route", prefix)?.evidence?.["to"];
  const evidence = {
    ...checkEvidence(check, transition),
    ...(typeof announcement === "string" && { announcement }),
  };
  const { probes, latency } = evidence;
  journal.tell(
    level,
    { kind: "check", service, prefix, message, evidence },
    {
      check: config.name,
      from,
      to,
      reason,
      causes: transition.evidence.causes,
      probes: probes.map(({ agoNs, rttNs, verdict }) => ({
        sentAgo: formatDuration(agoNs),
        rtt: formatDuration(rttNs),
        verdict,
      })),
      latency: latency && {
        p50: formatDuration(latency.p50Ns),
        p99: formatDuration(latency.p99Ns),
        count: latency.count,
      },
    },
  );
}

function checkEvidence({ config, latency }: PrefixCheck, { from, to, reason, evidence, atNs }: Transition) {
  const { records, causes } = evidence;
  const { p50Ns, p99Ns, count } = latency.summary();
  // A pass had the expected NSID; who else answered, the reason of the failure tells.
  const passed = records.some(({ verdict }) => verdict.kind === "pass");
  return {
    check: config.name,
    role: config.role,
    from,
    to,
    reason,
    probes: records.map(({ sentNs, rttNs, verdict }) => ({
      agoNs: atNs - sentNs,
      rttNs,
      verdict: "reason" in verdict ? `${verdict.kind}: ${verdict.reason}` : verdict.kind,
    })),
    // A list: causes hold words in capitals (`rcode SERVFAIL`), and `--json` renames keys.
    causes: Object.entries(causes).map(([cause, count]) => ({ cause, count })),
    ...(count > 0 && { latency: { p50Ns, p99Ns, count } }),
    ...(passed && config.expect.nsid !== undefined && { site: config.expect.nsid }),
  } satisfies CheckEvidence;
}

/** narrateRoute tells what a driver did or saw. */
export function narrateRoute(journal: Journal, event: RouteEvent): void {
  switch (event.kind) {
    case "acted": {
      const { driver, action, rung, prefixes, tookNs, error } = event;
      const what = `${action} ${prefixes.join(", ")}${rung ? ` to ${rung}` : ""}`;
      const [level, message]: [Level, string] = error
        ? ["error", `${driver} could not ${what}: ${error.message}`]
        : ["info", driver === "none" ? `dry run: would ${what}` : `${driver}: ${what}`];
      const facts = { driver, action, ...(rung && { rung }), prefixes, ...(error && { error: error.message }) };
      const fields = { ...facts, took: formatDuration(tookNs) };
      journal.tell(level, { kind: "action", message, evidence: { ...facts, tookNs } }, fields);
      return;
    }
    case "settled": {
      const { prefix, announcement, tookNs, reason } = event;
      const message = `${prefix} is ${announcement} (${reason ?? "verified"})`;
      const from = journal.landmark("route", prefix)?.evidence?.["to"];
      const evidence = {
        ...(from !== undefined && { from }),
        to: announcement,
        tookNs,
        ...(reason !== undefined && { reason }),
      };
      const fields = { announcement, took: formatDuration(tookNs) };
      journal.tell("info", { kind: "route", prefix, message, evidence }, fields);
      return;
    }
    case "manual":
      narrateHand(journal, "warn", event, "was taken away by", ": left alone until it is put back");
      return;
    case "manual-ended":
      narrateHand(journal, "info", event, "was put back by", ": managed again");
      return;
    case "appeared":
      narrateHand(journal, "warn", event, "was put back by", " while it is to be withdrawn");
      return;
    case "noticed":
      narrateNotice(journal, event);
  }
}

function narrateHand(
  journal: Journal,
  level: Level,
  { kind, prefix, by }: Extract<RouteEvent, { by: string }>,
  verb: string,
  consequence: string,
): void {
  const message = `${prefix} ${verb} ${by}${consequence}`;
  journal.tell(level, { kind, prefix, message, evidence: { by } }, { by });
}

function narrateNotice(journal: Journal, { driver, event }: Extract<RouteEvent, { kind: "noticed" }>): void {
  if (event.kind === "expired") {
    const { prefix } = event;
    const message = `the lease of ${prefix} ran out: it was not refreshed in time`;
    journal.tell("error", { kind: "expired", prefix, message, evidence: { driver } });
    return;
  }
  const { kind, reason } = event;
  const told = { kind: "router", message: `${driver}: router ${kind}: ${reason}`, evidence: { driver, kind, reason } };
  journal.tell("warn", told, { driver, kind, reason });
}

/** narrateLeft tells what a daemon that ends leaves changed: an operator may want it back while none runs. */
export function narrateLeft(journal: Journal, changes: readonly Change[]): void {
  for (const { driver, prefix, undo } of changes) {
    const message = `${prefix} stays as the driver ${driver} changed it; the next daemon puts back what was there`;
    journal.tell("warn", { kind: "left", prefix, message, evidence: { driver, undo } }, { driver, undo });
  }
}

/** DecisionStory is a change of what a prefix is to be. */
export interface DecisionStory {
  readonly prefix: Prefix;
  /** "hold": as it is. */
  readonly from: Announcement | "hold";
  readonly to: Announcement | "hold";
  /** In words: `dns health.example.com/A is down (3 failures in 2.10ms: port unreachable)`. */
  readonly reason: string;
  /** The guard's answer, if it was asked. */
  readonly guard?: GuardReport | null;
  /** How much longer it must wait before it is announced; 0: not at all. */
  readonly holdDownMs?: number;
}

/** narrateDecision tells that a prefix is to be something else from now on, and why. */
export function narrateDecision(journal: Journal, story: DecisionStory): void {
  const { prefix, from, to, reason, guard, holdDownMs = 0 } = story;
  const held = holdDownMs > 0 ? ` (for another ${formatDuration(holdDownMs * nsPerMs)})` : "";
  const message = `${prefix}: ${to === "hold" ? "nothing" : to} wanted: ${reason}${held}`;
  const evidence = { from, to, reason, ...(guard && { guard }), ...(held && { holdDownMs }) };
  const level = to === "announced" || to === "hold" ? "info" : "warn";
  journal.tell(level, { kind: "decision", prefix, message, evidence }, evidence);
}

/** OrderStory is what became of an operator's order. */
export interface OrderStory {
  readonly kind: OrderReport["kind"];
  readonly prefixes: readonly Prefix[];
  /** Who gave it or, where it was `ended`, who ended it. */
  readonly by: string;
  readonly reason: string | null;
  /** How long it was given for; null: until it is ended. */
  readonly forMs: number | null;
  readonly action: "given" | "ended" | "expired";
}

/** What an operator asks for, and what is then in force. */
const orderWords: Readonly<Record<OrderReport["kind"], readonly [verb: string, noun: string]>> = {
  drain: ["drain", "drain"],
  withdraw: ["withdraw", "withdrawal"],
  announce: ["announce", "announcement"],
  hold: ["hold", "hold"],
  manual: ["leave alone", "removal by hand"],
};

/** narrateOrder tells that an operator's order was given, was ended, or is over. */
export function narrateOrder(journal: Journal, { kind, prefixes, by, reason, forMs, action }: OrderStory): void {
  const which = prefixes.join(", ");
  const [verb, noun] = orderWords[kind];
  const bound = forMs === null ? "" : ` for ${formatDuration(forMs * nsPerMs)}`;
  const why = reason === null ? "" : `: ${reason}`;
  const messages = {
    given: `${by} orders: ${verb} ${which}${bound}${why}`,
    ended: `${by} ended the ${noun} of ${which}${reason === null ? "" : ` (given for: ${reason})`}`,
    expired: `the ${noun} of ${which} is over: its time is up`,
  };
  const evidence = { order: kind, action, prefixes, by, reason, forMs };
  const fields = { ...evidence, forMs: undefined, for: forMs === null ? undefined : formatDuration(forMs * nsPerMs) };
  const told = { kind: "order", message: messages[action], evidence };
  journal.tell(action === "given" ? "warn" : "info", told, fields);
}

/** GuardStory is the last-endpoint guard's answer about one prefix. */
export interface GuardStory extends GuardReport {
  readonly prefix: Prefix;
}

/** narrateGuard tells that the last-endpoint guard holds a prefix, or holds it no more. */
export function narrateGuard(journal: Journal, { prefix, held, others, needed, reason }: GuardStory): void {
  const why = reason ?? guardSight({ others, needed });
  const message = `${prefix} is ${held ? "held by the last-endpoint guard" : "no longer held by the last-endpoint guard"}: ${why}`;
  const evidence = { held, others, needed, reason };
  journal.tell(held ? "error" : "info", { kind: "guard", prefix, message, evidence }, evidence);
}

/** guardSight says what the guard sees: `2 other endpoints would take the traffic, 1 must`. */
export function guardSight({ others, needed }: Pick<GuardReport, "others" | "needed">): string {
  const seen = others === null ? "an unknown number of" : others === 0 ? "no" : String(others);
  return `${seen} other endpoint${others === 0 || others === 1 ? "" : "s"} would take the traffic, ${needed} must`;
}

/** narrateObjective tells that a service at a prefix breaks its objective, or meets it again. */
export function narrateObjective(journal: Journal, service: string, prefix: Prefix, report: ObjectiveReport): void {
  const { breached, reasons, samples } = report;
  // Where nothing can be said, as with too few probes, the reasons say that.
  const how = breached ? "is breached" : reasons.length > 0 ? "is not breached any more" : "is met again";
  const message = `${service} at ${prefix}: its objective ${how}${reasons.length > 0 ? `: ${reasons.join("; ")}` : ""}`;
  const fields = { breached, reasons, samples };
  const told = { kind: "objective", service, prefix, message, evidence: { ...report } };
  journal.tell(breached ? "warn" : "info", told, fields);
}

/** narrateMove tells a decision, and where the guard begins or ends to hold the prefix, that too. */
export function narrateMove(journal: Journal, { prefix, before, after }: Move): void {
  const { announcement: to, because: reason, admission, holdDownNs } = after;
  const from = before?.announcement ?? "hold";
  const guard = admission && { guard: admission };
  narrateDecision(journal, { prefix, from, to, reason, holdDownMs: holdDownNs / nsPerMs, ...guard });
  const held = before?.admission?.held ?? false;
  if (admission?.held) narrateGuard(journal, { prefix, ...admission });
  else if (held) narrateGuard(journal, { prefix, ...before!.admission!, held: false, reason });
}
