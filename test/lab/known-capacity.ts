// Whether the search finds a capacity that is known: that of a token bucket, which drops what is over it, and that of a server
// that answers late above a rate.
import { startManner } from "../../bench/answerer.js";
import { bench, undisturbed } from "./bench-run.js";
import { bars, type Experiment, round } from "./figures.js";

const cases = {
  limit: { knownQps: 50_000, manner: ["--limit", "50000"], slo: "loss<0.1%,failure<0.1%" },
  delay: { knownQps: 30_000, manner: ["--delay-above", "30000", "--delay-ms", "10"], slo: "p99<5ms" },
} as const;

export const knownCapacity: Experiment = {
  summary: "`bench --search` against servers whose capacity is known: a limit of 50,000/s, 10 ms more above 30,000/s",
  async run({ runs = 3, only, seconds = 5 }, say) {
    undisturbed();
    const found: Record<string, unknown> = {};
    const worst: Record<string, number> = {};
    for (const [name, { knownQps, manner, slo }] of Object.entries(cases)) {
      if (only !== undefined && only !== name) continue;
      const capacities: (number | null)[] = [];
      for (let run = 1; run <= runs; run++) {
        const server = await startManner(...manner);
        try {
          const options = ["--slo", slo, "-l", String(seconds), "--within", "90s", "--from", "8000"];
          const { result } = await bench(server, options);
          capacities.push(result.capacity_qps);
          const why = result.limited_by_generator === null ? "" : `, ${result.limited_by_generator}`;
          say(
            `${name} ${run}/${runs}: ${result.capacity_qps}/s after ${result.trials} trials, ${result.seconds} s${why}`,
          );
        } finally {
          await server.stop();
        }
      }
      found[name] = { known_qps: knownQps, found_qps: capacities };
      // None found is no error of so many percent: it meets no bar.
      const errors = capacities.map((qps) => (qps === null ? Number.NaN : 100 * Math.abs(qps / knownQps - 1)));
      worst[`${name}_worst_error_percent`] = round(Math.max(...errors));
    }
    const failures = bars("known-capacity", worst, Object.fromEntries(Object.keys(worst).map((name) => [name, 2])));
    return { figures: { ...worst, ...found }, failures };
  },
};
