// Coordinated omission: a server that does nothing for 200 ms every 2 s. Our percentiles must be those of the arithmetic;
// dnsperf's stand beside them, which waits for answers before it goes on.
//
// The arithmetic: queries are due evenly. One that is due u into a freeze of F is read when the freeze ends, after those before
// it: it waits F - u, and as long as the server takes for the rate * u queries before it, at most 400 for the two percentiles
// here, well under 1 % of them. All others wait next to nothing. So of each period P, the share of queries that wait longer than
// x is (F - x) / P, and a share s waits longer than x = F - s * P: with F = 200 ms and P = 2 s, the p99 is 200 - 20 = 180 ms,
// and the p99.9 is 200 - 2 = 198 ms. This holds for whole periods, so a trial lasts some of them.
import { startManner } from "../../bench/answerer.js";
import { nsPerMs } from "../../src/units.js";
import { bench, dnsperfLatencies, undisturbed } from "./bench-run.js";
import { bars, type Experiment, round } from "./figures.js";

const freezeMs = 200;
const periodMs = 2000;
const rateQps = 20_000;
const shares = { p99: 0.01, p999: 0.001 } as const;

export const omission: Experiment = {
  summary: "latency at 20,000/s of a server that freezes 200 ms every 2 s: ours and dnsperf's against the arithmetic",
  async run({ runs = 3, seconds = 20 }, say) {
    undisturbed();
    const wholeSeconds = (Math.max(1, Math.round((1000 * seconds) / periodMs)) * periodMs) / 1000;
    const expectedMs = {
      p99: freezeMs - shares.p99 * periodMs,
      p999: freezeMs - shares.p999 * periodMs,
    };
    const ours: { p99: number; p999: number }[] = [];
    const theirs: { p99: number; p999: number; average_ms: number; max_ms: number; sent: number }[] = [];
    for (let run = 1; run <= runs; run++) {
      const server = await startManner("--freeze-ms", String(freezeMs), "--freeze-every-ms", String(periodMs));
      try {
        const { trials } = await bench(server, ["--rate", String(rateQps), "-l", String(wholeSeconds), "-t", "2"]);
        const { p99_ns: p99, p999_ns: p999 } = trials[0]!.latency;
        ours.push({ p99: round(p99! / nsPerMs), p999: round(p999! / nsPerMs) });
        const { sortedNs, averageSeconds, maxSeconds, sent } = await dnsperfLatencies(server, rateQps, wholeSeconds);
        const at = (share: number) => round(sortedNs[Math.ceil((1 - share) * sortedNs.length) - 1]! / nsPerMs);
        const [average, max] = [round(1000 * averageSeconds), round(1000 * maxSeconds)];
        theirs.push({ p99: at(shares.p99), p999: at(shares.p999), average_ms: average, max_ms: max, sent });
        say(`${run}/${runs} ours ${JSON.stringify(ours.at(-1))}, dnsperf's ${JSON.stringify(theirs.at(-1))}, ms`);
      } finally {
        await server.stop();
      }
    }
    const worst = (told: readonly Record<"p99" | "p999", number>[], figure: "p99" | "p999") =>
      round(Math.max(...told.map((one) => 100 * Math.abs(one[figure] / expectedMs[figure] - 1))));
    const figures = {
      p99_worst_error_percent: worst(ours, "p99"),
      p999_worst_error_percent: worst(ours, "p999"),
      dnsperf_p99_worst_error_percent: worst(theirs, "p99"),
      dnsperf_p999_worst_error_percent: worst(theirs, "p999"),
    };
    const failures = bars("omission", figures, { p99_worst_error_percent: 5, p999_worst_error_percent: 5 });
    return { figures: { ...figures, expected_ms: expectedMs, ours_ms: ours, dnsperf_ms: theirs }, failures };
  },
};
