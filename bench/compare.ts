// A comparison: contestants take turns at one answerer, each trial in a fresh process, round after round, so that whatever
// the machine does meanwhile happens to all of them. A figure is the median of its trials; a ratio is one of medians.
import { type AnswererName, answerers } from "./answerer.js";
import { attempt, type ContestantName, type Task, type Trial } from "./contestant.js";
import { type BenchOptions, median, round } from "./experiment.js";

/** Entry is a contestant with its own way of doing the task. */
export interface Entry extends Partial<Task> {
  readonly contestant: ContestantName;
  /** Its trials in all; default as many as the others'. */
  readonly trials?: number;
}

/** Comparison is one answerer, and entries by the name that their figures have; `ours` is one of them. */
export interface Comparison {
  readonly answerer: AnswererName;
  readonly task: Omit<Task, "seconds">;
  readonly seconds: number;
  readonly trials: number;
  readonly entries: { readonly ours: Entry } & Readonly<Record<string, Entry>>;
}

/** compare runs a comparison and gives its figures: throughput and CPU of each entry, and ratios of ours to each other. */
export async function compare(
  comparison: Comparison,
  options: BenchOptions,
  say: (text: string) => void,
): Promise<Record<string, number>> {
  const trials = await takeTurns(comparison, options, say);
  const { ours, ...others } = trials as { ours: Trial[] } & Record<string, Trial[]>;
  const figures: Record<string, number> = {};
  for (const [name, own] of Object.entries(trials)) {
    figures[`${name}_qps`] = round(median(own.map(rateOf)));
    figures[`${name}_cpu_us_per_query`] = round(median(own.map(cpuUsPerQuery)));
  }
  for (const [name, theirs] of Object.entries(others)) {
    figures[`ratio_to_${name}`] = round(median(ours.map(rateOf)) / median(theirs.map(rateOf)));
    figures[`cpu_ratio_to_${name}`] = round(median(ours.map(cpuUsPerQuery)) / median(theirs.map(cpuUsPerQuery)));
  }
  for (const name of Object.keys(ours[0]?.figures ?? {})) {
    figures[name] = round(median(ours.map((trial) => trial.figures![name]!)));
  }
  return figures;
}

async function takeTurns(
  { answerer: answererName, task, seconds, trials, entries }: Comparison,
  options: BenchOptions,
  say: (text: string) => void,
): Promise<Record<string, Trial[]>> {
  const rounds = options.trials ?? trials;
  const done: Record<string, Trial[]> = Object.fromEntries(Object.keys(entries).map((name) => [name, []]));
  const answerer = await answerers[answererName]();
  try {
    for (let turn = 1; turn <= rounds; turn++) {
      for (const [name, { contestant, trials: most = rounds, ...own }] of Object.entries(entries)) {
        if (turn > most) continue;
        const trial = await attempt(contestant, answerer, { seconds: options.seconds ?? seconds, ...task, ...own });
        done[name]!.push(trial);
        const cpu = cpuUsPerQuery(trial).toPrecision(3);
        say(`${turn}/${rounds} ${name}: ${Math.round(rateOf(trial))} answers/s, ${cpu} us of CPU each`);
      }
    }
  } finally {
    await answerer.stop();
  }
  return done;
}

/** rateOf is a trial's answers per second. */
export function rateOf({ answered, seconds }: Trial): number {
  return answered / seconds;
}

/** cpuUsPerQuery is the user and system time that an answered query cost. */
export function cpuUsPerQuery({ answered, cpuSeconds }: Trial): number {
  return (1e6 * cpuSeconds) / answered;
}
