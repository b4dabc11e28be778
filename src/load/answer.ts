// The answer of a load test, in words that cannot be misread: one sentence to remember, and what it rests on. Pure, and made from
// the records alone; the text report and the page say the same.
import { count, missText, plain } from "./figure.js";
import type { ResultRecord, StartRecord, TrialRecord } from "./record.js";

/** Report is a load test as its records tell it; `result` is undefined where the file ends before it. */
export interface Report {
  readonly start: StartRecord;
  readonly trials: readonly TrialRecord[];
  readonly result: ResultRecord | undefined;
}

/** Answer is what a report says first. */
export interface Answer {
  /** `good`: held, or measured without an objective; `bad`: missed; `open`: not known, or known only as "at least". */
  readonly kind: "good" | "bad" | "open";
  /** What the figure is: `Maximum throughput`. */
  readonly label: string;
  /** The figure with its unit: `171,200 queries/s`. */
  readonly figure: string;
  /** Whole sentences: what it rests on, and what the reader must know. */
  readonly basis: readonly string[];
}

/** reportOf gathers records into a report; undefined where there is no `start`. Progress is left out. */
export function reportOf(records: Iterable<{ readonly type: string }>): Report | undefined {
  let start: StartRecord | undefined;
  let result: ResultRecord | undefined;
  const trials: TrialRecord[] = [];
  for (const record of records) {
    if (record.type === "start") start = record as StartRecord;
    else if (record.type === "trial") trials.push(record as TrialRecord);
    else if (record.type === "result") result = record as ResultRecord;
  }
  return start && { start, trials, result };
}

/** chosenTrial is the trial that the summary rests on: the one that the result names, else the last. */
export function chosenTrial({ trials, result }: Report): TrialRecord | undefined {
  return trials.find(({ trial }) => trial === result?.trial) ?? trials.at(-1);
}

/** answerOf says what a report found. */
export function answerOf(report: Report): Answer {
  const { start, result } = report;
  const answer = start.mode === "search" ? searchAnswer(report) : loadAnswer(report);
  return result?.status === "complete" ? answer : { ...answer, basis: [...endOf(result), ...answer.basis] };
}

function endOf(result: ResultRecord | undefined): string[] {
  if (!result)
    return ["The report has no result: it ends before the run did, and tells only what was measured until then."];
  const why = result.reason === null ? "" : ` (${plain(result.reason)})`;
  return {
    complete: [],
    interrupted: [`Interrupted${why}: this is the report so far.`],
    stopped: [`Stopped by the guard${why}: this is the report so far.`],
    time: [`The time that was allowed ran out before the search was done${why}.`],
  }[result.status];
}

function searchAnswer(report: Report): Answer {
  const { start, result } = report;
  const objective = start.objective.map(plain).join(", ");
  const label = "Maximum throughput";
  if (!result) return { kind: "open", label, figure: "not found", basis: [] };
  const { lower_qps: lower, upper_qps: upper, capacity_qps: capacity } = result;
  if (lower === null) {
    const tried = report.trials.filter(({ limited_by_generator }) => limited_by_generator === null).at(-1);
    const missed = tried && tried.misses.length > 0 ? ` The last, ${rate(tried.offered_qps)}, ${did(tried)}.` : "";
    if (result.limited_by_generator !== null)
      return { kind: "open", label, figure: "not found", basis: limits(result, null) };
    return { kind: "bad", label, figure: "none", basis: [`No rate that was tried held ${objective}.${missed}`] };
  }
  const basis = [`${rate(lower)} held ${objective}; ${next(report, upper)}.`, ...restsOn(report)];
  if (result.limited_by_generator !== null || capacity === null)
    return { kind: "open", label, figure: `at least ${rate(lower)}`, basis: [...limits(result, lower), ...basis] };
  return { kind: "good", label, figure: rate(capacity), basis };
}

/** The words for a generator that was the limit never call its rate the server's capacity. */
function limits({ limited_by_generator: why }: ResultRecord, lower: number | null): string[] {
  if (why === null) return ["No higher rate was judged, so the capacity may be greater."];
  const least = lower === null ? "what the server holds is not known" : `the server holds at least ${rate(lower)}`;
  return [`Limited by the generator: ${least}; this host cannot offer more (${plain(why)}).`];
}

function next({ trials }: Report, upper: number | null): string {
  if (upper === null) return "no higher rate was seen to miss it";
  const missed = trials
    .filter(({ misses, offered_qps }) => misses.length > 0 && Math.abs(offered_qps / upper - 1) < 0.001)
    .at(-1);
  return `the next, ${rate(upper)}, did not${missed ? ` (${missed.misses.map(missText).join(", ")})` : ""}`;
}

function did(trial: TrialRecord): string {
  return `missed ${trial.misses.map(missText).join(", ")}`;
}

function restsOn(report: Report): string[] {
  const trial = chosenTrial(report);
  if (!trial) return [];
  return [
    `It rests on trial ${trial.trial} of ${report.trials.length}: ${seconds(trial.seconds)} s, n=${count(trial.sent)}.`,
  ];
}

function loadAnswer(report: Report): Answer {
  const { start, trials, result } = report;
  const chosen = chosenTrial(report);
  const label = start.mode === "closed" ? "Throughput of a closed loop" : "Answered";
  const figure = chosen ? rate(chosen.answered_qps) : "nothing measured";
  const limited = trials.filter(({ limited_by_generator }) => limited_by_generator !== null);
  const basis = limited.map(
    ({ trial, limited_by_generator: why }) =>
      `Trial ${trial} was limited by the generator (${plain(why!)}): it says nothing of the server's capacity.`,
  );
  if (chosen) basis.push(...restsOn(report));
  if (start.mode === "closed")
    basis.push(
      "A closed loop waits for answers: while the server stalls it does not ask, and its latencies leave that out.",
    );
  if (start.objective.length === 0) return { kind: limited.length > 0 ? "open" : "good", label, figure, basis };
  const objective = start.objective.map(plain).join(", ");
  const missed = trials.filter(({ misses }) => misses.length > 0);
  const held = result?.objective_held ?? (trials.length > 0 && missed.length === 0);
  const verdict = held
    ? `${objective} was held.`
    : `${objective} was missed by ${missed.length} of ${trials.length} trials${missed[0] ? ` (trial ${missed[0].trial}: ${missed[0].misses.map(missText).join(", ")})` : ""}.`;
  const kind = !held ? "bad" : limited.length > 0 ? "open" : "good";
  return { kind, label, figure, basis: [verdict, ...basis] };
}

function rate(qps: number): string {
  return `${count(qps)} queries/s`;
}

function seconds(value: number): string {
  return value >= 10 ? value.toFixed(0) : value.toPrecision(2);
}
