// What a scenario of the bench is: it measures, and tells figures named by their unit with a sentence for each bar it missed.
import { spawnSync } from "node:child_process";
import { cpus, release } from "node:os";
import { versions } from "./programs.js";

/** Experiment measures something against its rivals and tells its figures; `say` is for progress. */
export interface Experiment {
  readonly summary: string;
  /** What the README says of it, with {figure} where a figure stands; without, it is not in the README. */
  readonly headline?: string;
  run(options: BenchOptions, say: (text: string) => void): Promise<Measured>;
}

/** BenchOptions are what the command line sets; an experiment has its own defaults. */
export interface BenchOptions {
  /** Trials of each contestant; its figure is their median. */
  readonly trials: number | undefined;
  /** How long a trial lasts. */
  readonly seconds: number | undefined;
}

/** Measured is what an experiment found; `failures` has a sentence for each bar that was missed. */
export interface Measured {
  readonly figures: Readonly<Record<string, unknown>>;
  readonly failures: readonly string[];
  readonly environment?: Readonly<Record<string, unknown>>;
}

/** Report is the one object that `npm run bench -- --only NAME --json` prints last, and `npm run lab -- NAME --json`. */
export interface Report {
  readonly name: string;
  readonly ok: boolean;
  readonly figures: Readonly<Record<string, unknown>>;
  readonly environment: Readonly<Record<string, unknown>>;
}

/** Bound is what a figure must keep: at least, at most. */
export interface Bound {
  readonly least?: number;
  readonly most?: number;
}

/** missed gives a sentence for each figure that does not keep its bound; a figure that is no number keeps none. */
export function missed(figures: Readonly<Record<string, unknown>>, bounds: Readonly<Record<string, Bound>>): string[] {
  return Object.entries(bounds).flatMap(
    ([name, { least = Number.NEGATIVE_INFINITY, most = Number.POSITIVE_INFINITY }]) => {
      const value = figures[name];
      if (typeof value === "number" && value >= least && value <= most) return [];
      const expected = [
        ...(least > Number.NEGATIVE_INFINITY ? [`>= ${least}`] : []),
        ...(most < Number.POSITIVE_INFINITY ? [`<= ${most}`] : []),
      ];
      return [`expected ${name} ${expected.join(" and ")}, got ${value}`];
    },
  );
}

/** median is the middle value, or the mean of the two in the middle; NaN where there is none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle]!;
  return (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** round keeps so many significant digits: a figure has no more than it is worth. */
export function round(value: number, digits = 3): number {
  return Number(value.toPrecision(digits));
}

/** environment tells where figures come from. */
export function environment(): Record<string, unknown> {
  const git = (...argv: string[]) => spawnSync("git", argv, { encoding: "utf8" }).stdout?.trim();
  return {
    commit: git("rev-parse", "--short", "HEAD"),
    changed: git("status", "--porcelain", "--untracked-files=no") !== "",
    kernel: release(),
    cpus: cpus().length,
    cpu: cpus()[0]?.model.trim(),
    node: process.version,
    versions: versions(),
    command: ["npm run bench --", ...process.argv.slice(2)].join(" "),
    at: new Date().toISOString(),
  };
}
