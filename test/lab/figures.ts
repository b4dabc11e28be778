// What an experiment gives: figures named by their unit, whether they meet its bars, and where they were measured.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus, release } from "node:os";
import type { Measured } from "../../bench/experiment.js";

/** Experiment measures something and tells its figures; `say` is for progress. */
export interface Experiment {
  readonly summary: string;
  run(options: ExperimentOptions, say: (text: string) => void): Promise<Measured>;
}

export interface ExperimentOptions {
  readonly runs: number | undefined;
  readonly driver: "address" | "frr" | undefined;
  readonly only: string | undefined;
  readonly seconds: number | undefined;
}

/** spread sums up durations: never a mean. */
export function spread(valuesMs: readonly number[]) {
  const sorted = valuesMs.toSorted((a, b) => a - b);
  const at = (share: number) =>
    round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN);
  const middle =
    sorted.length % 2 === 1 ? at(0.5) : round((sorted[sorted.length / 2 - 1]! + sorted[sorted.length / 2]!) / 2);
  return { runs: sorted.length, min_ms: at(0), median_ms: middle, max_ms: at(1) };
}

export function round(value: number, digits = 2): number {
  return Number(value.toFixed(digits));
}

/** bars gives a sentence for each figure that is over its bound. */
export function bars(
  name: string,
  figures: Readonly<Record<string, unknown>>,
  bounds: Readonly<Record<string, number>>,
): string[] {
  return Object.entries(bounds)
    .filter(([figure, most]) => !(Number(figures[figure] ?? Number.NaN) <= most))
    .map(([figure, most]) => `${name}: expected ${figure} <= ${most}, got ${figures[figure]}`);
}

/** cpuSeconds is the user and system time that a process has used so far, proc_pid_stat(5). */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** residentMib is a process's resident memory. */
export function residentMib(pid: number): number {
  const pages = Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]);
  return round((pages * 4096) / 2 ** 20, 1);
}

/** openDescriptors counts a process's file descriptors. */
export function openDescriptors(pid: number): number {
  return Number(execFileSync("find", [`/proc/${pid}/fd`, "-type", "l"], { encoding: "utf8" }).split("\n").length - 1);
}

/** environment tells where the figures come from. */
export function environment(): Record<string, unknown> {
  const version = (file: string, argv: readonly string[], pattern: RegExp) => {
    try {
      return pattern.exec(execFileSync(file, argv, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }))?.[1];
    } catch {
      return undefined;
    }
  };
  return {
    commit: version("git", ["rev-parse", "--short", "HEAD"], /(\S+)/),
    kernel: release(),
    node: process.version,
    cpus: cpus().length,
    cpu: cpus()[0]?.model,
    frr: version("/usr/lib/frr/zebra", ["--version"], /version (\S+)/),
    unbound: version("unbound", ["-V"], /Version (\S+)/),
    command: process.argv.slice(2).join(" "),
    at: new Date().toISOString(),
  };
}
