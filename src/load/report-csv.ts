// The CSV report (RFC 4180): one line a trial, or one a moment. Units are in the names of the columns; what is unknown is empty.
import type { Report } from "./answer.js";
import { lossOf, verdictOf } from "./figure.js";

type Cell = string | number | null;

/** renderTrialsCsv writes one line per trial, below a line of names. */
export function renderTrialsCsv({ start, trials }: Report): string {
  const rcodes = [...new Set(trials.flatMap((trial) => Object.keys(trial.rcodes)))].sort();
  const header = [
    ...["trial", "offered_qps", "sent_qps", "answered_qps", "seconds", "verdict", "missed", "limited_by_generator"],
    ...["sent", "answered", "timeouts", "unreachable", "send_failed", "voided", "cancelled", "loss_share", "truncated"],
    ...["late", "foreign", "malformed", "latency_count", "min_ns", "mean_ns", "p50_ns", "p90_ns", "p95_ns", "p99_ns"],
    ...["p999_ns", "max_ns", "lateness_p99_ns", "cpu_generator", "cpu_busiest_shard", "cpu_server"],
    ...rcodes.map((rcode) => `rcode_${rcode.toLowerCase()}`),
  ];
  const rows = trials.map((trial): Cell[] => {
    const { latency, lateness, cpu } = trial;
    const missed = trial.misses.map(({ limit }) => limit).join(" ");
    const verdict = verdictOf(trial, start.objective.length > 0);
    return [
      ...[trial.trial, trial.offered_qps, trial.sent_qps, trial.answered_qps, trial.seconds],
      ...[verdict, missed, trial.limited_by_generator],
      ...[trial.sent, trial.answered, trial.timeouts, trial.unreachable, trial.send_failed, trial.voided],
      ...[trial.cancelled, lossOf(trial), trial.truncated, trial.late, trial.foreign, trial.malformed],
      ...[latency.count, latency.min_ns, latency.mean_ns, latency.p50_ns, latency.p90_ns, latency.p95_ns],
      ...[latency.p99_ns, latency.p999_ns, latency.max_ns, lateness.p99_ns],
      ...[cpu.generator, cpu.busiest_shard, cpu.server],
      ...rcodes.map((rcode) => trial.rcodes[rcode] ?? 0),
    ];
  });
  return table([header, ...rows]);
}

/** renderMomentsCsv writes one line per second of each trial, below a line of names. */
export function renderMomentsCsv({ trials }: Report): string {
  const moments = trials.flatMap((trial) => trial.moments.map((moment) => ({ trial: trial.trial, moment })));
  const rcodes = [...new Set(moments.flatMap(({ moment }) => Object.keys(moment.rcodes)))].sort();
  const header = [
    ...["trial", "at_seconds", "offered_qps", "sent", "answered", "lost", "p50_ns", "p99_ns"],
    ...rcodes.map((rcode) => `rcode_${rcode.toLowerCase()}`),
  ];
  const rows = moments.map(({ trial, moment }): Cell[] => [
    ...[trial, moment.at_seconds, moment.offered_qps, moment.sent, moment.answered, moment.lost],
    ...[moment.p50_ns, moment.p99_ns],
    ...rcodes.map((rcode) => moment.rcodes[rcode] ?? 0),
  ]);
  return table([header, ...rows]);
}

function table(rows: readonly (readonly Cell[])[]): string {
  return rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

function cell(value: Cell): string {
  if (value === null || Number.isNaN(value)) return "";
  if (typeof value === "number") return String(value);
  // A spreadsheet runs what begins like a formula.
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
