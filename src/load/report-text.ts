// The text report: dnsperf's and resperf's words where they have one, so that scripts and eyes find what they know, and what those
// leave out: percentiles with the lost queries inside, how late the generator was, and whose loss it was.
import { styleText } from "node:util";
import { nsPerSecond } from "../units.js";
import { type Answer, answerOf, chosenTrial, type Report } from "./answer.js";
import { count, latency, lossOf, percent, plain, toldOf, verdictOf, verdictText } from "./figure.js";
import type { Latency, StartRecord, TrialRecord } from "./record.js";

type Style = Parameters<typeof styleText>[0];
type Paint = (style: Style, text: string) => string;

const kindStyles: Readonly<Record<Answer["kind"], Style>> = { good: "green", bad: "red", open: "yellow" };
const verdictStyles: Readonly<Record<string, Style>> = { held: "green", missed: "red", limited: "yellow" };

/** renderReport writes a report as lines of text. */
export function renderReport(report: Report, colours: boolean): string {
  const paint: Paint = (style, text) => (colours ? styleText(style, text, { validateStream: false }) : text);
  const chosen = chosenTrial(report);
  const lines = [
    ...startLines(report.start),
    ...(report.trials.length > 1 ? ["", ...trialTable(report, paint)] : []),
    ...(chosen ? ["", ...statistics(chosen, report)] : []),
    "",
    ...answerLines(answerOf(report), paint),
  ];
  return `${lines.join("\n")}\n`;
}

function startLines({ mode, target, queries, objective, environment, ceiling }: StartRecord): string[] {
  const { cpu, cpus, kernel, node, anyprobe, host, path } = environment;
  const at = target.address.includes(":") ? `[${plain(target.address)}]` : plain(target.address);
  return [
    `Target:      ${at}:${target.port}, over ${path === "loopback" ? "the loopback device" : "a network device"}`,
    `Queries:     ${plain(queries)}`,
    `Load:        ${mode}`,
    `Objective:   ${objective.length > 0 ? objective.map(plain).join(", ") : "none"}`,
    `Generator:   anyprobe ${plain(anyprobe)} on ${plain(host)}: ${plain(cpu)}, ${cpus} CPUs, Linux ${plain(kernel)}, Node.js ${plain(node)}`,
    ceiling
      ? `Calibrated:  this generator reaches ${count(ceiling.qps)} queries/s on such a path (${plain(ceiling.measured_at)})`
      : "Calibrated:  no; what this generator reaches on such a path was not measured",
  ];
}

function trialTable({ start, trials, result }: Report, paint: Paint): string[] {
  const judged = start.objective.length > 0;
  const header = ["trial", "offered/s", "sent/s", "time (s)", "n", "loss", "p50", "p99", "verdict"];
  const rows = trials.map((trial) => [
    `${trial.trial}${trial.trial === result?.trial ? "*" : ""}`,
    count(trial.offered_qps),
    count(trial.sent_qps),
    trial.seconds.toFixed(1),
    count(trial.sent),
    percent(lossOf(trial)),
    latency(trial.latency.p50_ns),
    latency(trial.latency.p99_ns),
    verdictText(trial, judged),
  ]);
  const widths = header.map((title, column) =>
    Math.max(...[header, ...rows].map((row) => row[column]!.length), title.length),
  );
  const line = (cells: readonly string[]) =>
    `  ${cells.map((cell, i) => (i === cells.length - 1 ? cell : cell.padStart(widths[i]!))).join("  ")}`;
  const body = rows.map((cells, i) => {
    const style = verdictStyles[verdictOf(trials[i]!, judged)];
    const verdict = cells.at(-1)!;
    return line([...cells.slice(0, -1), style ? paint(style, verdict) : verdict]);
  });
  const star = result?.trial == null ? [] : ["  * the trial that the figures below are of"];
  return ["Trials:", "", line(header), ...body, ...star];
}

