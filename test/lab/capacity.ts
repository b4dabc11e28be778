// Whether the search finds the knee of real name servers, each on one core: that which a fine sweep of constant rates finds by
// itself. dnsperf's and resperf's figures for the same server stand beside it.
import { type AnswererName, answerers } from "../../bench/answerer.js";
import { median } from "../../bench/experiment.js";
import type { TrialRecord } from "../../src/load/record.js";
import { type BenchRun, bench, deepQueues, dnsperfClosed, resperfMaximum, undisturbed } from "./bench-run.js";
import { bars, type Experiment, round } from "./figures.js";

const servers = { nsd: "nsd", knot: "knot", unbound: "unboundCache", bind: "named" } as const satisfies Record<
  string,
  AnswererName
>;

/**
 * What a server must hold. Without a bound on latency a trial would be held as long as the receive queue is not full. An
 * overloaded server keeps all queries waiting; a percentile higher than this one would be broken by one pause of the host.
 */
const slo = "loss<0.1%,failure<0.1%,p90<20ms";
/** The coarse sweep goes so far below and above dnsperf's figure, in such steps; the fine one so far around its knee. */
const coarse = { from: 0.7, to: 1.7, by: 0.1 };
const fine = { from: 0.9, to: 1.1, by: 0.02 };
const sweeps = 3;
const coarseSeconds = 1;

export const capacity: Experiment = {
  summary: "`bench --search` against the knee of a fine sweep: NSD, Knot, unbound (cache hits), BIND, on one core each",
  async run({ runs = 3, only, seconds = 2 }, say) {
    undisturbed();
    const table: Record<string, unknown> = {};
    const errors: Record<string, number> = {};
    for (const [name, answerer] of Object.entries(servers)) {
      if (only !== undefined && only !== name) continue;
      const restore = deepQueues();
      const server = await answerers[answerer]().finally(restore);
      try {
        const dnsperf = await dnsperfClosed(server, 3);
        const resperf = await resperfMaximum(server, 2 * dnsperf, 10);
        say(`${name}: dnsperf ${dnsperf}/s, resperf ${JSON.stringify(resperf)}`);
        const options = ["--slo", slo, "-l", String(seconds)];
        const around = async (center: number, { from, to, by }: typeof fine, seconds: number) => {
          const rates: number[] = [];
          for (let share = from; share < to + by / 2; share += by) rates.push(Math.round(center * share));
          return bench(server, ["--slo", slo, "-l", String(seconds), "--steps", rates.join()]);
        };
        const swept = [...(await around(dnsperf, coarse, coarseSeconds)).trials];
        say(`${name}: coarse knee ${Math.round(knee(swept))}/s`);
        const searched: (number | null)[] = [];
        // In turns, so that whatever the machine does meanwhile happens to both.
        for (let run = 1; run <= Math.max(runs, sweeps); run++) {
          // Each begins round what all before it say: a trial that was disturbed is outvoted.
          if (run <= sweeps) swept.push(...(await around(knee(swept), fine, seconds)).trials);
          if (run > runs) continue;
          const found = await bench(server, [...options, "--within", "90s", "--from", "32000"]);
          searched.push(found.result.capacity_qps);
          say(`${name} ${run}/${runs}: search ${told(found)}`);
        }
        const kneeQps = knee(swept);
        const off = searched.map((qps) => (qps === null ? Number.NaN : 100 * (qps / kneeQps - 1)));
        errors[`${name}_worst_error_percent`] = round(Math.max(...off.map(Math.abs)));
        say(`${name}: knee ${Math.round(kneeQps)}/s, searches off by ${off.map((one) => one.toFixed(1)).join(", ")} %`);
        table[name] = {
          knee_qps: Math.round(kneeQps),
          search_qps: searched,
          search_error_percent: off.map((one) => round(one)),
          dnsperf_qps: Math.round(dnsperf),
          resperf_qps: Math.round(resperf.qps),
          resperf_lost_percent: resperf.lostPercent,
          sweep: sweepTable(swept),
        };
      } finally {
        await server.stop();
      }
    }
    const figures = { worst_error_percent: Math.max(...Object.values(errors)), ...errors };
    return { figures: { ...figures, servers: table }, failures: bars("capacity", figures, { worst_error_percent: 5 }) };
  },
};

function told({ result }: BenchRun): string {
  const { capacity_qps, lower_qps, upper_qps, limited_by_generator: limited, trials, seconds } = result;
  const bounds = `${capacity_qps}/s (${lower_qps}-${upper_qps})`;
  return `${bounds} after ${trials} trials, ${seconds} s${limited === null ? "" : `, ${limited}`}`;
}

/**
 * knee gives the rate that parts the trials that held from those that did not with the fewest exceptions; the middle of such
 * rates where there are several. Trials that the generator spoilt count for nothing.
 */
export function knee(trials: readonly Pick<TrialRecord, "offered_qps" | "misses" | "limited_by_generator">[]): number {
  const valid = trials.filter((trial) => trial.limited_by_generator === null);
  const rates = [...new Set(valid.map((trial) => trial.offered_qps))].sort((a, b) => a - b);
  const exceptions = (border: number) =>
    valid.filter((trial) => trial.offered_qps < border === trial.misses.length > 0).length;
  const borders = rates.slice(1).map((rate, i) => Math.sqrt(rates[i]! * rate));
  const fewest = Math.min(...borders.map(exceptions));
  return median(borders.filter((border) => exceptions(border) === fewest));
}

/** sweepTable tells for each rate of how many trials how many held. */
function sweepTable(trials: readonly TrialRecord[]): Record<string, string> {
  const rates = [...new Set(trials.map((trial) => trial.offered_qps))].sort((a, b) => a - b);
  return Object.fromEntries(
    rates.map((rate) => {
      const of = trials.filter((trial) => trial.offered_qps === rate);
      const valid = of.filter((trial) => trial.limited_by_generator === null);
      return [rate, `${valid.filter((trial) => trial.misses.length === 0).length} of ${valid.length} held`];
    }),
  );
}
