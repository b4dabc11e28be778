// `watch`: 65,536 targets at 100,000 probes a second through the public API: every probe counted, a histogram for each target,
// and an event loop that is always free for whatever else the program does.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { answerers } from "./answerer.js";
import { type Experiment, missed, round } from "./experiment.js";
import { finish } from "./place.js";
import { quiet } from "./quiet.js";

/** WatchTask is what a trial is to do. */
export interface WatchTask {
  /** The first of the targets. */
  readonly address: string;
  readonly port: number;
  readonly targets: number;
  /** Probes a second, of all together. */
  readonly rate: number;
  readonly seconds: number;
  /** Where the export goes. */
  readonly file: string;
}

const program = fileURLToPath(new URL("watch-trial.ts", import.meta.url));
const targets = 65_536;
const rate = 100_000;

export const watching: Experiment = {
  summary: "65,536 targets at 100,000 probes/s through the public API: the event loop, memory, and an export of all",
  headline:
    "{rate_per_s} probes/s to 65,536 targets, each with its histogram, in {rss_mib} MiB; the event loop never blocked over {loop_max_ms} ms; all exported in {export_s} s",
  run: async ({ trials = 1, seconds = 60 }, say) => {
    const directory = mkdtempSync(join(tmpdir(), "anyprobe-bench-"));
    const answerer = await answerers.oursEverywhere();
    try {
      const found: Record<string, number>[] = [];
      for (let trial = 0; trial < trials; trial++) {
        await quiet();
        const { address, port } = answerer;
        const task: WatchTask = { address, port, targets, rate, seconds, file: join(directory, "targets.json") };
        const {
          stdout,
          cpuSeconds,
          seconds: whole,
        } = await finish([process.execPath, "--import", import.meta.resolve("tsx"), program, JSON.stringify(task)], {});
        const figures: Record<string, number> = { ...JSON.parse(stdout), cpu_cores: cpuSeconds / whole };
        const lines = readFileSync(task.file, "utf8").trimEnd().split("\n");
        figures["exported"] = lines.filter((line) => JSON.parse(line).latency.count > 0).length;
        found.push(figures);
        say(`${Math.round(figures["rate_per_s"]!)}/s, loop ${figures["loop_max_ms"]!.toFixed(1)} ms`);
      }
      // Promises, each: the worst trial's.
      const figures = found.reduce((worst, one) => (one["loop_max_ms"]! > worst["loop_max_ms"]! ? one : worst));
      return { figures: rounded(figures), failures: faults(figures) };
    } finally {
      await answerer.stop();
      rmSync(directory, { recursive: true, force: true });
    }
  },
};

function faults(figures: Readonly<Record<string, number>>): string[] {
  const { sent, rows, counted, loop_waited_max_ms: waited } = figures;
  const found = missed(figures, {
    rate_per_s: { least: 0.99 * rate },
    loop_max_ms: { most: 20 },
    loop_own_max_ms: { most: 20 },
    rss_mib: { most: 400 },
    export_s: { most: 2 },
    targets_with_histogram: { least: targets },
    exported: { least: targets },
  });
  if (rows !== sent || counted !== sent)
    found.push(`expected as many rows as probes, got ${rows}, counted ${counted}, of ${sent}`);
  // Then the figures are the machine's.
  if (found.length > 0 && waited! > 10)
    found.push(`the machine was busy: a turn waited ${round(waited!)} ms for a core`);
  return found;
}

/** Counts stay as they are. */
function rounded(figures: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(figures).map(([name, value]) => [name, Number.isInteger(value) ? value : round(value, 4)]),
  );
}
