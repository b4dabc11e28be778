// `anyprobe status` for people: what the daemon knows, worst first in the eye, and why.
import type { styleText } from "node:util";
import type { BoundFigures, ObjectiveReport } from "../health/objective.js";
import type { OwnHealthReport } from "../run/own-health.js";
import type { CheckReport, FreezeReport, GuardReport, OrderReport, PrefixReport, Status } from "../run/status.js";
import { formatDuration, monotonicNs, nsPerMs } from "../units.js";
import { type Paint, painter, printable } from "./event-text.js";

type Style = Parameters<typeof styleText>[0];

const stateStyles: Readonly<Record<string, Style>> = {
  announced: "green",
  degraded: "yellow",
  drained: "yellow",
  dead: "red",
  up: "green",
  rising: "yellow",
  falling: "yellow",
  unknown: "yellow",
  withdrawn: "red",
  down: "red",
  manual: "magenta",
};

/** renderStatus writes a status as lines of text; `nowNs` is on this host's CLOCK_MONOTONIC, as the status is. */
export function renderStatus(status: Status, colours: boolean, nowNs = monotonicNs()): string {
  const paint = painter(colours);
  const lines = [
    ...(status.frozen ? [paint(["bold", "red"], `frozen ${wish(status.frozen)}; no route is touched`)] : []),
    `anyprobe ${status.version}, pid ${status.pid}, up ${formatDuration(status.uptimeNs)}, ` +
      `${Math.round(status.residentOctets / 2 ** 20)} MiB` +
      (status.configFile ? `, ${status.configFile}` : ""),
    ...status.sources.map(({ family, address, why }) => `source IPv${family}  ${address} (${why})`),
    `mark rule    ${guarded(status.markRule, paint)}`,
    `hints        ${guarded(status.hints, paint)}`,
    ...renderHealth(status.health, paint),
  ];
  for (const service of status.services) {
    lines.push("", paint("bold", service.name));
    for (const prefix of service.prefixes) lines.push(...renderPrefix(prefix, paint, nowNs));
  }
  return `${lines.join("\n")}\n`;
}

function guarded({ on, reason }: { on: boolean; reason?: string }, paint: Paint): string {
  return on ? "on" : paint("yellow", `off: ${reason ?? "unknown"}`);
}

/** What the last minutes were like for the prober itself. */
function renderHealth(health: OwnHealthReport | undefined, paint: Paint): string[] {
  if (!health) return [];
  const { eventLoopP99Ns, eventLoopMaxNs, drainMaxNs, tickMaxNs, stealShare, complaints } = health;
  const facts = [
    `event loop late p99 ${formatDuration(eventLoopP99Ns)} max ${formatDuration(eventLoopMaxNs)}`,
    `results ${formatDuration(drainMaxNs)}`,
    `ticks ${formatDuration(tickMaxNs)}`,
    ...(stealShare === null ? [] : [`steal ${percent(stealShare)}`]),
  ];
  const lines = [facts.join(", "), ...complaints.map((complaint) => paint("yellow", complaint))];
  return lines.map((line) => `own health   ${line}`);
}

function renderPrefix(report: PrefixReport, paint: Paint, nowNs: number): string[] {
  // The reconciler leaves a prefix on hold alone as one that was taken away by hand; its order says which it is.
  const byHand = report.order ? report.order.kind === "manual" : report.manual !== undefined;
  const state = byHand ? "manual" : report.observed;
  // Where nothing is moved, nothing is verified either; the reason says so.
  const moves = report.drivers.some(({ driver }) => driver !== "none");
  const verified = report.verified ? "verified" : "not verified";
  const facts = [
    moves ? verified : undefined,
    report.wanted === report.observed || report.wanted === "hold" ? undefined : `wanted ${report.wanted}`,
    report.order ? undefined : report.manual && `taken away by ${report.manual.by}`,
    report.reason && printable(report.reason),
  ].filter((fact) => fact !== undefined);
  return [
    `  ${report.prefix.padEnd(24)} ${paint(stateStyles[state] ?? "yellow", state.padEnd(10))} ${facts.join("; ")}`,
    ...renderCircumstances(report, paint).map(([name, text]) => `    ${name.padEnd(11)} ${text}`),
    ...report.checks.map((check) => renderCheck(check, paint, nowNs)),
  ];
}

/** What stands between the checks and the announcement. */
function renderCircumstances(report: PrefixReport, paint: Paint): [name: string, text: string][] {
  const { order, guard, holdDownMs, objective } = report;
  const lines: [string, string][] = [];
  if (order) lines.push(["order", paint(order.kind === "manual" ? "magenta" : "yellow", renderOrder(order))]);
  if (guard) lines.push(["guard", renderGuard(guard, paint)]);
  if (holdDownMs > 0) lines.push(["hold-down", paint("yellow", `${formatDuration(holdDownMs * nsPerMs)} left`)]);
  if (objective) lines.push(["objective", renderObjective(objective, paint)]);
  for (const { driver, way } of report.drivers) if (way !== undefined) lines.push([driver, printable(way)]);
  return lines;
}

function renderOrder(order: OrderReport): string {
  const kind = order.kind === "manual" ? "taken away by hand" : order.kind;
  return [`${kind} ${wish(order)}`, order.phase].filter((part) => part !== undefined).join("; ");
}

/** `by root (pid 812), 42m0s left: kernel update`. */
function wish({ by, reason, leftMs }: FreezeReport): string {
  const left = leftMs === null ? "" : `, ${formatDuration(leftMs * nsPerMs)} left`;
  return printable(`by ${by}${left}${reason === null ? "" : `: ${reason}`}`);
}

function renderGuard({ others, needed, held, reason }: GuardReport, paint: Paint): string {
  if (held) return paint("red", `held: ${printable(reason ?? "too few others")}`);
  const seen = others === null ? "others unknown" : `${others} ${others === 1 ? "other" : "others"}`;
  return `${seen}, ${needed} needed${reason === null ? "" : `; ${printable(reason)}`}`;
}

function renderObjective({ breached, reasons, samples, figures }: ObjectiveReport, paint: Paint): string {
  // Reasons without a breach are why nothing can be said.
  const kept = reasons.length > 0 ? "not judged" : `kept (${samples} probes)`;
  const state = breached ? paint("yellow", "breached") : kept;
  const told = reasons.length > 0 ? reasons : figures.map(renderBound);
  return `${state}${told.length > 0 ? `: ${told.join("; ")}` : ""}`;
}

/** `p99 12.3ms of 20.0ms`. */
function renderBound({ name, unit, limit, slow: { value } }: BoundFigures): string {
  const told = unit === "ns" ? formatDuration : percent;
  return `${name} ${value === null ? "unknown" : told(value)} of ${told(limit)}`;
}

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(3))}%`;
}

function renderCheck(check: CheckReport, paint: Paint, nowNs: number): string {
  const { p50Ns, p99Ns, maxNs, count } = check.latency;
  const latency =
    count > 0
      ? `p50 ${formatDuration(p50Ns)}  p99 ${formatDuration(p99Ns)}  max ${formatDuration(maxNs)}  (${count} answers)`
      : "no answers";
  const name = check.role === "gate" ? check.name : `${check.name} (${check.role})`;
  const last = check.last === null || check.last === "pass" ? "" : `  last ${printable(check.last)}`;
  const state = paint(stateStyles[check.state] ?? "yellow", check.state.padEnd(8));
  const age = check.sinceNs === null ? "" : `for ${formatDuration(Math.max(0, nowNs - check.sinceNs))}`;
  return `    ${name.padEnd(36)} ${state} ${age.padEnd(11)} ${latency}${last}`;
}
