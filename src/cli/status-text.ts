// `anyprobe status` for people: what the daemon knows, worst first in the eye, and why.
import { styleText } from "node:util";
import type { PrefixReport, Status } from "../run/status.js";
import { formatDuration, monotonicNs } from "../units.js";

type Style = Parameters<typeof styleText>[0];

/** Paint colours a word where colours are wanted. */
type Paint = (style: Style, text: string) => string;

const stateStyles: Readonly<Record<string, Style>> = {
  announced: "green",
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
  const paint: Paint = (style, text) => (colours ? styleText(style, text, { validateStream: false }) : text);
  const lines = [
    `anyprobe ${status.version}, pid ${status.pid}, up ${formatDuration(status.uptimeNs)}, ` +
      `${Math.round(status.residentOctets / 2 ** 20)} MiB` +
      (status.configFile ? `, ${status.configFile}` : ""),
    ...status.sources.map(({ family, address, why }) => `source IPv${family}  ${address} (${why})`),
    `mark rule    ${guarded(status.markRule, paint)}`,
    `hints        ${guarded(status.hints, paint)}`,
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

function renderPrefix(report: PrefixReport, paint: Paint, nowNs: number): string[] {
  const state = report.manual ? "manual" : report.observed;
  // Where nothing is moved, nothing is verified either; the reason says so.
  const moves = report.drivers.some(({ driver }) => driver !== "none");
  const verified = report.verified ? "verified" : "not verified";
  const facts = [
    moves ? verified : undefined,
    report.wanted === report.observed || report.wanted === "hold" ? undefined : `wanted ${report.wanted}`,
    report.manual && `taken away by ${report.manual.by}`,
    report.reason,
  ].filter((fact) => fact !== undefined);
  return [
    `  ${report.prefix.padEnd(24)} ${paint(stateStyles[state] ?? "yellow", state.padEnd(10))} ${facts.join("; ")}`,
    ...report.checks.map((check) => {
      const { p50Ns, p99Ns, maxNs, count } = check.latency;
      const latency =
        count > 0
          ? `p50 ${formatDuration(p50Ns)}  p99 ${formatDuration(p99Ns)}  max ${formatDuration(maxNs)}  (${count} answers)`
          : "no answers";
      const name = check.role === "alert" ? `${check.name} (alert)` : check.name;
      const last = check.last === null || check.last === "pass" ? "" : `  last ${check.last}`;
      const state = paint(stateStyles[check.state] ?? "yellow", check.state.padEnd(8));
      const age = check.sinceNs === null ? "" : `for ${formatDuration(Math.max(0, nowNs - check.sinceNs))}`;
      return `    ${name.padEnd(36)} ${state} ${age.padEnd(11)} ${latency}${last}`;
    }),
  ];
}
