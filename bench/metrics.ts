// `metrics`: a scrape of /metrics at 10,000 targets while they are watched: how long it takes from the outside, and for how long the
// event loop that also judges the probes was not free meanwhile.
import { fileURLToPath } from "node:url";
import { answerers } from "./answerer.js";
import { type Experiment, missed, round } from "./experiment.js";
import { finish } from "./place.js";
import { quiet } from "./quiet.js";

/** MetricsTask is what a trial is to do. */
export interface MetricsTask {
  /** The first of the targets. */
  readonly address: string;
  readonly port: number;
  readonly targets: number;
  readonly scrapes: number;
}

const program = fileURLToPath(new URL("metrics-trial.ts", import.meta.url));
const targets = 10_000;

export const metrics: Experiment = {
  summary:
    "scrapes of /metrics while 10,000 targets are watched: seconds, and the event loop; quantiles and full histograms",
  headline:
    "10,000 targets are scraped in {scrape_ms} ms ({scrape_mib} MiB); the event loop was never blocked over {loop_max_ms} ms",
  run: async ({ trials = 3 }, say) => {
    const answerer = await answerers.oursEverywhere();
    try {
      const found: Record<string, number>[] = [];
      for (let trial = 0; trial < trials; trial++) {
        await quiet();
        const { address, port } = answerer;
        const task: MetricsTask = { address, port, targets, scrapes: 20 };
        const argv = [process.execPath, "--import", import.meta.resolve("tsx"), program, JSON.stringify(task)];
        const figures = JSON.parse((await finish(argv, {})).stdout) as Record<string, number>;
        found.push(figures);
        say(`${round(figures["scrape_ms"]!)} ms, loop ${round(figures["loop_max_ms"]!)} ms`);
      }
      // Promises, each: the worst of all trials.
      const names = Object.keys(found[0]!);
      const figures = Object.fromEntries(
        names.map((name) => [name, round(Math.max(...found.map((one) => one[name]!)), 4)]),
      );
      const bounds = { scrape_ms: { most: 300 }, loop_max_ms: { most: 20 }, histograms_loop_max_ms: { most: 20 } };
      return { figures, failures: missed(figures, bounds) };
    } finally {
      await answerer.stop();
    }
  },
};
