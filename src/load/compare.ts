// Comparing two load tests, before and after a change: each figure with the interval that it lies in with 95 % confidence, and a
// verdict only where the two intervals do not overlap. The intervals hold what chance does within one run; what differs from one
// run to the next (a busy host, another placement in memory) is not in them, and the notes say so.
import { chosenTrial, type Report } from "./answer.js";
import { count, lossOf, plain, toldOf } from "./figure.js";
import { type Interval, quantileInterval, wilson } from "./quantile.js";
import type { TrialRecord } from "./record.js";

/** Change is one figure before and after. Its unit: queries/s, ns, a share of 0-1, or cores. */
export interface Change {
  readonly figure: "capacity" | "p50" | "p99" | "p99.9" | "loss" | "cpu generator" | "cpu server";
  readonly unit: "qps" | "ns" | "share" | "cores";
  readonly before: Side;
  readonly after: Side;
  /** after / before - 1; null where `before` is nothing or either is unknown. */
  readonly change: number | null;
  readonly verdict: "better" | "worse" | "no difference seen" | "not judged";
}

/** Side is one report's figure. `n` is how many queries, or for a capacity trials, it rests on. */
export interface Side {
  /** null: not known. */
  readonly value: number | null;
  /** null: there is no interval, or no bound on this side. */
  readonly lower: number | null;
  readonly upper: number | null;
  readonly n: number;
}

/** Comparison is all of it. */
export interface Comparison {
  readonly changes: readonly Change[];
  /** What keeps the two from being compared at all, in sentences. */
  readonly unlike: readonly string[];
  /** What the reader should know, in sentences. */
  readonly notes: readonly string[];
}

/** Latency and loss of two trials can be compared when their loads differ by no more than this. */
const sameLoad = 0.02;

/**
 * compare sets two reports side by side. Changes of less than `noise` (a share; 0.01 is what the buckets and a search's resolution
 * can tell apart) are not called better or worse, however many queries they rest on.
 */
export function compare(before: Report, after: Report, noise = 0.01): Comparison {
  const [first, second] = alikeTrials(before, after) ?? [undefined, undefined];
  const changes: Change[] = [];
  if (before.start.mode === "search" && after.start.mode === "search")
    changes.push(changed("capacity", "qps", capacityOf(before), capacityOf(after), noise));
  if (first && second) {
    for (const [figure, share] of [
      ["p50", 0.5],
      ["p99", 0.99],
      ["p99.9", 0.999],
    ] as const)
      changes.push(changed(figure, "ns", latencyOf(first, share), latencyOf(second, share), noise));
    changes.push(changed("loss", "share", lossSide(first), lossSide(second), noise));
    changes.push(
      changed("cpu generator", "cores", cores(first.cpu.generator, first), cores(second.cpu.generator, second), noise),
    );
    changes.push(
      changed("cpu server", "cores", cores(first.cpu.server, first), cores(second.cpu.server, second), noise),
    );
  }
  return { changes, unlike: unlikeOf(before, after), notes: notesOf(before, after, first, second) };
}

/**
 * alikeTrials finds a trial of each report that offered the same load: the two that the reports rest on where they did, else the
 * pair of the highest load.
 */
export function alikeTrials(before: Report, after: Report): readonly [TrialRecord, TrialRecord] | undefined {
  const [first, second] = [chosenTrial(before), chosenTrial(after)];
  if (!first || !second) return undefined;
  // In a closed loop the load is what came of it, and differs by what is to be compared.
  if (before.start.mode === "closed" && after.start.mode === "closed") return [first, second];
  if (isSameLoad(first, second)) return [first, second];
  const tells = ({ ended_early, limited_by_generator }: TrialRecord) =>
    ended_early === null && limited_by_generator === null;
  const pairs = before.trials
    .filter(tells)
    .flatMap((one) =>
      after.trials.filter((other) => tells(other) && isSameLoad(one, other)).map((other) => [one, other] as const),
    );
  const longer = ([one, other]: readonly [TrialRecord, TrialRecord]) => Math.min(one.sent, other.sent);
  // Of trials far above the capacity the latency is the timeout, which tells nothing: those that held come first.
  const held = pairs.filter(([one, other]) => one.misses.length === 0 && other.misses.length === 0);
  return (held.length > 0 ? held : pairs).sort((a, b) => longer(b) - longer(a))[0];
}

function isSameLoad(one: TrialRecord, other: TrialRecord): boolean {
  return Math.abs(one.offered_qps / other.offered_qps - 1) <= sameLoad;
}