function statistics(trial: TrialRecord, { trials }: Report): string[] {
  const lost = trial.timeouts + trial.unreachable;
  const of = (n: number, total = trial.sent) => `${count(n)} (${total > 0 ? percent(n / total) : "of none"})`;
  const rcodes = Object.entries(trial.rcodes)
    .sort(([, a], [, b]) => b - a)
    .map(([rcode, n]) => `${plain(rcode)} ${of(n, trial.answered)}`);
  const lines = [
    `Statistics${trials.length > 1 ? ` of trial ${trial.trial}` : ""}:`,
    "",
    `  Queries sent:         ${count(trial.sent)}`,
    `  Queries completed:    ${of(trial.answered)}`,
    `  Queries lost:         ${of(lost)}${trial.unreachable > 0 ? `, ${count(trial.unreachable)} of them by ICMP errors` : ""}`,
    ...some(
      "  Lost at this host:    ",
      trial.voided,
      "in its own receive queue, or while the generator stood still: not the server's",
    ),
    ...some("  Could not be sent:    ", trial.send_failed, "refused by this host: not the server's"),
    ...some("  Cancelled:            ", trial.cancelled, "in flight when the trial was ended"),
    "",
    `  Response codes:       ${rcodes.join(", ") || "none"}`,
    `  Truncated (TC):       ${of(trial.truncated, trial.answered)}`,
    `  Average packet size:  response ${trial.answer_octets === null ? "–" : `${trial.answer_octets.toFixed(0)} octets`} (n=${count(trial.answered)})`,
    `  Beside the answers:   late ${count(trial.late)}, foreign ${count(trial.foreign)}, malformed ${count(trial.malformed)}`,
    "",
    `  Run time (s):         ${trial.seconds.toFixed(6)}`,
    `  Queries per second:   ${trial.answered_qps.toFixed(6)}`,
    `  Offered per second:   ${trial.offered_qps.toFixed(6)} (sent ${trial.sent_qps.toFixed(6)})`,
    "",
    ...latencyLines(trial),
    "",
    `  Source ports:         ${count(trial.ports.used)} (queries on each: ${count(trial.ports.least)} to ${count(trial.ports.most)})`,
    `  CPU of the generator: ${trial.cpu.generator.toFixed(2)} cores; its busiest sending thread ${percent(trial.cpu.busiest_shard)} of one`,
    `  CPU of the server:    ${trial.cpu.server === null ? "not known (not on this host)" : `${trial.cpu.server.toFixed(2)} cores`}`,
  ];
  if (trial.limited_by_generator !== null)
    lines.push("", `  Limited by the generator: ${plain(trial.limited_by_generator)}`);
  for (const note of trial.notes) lines.push("", `  Note: ${plain(note)}`);
  return lines;
}

function some(label: string, n: number, why: string): string[] {
  return n > 0 ? [`${label}${count(n)} (${why})`] : [];
}

function latencyLines(trial: TrialRecord): string[] {
  const { latency: from, lateness } = trial;
  const lost = count(trial.timeouts + trial.unreachable);
  return [
    `  Average Latency (s):  ${inSeconds(from.mean_ns)} (min ${inSeconds(from.min_ns)}, max ${inSeconds(from.max_ns)})`,
    `  Latency percentiles:  ${percentiles(from)}`,
    `                        from the due time; the ${lost} lost count with the whole timeout; n=${count(toldOf(trial))}`,
    `  Sent late by:         ${percentiles(lateness)}; n=${count(lateness.count)}`,
  ];
}

function percentiles({ p50_ns, p90_ns, p95_ns, p99_ns, p999_ns, max_ns }: Latency): string {
  const told = { p50: p50_ns, p90: p90_ns, p95: p95_ns, p99: p99_ns, "p99.9": p999_ns, max: max_ns };
  return Object.entries(told)
    .map(([name, ns]) => `${name} ${latency(ns)}`)
    .join("  ");
}

function inSeconds(ns: number | null): string {
  return ns === null ? "–" : (ns / nsPerSecond).toFixed(6);
}

function answerLines({ kind, label, figure, basis }: Answer, paint: Paint): string[] {
  return [
    `${label}: ${paint([kindStyles[kind], "bold"] as Style, figure)}`,
    ...basis.map((sentence) => `  ${sentence}`),
  ];
}
