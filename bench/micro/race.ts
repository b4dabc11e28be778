// A race of small pieces of work: each runner measures in a process of its own, in turn with the others, so that neither what V8
// learnt of another nor a slow minute of the machine falls on one alone. A figure is the median of its trials.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type Bound, type Experiment, median, missed, round } from "../experiment.js";

/** Runner measures for some `seconds` and tells its figures by name, with their unit. */
export type Runner = (seconds: number) => Record<string, number> | Promise<Record<string, number>>;

/** Race is what runners are there, and what their figures must keep. */
export interface Race {
  readonly summary: string;
  readonly headline: string;
  readonly runners: Readonly<Record<string, Runner>>;
  /** Figures that are one figure divided by another, trial by trial. */
  readonly ratios?: Readonly<Record<string, readonly [over: string, under: string]>>;
  readonly bounds?: Readonly<Record<string, Bound>>;
}

const defaultTrials = 5;
const defaultSeconds = 0.3;

/** experimentOf makes an experiment of the race that the module `./NAME.js` exports as `race`. */
export function experimentOf(name: string, race: Race): Experiment {
  return {
    summary: race.summary,
    headline: race.headline,
    async run({ trials = defaultTrials, seconds = defaultSeconds }, say) {
      const found = new Map<string, number[]>();
      const add = (figure: string, value: number) => found.set(figure, [...(found.get(figure) ?? []), value]);
      for (let trial = 0; trial < trials; trial++) {
        const told: Record<string, number> = {};
        for (const runner of Object.keys(race.runners)) Object.assign(told, await runAlone(name, runner, seconds));
        for (const [ratio, [over, under]] of Object.entries(race.ratios ?? {}))
          told[ratio] = told[over]! / told[under]!;
        for (const [figure, value] of Object.entries(told)) add(figure, value);
        say(
          Object.entries(told)
            .map(([figure, value]) => `${figure} ${round(value)}`)
            .join(", "),
        );
      }
      const figures = Object.fromEntries([...found].map(([figure, values]) => [figure, round(median(values))]));
      return { figures: { ...figures, trials }, failures: missed(figures, race.bounds ?? {}) };
    },
  };
}

const runnerProgram = fileURLToPath(new URL("runner.ts", import.meta.url));

async function runAlone(race: string, runner: string, seconds: number): Promise<Record<string, number>> {
  const argv = ["--expose-gc", "--import", import.meta.resolve("tsx"), runnerProgram, race, runner, String(seconds)];
  const { stdout } = await promisify(execFile)(process.execPath, argv);
  return JSON.parse(stdout);
}

/** nsEach tells how long one of `count` takes that `work` does: the median over `seconds` of calls. */
export function nsEach(count: number, seconds: number, work: () => void): number {
  // V8 compiles what is called often; what it does before that is not what is asked.
  for (let i = 0; i < 3; i++) work();
  const each: number[] = [];
  const untilMs = performance.now() + seconds * 1000;
  while (each.length < 3 || performance.now() < untilMs) {
    const startNs = process.hrtime.bigint();
    work();
    each.push(Number(process.hrtime.bigint() - startNs) / count);
  }
  return median(each);
}
