// A real name server on one core: how many queries a second it can be shown to answer (loss of 0.1 % at most, at a rate that
// does not wait for answers), against what dnsperf reports for it; and what asking costs at a rate that both hold.
import { type Answerer, type AnswererName, answerers } from "./answerer.js";
import { cpuUsPerQuery, rateOf } from "./compare.js";
import { attempt, type Trial } from "./contestant.js";
import { type BenchOptions, type Bound, type Experiment, median, missed, round } from "./experiment.js";
import { generatorCpu } from "./place.js";

const mostLoss = 0.001;
const steps = 6;
const steadyQps = 100_000;
/** Time enough for trains of ten at the steady rate. */
const steadyTrainUs = 100;

/** server makes the scenario of one name server. */
export function server(name: AnswererName, bounds: Readonly<Record<string, Bound>>): Experiment {
  return {
    summary: `${name} on one core: the highest rate with loss <= 0.1 %, and CPU per query at ${steadyQps}/s`,
    headline: `${name}: {highest_qps} queries/s without loss, {ratio_to_dnsperf} x what dnsperf reports, for {cpu_ratio_to_dnsperf} of its CPU per query`,
    run: async (options, say) => {
      const answerer = await answerers[name]();
      try {
        const figures = await measure(answerer, options, say);
        return { figures, failures: missed(figures, bounds) };
      } finally {
        await answerer.stop();
      }
    },
  };
}

async function measure(answerer: Answerer, options: BenchOptions, say: (text: string) => void) {
  const { trials = 3, seconds = 2 } = options;
  const reported: number[] = [];
  const highest: number[] = [];
  const ours: Trial[] = [];
  const theirs: Trial[] = [];
  for (let turn = 1; turn <= trials; turn++) {
    const dnsperf = rateOf(await attempt("dnsperf", answerer, { seconds }));
    reported.push(dnsperf);
    highest.push(await search(answerer, dnsperf, seconds, say));
    ours.push(await open(answerer, steadyQps, seconds));
    theirs.push(await attempt("dnsperf", answerer, { seconds, rateQps: steadyQps }));
    const [own, other] = [ours, theirs].map((done) => cpuUsPerQuery(done.at(-1)!).toPrecision(3));
    say(`${turn}/${trials} dnsperf reports ${Math.round(dnsperf)}/s, without loss ${Math.round(highest.at(-1)!)}/s`);
    say(`${turn}/${trials} at ${steadyQps}/s ours costs ${own} us of CPU a query, dnsperf ${other}`);
  }
  const [ourCpu, theirCpu] = [ours, theirs].map((done) => median(done.map(cpuUsPerQuery)));
  return {
    highest_qps: round(median(highest)),
    dnsperf_qps: round(median(reported)),
    ratio_to_dnsperf: round(median(highest) / median(reported)),
    ours_cpu_us_per_query: round(ourCpu!),
    dnsperf_cpu_us_per_query: round(theirCpu!),
    cpu_ratio_to_dnsperf: round(ourCpu! / theirCpu!),
    ours_steady_loss: round(median(ours.map(loss))),
    rtt_p50_us: round(median(ours.map((trial) => trial.figures!["rtt_p50_us"]!))),
    rtt_p99_us: round(median(ours.map((trial) => trial.figures!["rtt_p99_us"]!))),
  };
}

/** search halves the span between a rate without loss and one with, from dnsperf's rate up. */
async function search(answerer: Answerer, fromQps: number, seconds: number, say: (text: string) => void) {
  let clean = 0;
  let lossy = 2 * fromQps;
  let rate = fromQps;
  for (let step = 0; step < steps; step++) {
    // A loss must be seen twice: whatever else runs on the machine for a moment loses queries too.
    if ((await holds(answerer, rate, seconds, say)) || (await holds(answerer, rate, seconds, say))) clean = rate;
    else lossy = rate;
    rate = (clean + lossy) / 2;
  }
  return clean;
}

async function holds(answerer: Answerer, rateQps: number, seconds: number, say: (text: string) => void) {
  const trial = await open(answerer, rateQps, seconds);
  // A rate that the generator did not reach says nothing of the server.
  const reached = trial.figures!["rate_qps"]! >= 0.99 * rateQps;
  say(`${Math.round(rateQps)}/s: loss ${(100 * loss(trial)).toFixed(3)} %${reached ? "" : ", not reached"}`);
  return reached && loss(trial) <= mostLoss;
}

function open(answerer: Answerer, rateQps: number, seconds: number): Promise<Trial> {
  const task = { seconds, rateQps, trainUs: steadyTrainUs, cpu: generatorCpu, jsCpu: generatorCpu };
  return attempt("anyprobe", answerer, task);
}

function loss({ answered, sent }: Trial): number {
  return 1 - answered / sent;
}