function capacityOf({ result, trials }: Report): Side {
  if (!result || result.lower_qps === null)
    return { value: null, lower: null, upper: result?.upper_qps ?? null, n: trials.length };
  const { capacity_qps: value, lower_qps: lower, limited_by_generator: limited } = result;
  return { value, lower, upper: limited === null ? result.upper_qps : null, n: trials.length };
}

function latencyOf(trial: TrialRecord, share: number): Side {
  return sideOf(quantileInterval(trial.buckets, share), trial.latency.count);
}

function lossSide(trial: TrialRecord): Side {
  return sideOf(wilson(trial.timeouts + trial.unreachable, toldOf(trial)), toldOf(trial));
}

function sideOf({ value, lower, upper }: Interval, n: number): Side {
  const known = (bound: number) => (Number.isFinite(bound) ? bound : null);
  return { value: known(value), lower: known(lower), upper: known(upper), n };
}

/** One number a trial: there is nothing to tell how far it would differ by chance. */
function cores(value: number | null, { sent }: TrialRecord): Side {
  return { value, lower: null, upper: null, n: sent };
}

function changed(figure: Change["figure"], unit: Change["unit"], before: Side, after: Side, noise: number): Change {
  const known = before.value !== null && after.value !== null && before.value !== 0;
  const change = known ? after.value! / before.value! - 1 : null;
  return { figure, unit, before, after, change, verdict: verdictOf(unit, before, after, change, noise) };
}

function verdictOf(
  unit: Change["unit"],
  before: Side,
  after: Side,
  change: number | null,
  noise: number,
): Change["verdict"] {
  const bounded = ({ lower, upper }: Side) => lower !== null || upper !== null;
  if (unit === "cores" || !bounded(before) || !bounded(after)) return "not judged";
  const rose = before.upper !== null && after.lower !== null && after.lower >= before.upper;
  const fell = before.lower !== null && after.upper !== null && after.upper <= before.lower;
  if (!rose && !fell) return "no difference seen";
  if (change !== null && Math.abs(change) < noise) return "no difference seen";
  return rose === (unit === "qps") ? "better" : "worse";
}

function unlikeOf({ start: a }: Report, { start: b }: Report): string[] {
  const differs = (what: string, one: string, other: string) =>
    one === other ? [] : [`The ${what} differs: ${plain(one) || "none"}, then ${plain(other) || "none"}.`];
  return [
    ...differs("kind of load", a.mode, b.mode),
    ...differs("objective", [...a.objective].sort().join(", "), [...b.objective].sort().join(", ")),
    ...differs("source of queries", a.queries, b.queries),
    ...differs("path", a.environment.path, b.environment.path),
  ];
}

function notesOf(
  before: Report,
  after: Report,
  first: TrialRecord | undefined,
  second: TrialRecord | undefined,
): string[] {
  const [a, b] = [before.start, after.start];
  const notes: string[] = [];
  const differs = (what: string, one: unknown, other: unknown) => {
    if (one !== other) notes.push(`${what} differs: ${plain(String(one))}, then ${plain(String(other))}.`);
  };
  for (const key of ["host", "cpu", "cpus", "kernel", "node", "anyprobe"] as const)
    differs(`The generator's ${key}`, a.environment[key], b.environment[key]);
  for (const key of new Set([...Object.keys(a.settings), ...Object.keys(b.settings)]))
    differs(`The setting ${plain(key)}`, a.settings[key] ?? "not set", b.settings[key] ?? "not set");
  for (const [which, { result }] of [
    ["first", before],
    ["second", after],
  ] as const) {
    if (result?.limited_by_generator != null)
      notes.push(`The ${which} was limited by the generator: its capacity is at least what is shown.`);
    if (result?.status !== "complete")
      notes.push(`The ${which} report is not complete${result ? ` (${result.status})` : ""}.`);
  }
  if (!first || !second)
    notes.push("Latency, loss and CPU are not compared: no trial of one offered the load of a trial of the other.");
  else
    notes.push(
      `Latency, loss and CPU are of trial ${first.trial} (${count(first.offered_qps)} queries/s) and ` +
        `trial ${second.trial} (${count(second.offered_qps)} queries/s).`,
    );
  if ([first, second].some((trial) => trial && trial.misses.length > 0 && lossOf(trial) > 0.01))
    notes.push("At this load queries are lost in numbers: their timeout is in the percentiles.");
  notes.push(
    "The intervals hold chance within one run, not what differs from run to run: repeat both before you believe a small change.",
  );
  return notes;
}
