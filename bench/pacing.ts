// Pacing: whether the engine sends what it was told to, when it was told to, and what a low rate costs beside a bare loop that
// sleeps, sends and receives.
import { type Answerer, answerers } from "./answerer.js";
import { attempt, type Task, type Trial } from "./contestant.js";
import { type BenchOptions, type Experiment, median, missed, round } from "./experiment.js";
import { answererCpu, generatorCpu } from "./place.js";

const fastQps = 100_000;
const slowQps = 1000;
const trainUs = 50;

export const pacing: Experiment = {
  summary: `${fastQps}/s: the count, and how late probes leave; ${slowQps}/s: CPU against a bare loop that sleeps`,
  headline:
    "{count_error_percent} % off the count at 100,000/s, p99 {lateness_p99_us} us late; 1,000/s for {cpu_ratio_to_sleep_loop} x the CPU of a bare loop",
  run: async (options, say) => {
    const answerer = await answerers.ours();
    try {
      const figures = { ...(await fast(answerer, options, say)), ...(await slow(answerer, options, say)) };
      return {
        figures,
        failures: missed(figures, {
          count_error_percent: { most: 0.1 },
          trains_count_error_percent: { most: 0.1 },
          lateness_p99_us: { most: 50 },
          trains_lateness_p99_us: { most: trainUs + 50 },
          cpu_ratio_to_sleep_loop: { most: 1.5 },
        }),
      };
    } finally {
      await answerer.stop();
    }
  },
};

async function fast(answerer: Answerer, { trials = 3, seconds = 10 }: BenchOptions, say: (text: string) => void) {
  const task = { seconds, rateQps: fastQps, cpu: generatorCpu, jsCpu: answererCpu };
  const one: Trial[] = [];
  const trains: Trial[] = [];
  for (let turn = 1; turn <= trials; turn++) {
    one.push(await attempt("anyprobe", answerer, { ...task, train: 1 }));
    trains.push(await attempt("anyprobe", answerer, { ...task, trainUs }));
    const [first, second] = [one, trains].map((done) => done.at(-1)!.figures!["lateness_p99_us"]!.toPrecision(3));
    say(`${turn}/${trials} p99 of lateness: ${first} us, in trains ${second} us`);
  }
  const told = (done: readonly Trial[], name: string) => round(median(done.map((trial) => trial.figures![name]!)));
  return {
    count_error_percent: countErrorPercent(one),
    lateness_p50_us: told(one, "lateness_p50_us"),
    lateness_p99_us: told(one, "lateness_p99_us"),
    lateness_p999_us: told(one, "lateness_p999_us"),
    trains_count_error_percent: countErrorPercent(trains),
    trains_lateness_p50_us: told(trains, "lateness_p50_us"),
    trains_lateness_p99_us: told(trains, "lateness_p99_us"),
    trains_lateness_p999_us: told(trains, "lateness_p999_us"),
  };
}

/** countErrorPercent is how far the rate that was sent was off, either way; the worst trial's, for it is a promise. */
function countErrorPercent(trials: readonly Trial[]): number {
  return round(Math.max(...trials.map(({ figures }) => Math.abs(100 * (figures!["rate_qps"]! / fastQps - 1)))));
}

async function slow(answerer: Answerer, { trials = 3, seconds = 10 }: BenchOptions, say: (text: string) => void) {
  const task: Task = { seconds, rateQps: slowQps, train: 1, cpu: generatorCpu };
  const percent = (trial: Trial, cpuSeconds = trial.cpuSeconds) => (100 * cpuSeconds) / trial.seconds;
  const whole: number[] = [];
  const shard: number[] = [];
  const bare: number[] = [];
  for (let turn = 1; turn <= trials; turn++) {
    const trial = await attempt("anyprobe", answerer, { ...task, jsCpu: answererCpu });
    whole.push(percent(trial));
    shard.push(percent(trial, (trial.figures!["shard_cpu_us_per_query"]! * trial.answered) / 1e6));
    bare.push(percent(await attempt("limit", answerer, task)));
    const [all, own, loop] = [whole, shard, bare].map((done) => done.at(-1)!.toPrecision(3));
    say(`${turn}/${trials} ${slowQps}/s: ${all} % of a core, its shard ${own} %, a bare loop ${loop} %`);
  }
  return {
    cpu_percent: round(median(whole)),
    shard_cpu_percent: round(median(shard)),
    sleep_loop_cpu_percent: round(median(bare)),
    cpu_ratio_to_sleep_loop: round(median(whole) / median(bare)),
    shard_cpu_ratio_to_sleep_loop: round(median(shard) / median(bare)),
  };
}
