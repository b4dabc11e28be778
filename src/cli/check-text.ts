// The one line of `anyprobe check`, in the form of the Nagios plugins: what is so, and after the bar the figures.
import type { TargetSummary } from "../index.js";
import { latency } from "../load/figure.js";
import { formatDuration } from "../units.js";
import { clean } from "./check-unknown.js";

export interface CheckResult {
  readonly state: "OK" | "WARNING" | "CRITICAL" | "UNKNOWN";
  readonly question: string;
  readonly summary: TargetSummary;
  readonly limits: { readonly warningMs?: number | undefined; readonly criticalMs?: number | undefined };
  readonly timeoutMs: number;
  /** What the last failure was. */
  readonly reason: string | undefined;
}

/** checkLine writes `DNS OK - 192.0.2.53:53 … | 'p99'=1.2ms;5;20 …`. */
export function checkLine(result: CheckResult): string {
  return `DNS ${result.state} - ${clean(sentence(result))} | ${figures(result)}`;
}

function sentence({ state, question, summary, limits, timeoutMs, reason }: CheckResult): string {
  const { target, timeouts, unreachable, wrong, voided, ended, latency: rtt, site, siteSource } = summary;
  const at = `${target} ${question}`;
  if (state === "UNKNOWN") return `${at}: ${voided} of ${ended} probes were void by this host's own trouble`;
  if (summary.passed === 0 && wrong === 0) {
    const within =
      reason === "timeout" ? `no answer within ${formatDuration(timeoutMs * 1e6)}` : (reason ?? "no answer");
    return `${at}: ${within}, ${ended} probes`;
  }
  const { warningMs, criticalMs } = limits;
  const limit = [criticalMs, warningMs].find((ms) => ms !== undefined && rtt.p99Ns > ms * 1e6);
  const facts = [
    ...(wrong > 0 ? [reason ?? "a wrong answer"] : []),
    ...(timeouts + unreachable > 0 ? [`${timeouts + unreachable} of ${ended} probes not answered`] : []),
    `p50 ${latency(rtt.p50Ns)}, p99 ${latency(rtt.p99Ns)}${limit === undefined ? "" : ` (over ${formatDuration(limit * 1e6)})`}`,
    ...(site === undefined ? [] : [`from ${site}${siteSource === "nsid" ? "" : ` (${siteSource})`}`]),
  ];
  return `${at}: ${facts.join(", ")}`;
}

/** Perfdata: 'label'=value[unit];warning;critical;least;most. What is not known is U. */
function figures({ summary, limits, timeoutMs }: CheckResult): string {
  const { timeouts, unreachable, wrong, loss, latency: rtt } = summary;
  const ms = (ns: number) => (Number.isFinite(ns) ? `${Number((ns / 1e6).toFixed(3))}ms` : "U");
  const { warningMs = "", criticalMs = "" } = limits;
  return [
    `'p99'=${ms(rtt.p99Ns)};${warningMs};${criticalMs};0;${timeoutMs}`,
    `'p50'=${ms(rtt.p50Ns)};;;0;${timeoutMs}`,
    `'max'=${ms(rtt.maxNs)};;;0;${timeoutMs}`,
    `'loss'=${loss === null ? "U" : `${Number((loss * 100).toFixed(1))}%`};;;0;100`,
    `'lost'=${timeouts + unreachable};;;0`,
    `'wrong'=${wrong};;;0`,
  ].join(" ");
}
