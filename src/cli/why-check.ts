// `anyprobe why`, the end of the chain: what a service wants, which of its checks make it want that, and their probes.
import type { CheckState } from "../health/check.js";
import type { ObjectiveReport } from "../health/objective.js";
import type { Want } from "../health/service.js";
import { type JournalEvent, supersedes } from "../run/journal.js";
import type { CheckEvidence } from "../run/narrate.js";
import type { CheckReport, PrefixReport } from "../run/status.js";
import { formatDuration } from "../units.js";
import { instant, type Paint } from "./event-text.js";

/** ServiceReport is how one service stands at the prefix. */
export interface ServiceReport extends PrefixReport {
  readonly service: string;
}

/** Runs of like probes that are shown. */
const mostRuns = 4;
/** What must be looked at first comes first. */
const urgency: readonly CheckState[] = ["down", "falling", "unknown", "rising", "up"];
const roles: readonly CheckReport["role"][] = ["gate", "objective", "alert"];

const wants: Readonly<Record<Want, string>> = {
  announced: "wants it announced",
  degraded: "is degraded, and wants it depreferred",
  withdrawn: "wants it withdrawn",
  hold: "has not decided, and wants it as it is",
};

/** explainService tells in lines what a service wants, and why. */
export function explainService(
  { service, want, objective, checks }: ServiceReport,
  events: readonly JournalEvent[],
  paint: Paint,
  nowNs: number,
): string[] {
  const sorted = checks.toSorted(
    (a, b) => roles.indexOf(a.role) - roles.indexOf(b.role) || urgency.indexOf(a.state) - urgency.indexOf(b.state),
  );
  const own = events.filter((event) => event.kind === "restored" || event.service === service);
  return [
    `${paint("bold", service)} ${wants[want]}.`,
    ...(objective ? [`  ${explainObjective(objective)}`] : []),
    ...sorted.flatMap((check) => explainCheck(check, own, paint, nowNs)).map((line) => `  ${line}`),
  ];
}

/** entered gives the event that led to the present state of what `isOf` picks, if this run of the daemon has told it. */
export function entered(events: readonly JournalEvent[], isOf: (event: JournalEvent) => boolean) {
  let found: JournalEvent | undefined;
  for (const event of events) {
    if (event.kind === "restored") found = undefined;
    else if (isOf(event) && supersedes(event, found)) found = event;
  }
  return found;
}

function explainObjective({ breached, reasons, samples }: ObjectiveReport): string {
  const why = reasons.join("; ");
  if (breached) return `Its objective is breached: ${why}.`;
  return why === "" ? `Its objective is met (${samples} probes).` : `Its objective is not breached: ${why}.`;
}

function explainCheck(check: CheckReport, events: readonly JournalEvent[], paint: Paint, nowNs: number): string[] {
  const { name, role, state, sinceNs, last } = check;
  const what = role === "gate" ? name : `${name} (${role})`;
  const settled = state === "up" || state === "down";
  const hint = settled || last === null ? "" : `; its last probe: ${last}`;
  const event = entered(events, ({ kind, evidence }) => kind === "check" && evidence?.["check"] === name);
  // A doubt that came to nothing starts the state anew; the transition says since when it is so.
  const told = sinceNs === null || event?.evidence?.["to"] === state;
  const since = told ? "" : ` for ${formatDuration(Math.max(0, nowNs - sinceNs))}`;
  return [
    `${what} is ${paint(stateStyles[state] ?? "yellow", state)}${since}${hint}.`,
    ...(event ? explainTransition(event).map((line) => `  ${line}`) : []),
  ];
}

const stateStyles: Readonly<Partial<Record<CheckState, "green" | "red">>> = { up: "green", down: "red" };

function explainTransition({ atMs, evidence }: JournalEvent): string[] {
  // Our own daemon wrote it, in this version.
  const { from, to, reason, probes, latency, site, announcement } = evidence as unknown as CheckEvidence;
  const place = announcement === undefined ? "" : `, with the prefix ${announcement},`;
  const lines = [`At ${instant(atMs)}${place} it went from ${from} to ${to}: ${reason}.`];
  if (probes.length > 0) lines.push(`The probes that this rests on, oldest first: ${probeRuns(probes)}.`);
  if (latency) {
    const { p50Ns, p99Ns, count } = latency;
    const by = site === undefined ? "" : ` from site ${site}`;
    lines.push(`Answers until then: p50 ${formatDuration(p50Ns)}, p99 ${formatDuration(p99Ns)} (${count}${by}).`);
  }
  return lines;
}

/** `13 × pass, sent 13.1s to 1.00s before; 3 × port unreachable, sent 2.10ms to 60.0us before`. */
function probeRuns(probes: CheckEvidence["probes"]): string {
  const runs: { readonly verdict: string; readonly agoNs: number[] }[] = [];
  for (const { verdict, agoNs } of probes) {
    if (runs.at(-1)?.verdict !== verdict) runs.push({ verdict, agoNs: [] });
    runs.at(-1)!.agoNs.push(agoNs);
  }
  const shown = runs.slice(-mostRuns).map(({ verdict, agoNs }) => {
    const [first, last] = [formatDuration(agoNs[0]!), formatDuration(agoNs.at(-1)!)];
    const sent = agoNs.length === 1 ? first : `${first} to ${last}`;
    return `${agoNs.length} × ${verdict.replace(/^fail: /, "")}, sent ${sent} before`;
  });
  return [...(runs.length > mostRuns ? ["…"] : []), ...shown].join("; ");
}
