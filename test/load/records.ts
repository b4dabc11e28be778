// Records of load tests as `anyprobe bench --json` prints them, made of arithmetic: a server with a knee, lognormal latencies, and
// one seed, so that the same records come every time.
import { encodeIntoCompressedBase64 } from "hdr-histogram-js";
import { missesOf, parseObjective } from "../../src/load/objective.js";
import type {
  Latency,
  LoadRecord,
  Mode,
  Moment,
  ResultRecord,
  StartRecord,
  TrialRecord,
} from "../../src/load/record.js";
import { LatencyHistogram } from "../../src/measure/histogram.js";
import { nsPerMs } from "../../src/units.js";

/** Shape says what the server is like and what is asked of it. */
export interface Shape {
  readonly mode?: Mode;
  /** The rate from which on the server's queue grows, queries/s. */
  readonly knee?: number;
  readonly objective?: string;
  /** The rates of the trials, queries/s; a search's are made by halving unless given. */
  readonly rates?: readonly number[];
  /** The most that the generator offers, queries/s. */
  readonly ceiling?: number;
  readonly medianMs?: number;
  readonly seconds?: number;
  readonly queries?: string;
  readonly host?: string;
  readonly seed?: number;
}

const head = (at = 0) =>
  ({
    schema_version: 1,
    run_id: "7d1c0e9a",
    at: new Date(Date.UTC(2026, 2, 14, 9, 26, 53) + at * 1000).toISOString(),
  }) as const;

/** loadRecords makes the records of one run. */
export function loadRecords(shape: Shape = {}): [StartRecord, ...TrialRecord[], ResultRecord] {
  const { mode = "search", knee = 172_000, objective = "p99<5ms,loss<0.1%", ceiling = 2_000_000, seconds = 20 } = shape;
  const random = randomOf(shape.seed ?? 1);
  const trials: TrialRecord[] = [];
  const run = (rate: number, long: number) => {
    const offered = Math.min(rate, ceiling);
    const trial = trialOf({ ...shape, knee, objective }, trials.length + 1, offered, long, random, rate > ceiling);
    trials.push(trial);
    return trial;
  };
  let lower: number | null = null;
  let upper: number | null = null;
  let limited: string | null = null;
  if (mode === "search") {
    let rate = shape.rates?.[0] ?? 10_000;
    for (let step = 0; step < 40; step++) {
      const long = upper !== null && lower !== null && upper / lower < 1.03 ? seconds : upper === null ? 2 : 5;
      const trial = run(Math.round(rate), long);
      if (trial.limited_by_generator !== null) {
        limited = trial.limited_by_generator;
        lower = Math.round(trial.sent_qps);
        break;
      }
      if (trial.misses.length > 0) upper = trial.offered_qps;
      else lower = trial.offered_qps;
      if (lower !== null && upper !== null && upper / lower < 1.01 && long === seconds) break;
      rate = upper === null ? rate * 4 : lower === null ? rate / 4 : Math.sqrt(lower * upper);
    }
  } else for (const rate of shape.rates ?? [50_000]) run(rate, seconds);
  const judged = objective !== "";
  const held = mode === "search" ? lower !== null : trials.every(({ misses }) => misses.length === 0);
  const chosen = mode === "search" ? trials.findLast(({ misses }) => misses.length === 0) : trials.at(-1);
  const total = trials.reduce((sum, trial) => sum + trial.seconds, 0);
  const start: StartRecord = {
    ...head(),
    type: "start",
    mode,
    target: { address: "203.0.113.53", port: 53 },
    queries: shape.queries ?? "queries.txt (1,000 queries)",
    objective: judged ? objective.split(",") : [],
    settings: { timeout_ms: 1000, threads: 2, ports: 64, edns: 1232, resolution: 0.01 },
    environment: {
      anyprobe: "0.1.0",
      kernel: "6.1.0-28-amd64",
      cpu: "AMD EPYC 7543P 32-Core Processor",
      cpus: 32,
      node: "v20.19.4",
      host: shape.host ?? "gen1.example.net",
      path: "device",
    },
    ceiling: { qps: ceiling, measured_at: head(-600).at },
  };
  const result: ResultRecord = {
    ...head(total + 1),
    type: "result",
    mode,
    status: "complete",
    reason: null,
    objective_held: judged ? held : null,
    lower_qps: lower,
    upper_qps: upper,
    capacity_qps: limited === null ? lower : null,
    limited_by_generator: limited,
    trial: chosen?.trial ?? null,
    seconds: total,
    trials: trials.length,
  };
  return [start, ...trials, result];
}

/** ndjson writes records as a report file has them. */
export function ndjson(records: readonly LoadRecord[]): string {
  return records.map((record) => `${JSON.stringify(record)}\n`).join("");
}

function trialOf(
  shape: Shape & { readonly knee: number; readonly objective: string },
  number: number,
  offered: number,
  seconds: number,
  random: () => number,
  limited: boolean,
): TrialRecord {
  const { knee, objective, medianMs = 0.35 } = shape;
  const timeoutMs = 1000;
  const load = offered / knee;
  // Below the knee the queue is short; above it, what does not fit is lost, and the rest waits behind a full buffer.
  const fill = Math.min(load, 0.985);
  const lossShare = load <= 1 ? 0.00001 * load : Math.min(0.9, (1 - 1 / load) * 0.9 + 0.0005);
  const all = new LatencyHistogram();
  const moments: Moment[] = [];
  for (let second = 0; second < seconds; second++) {
    const one = new LatencyHistogram();
    const sent = Math.round(offered);
    const lost = Math.round(sent * lossShare * (0.7 + random() * 0.6));
    const samples = 4000;
    const weight = Math.max(1, Math.floor((sent - lost) / samples));
    const wobble = 0.97 + random() * 0.06;
    for (let left = sent - lost; left > 0; ) {
      const n = Math.min(weight, left);
      const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
      const queue = load > 1 ? 6 + random() * 4 : (-Math.log(1 - random()) * 0.02) / (1 - fill);
      one.record((medianMs * wobble * Math.exp(normal * 0.35) + queue) * nsPerMs, n);
      left -= n;
    }
    if (lost > 0) one.record(timeoutMs * nsPerMs, lost);
    all.merge(one);
    const servfail = Math.round((sent - lost) * 0.00002);
    const nx = Math.round((sent - lost) * 0.03);
    const { p50Ns, p99Ns } = one.summary();
    moments.push({
      at_seconds: second,
      offered_qps: offered,
      sent,
      answered: sent - lost,
      lost,
      rcodes: { NOERROR: sent - lost - servfail - nx, NXDOMAIN: nx, ...(servfail > 0 ? { SERVFAIL: servfail } : {}) },
      p50_ns: p50Ns,
      p99_ns: p99Ns,
    });
  }
  const sum = (of: (moment: Moment) => number) => moments.reduce((sum, moment) => sum + of(moment), 0);
  const rcodes: Record<string, number> = {};
  for (const moment of moments)
    for (const [rcode, n] of Object.entries(moment.rcodes)) rcodes[rcode] = (rcodes[rcode] ?? 0) + n;
  const [sent, answered, lost] = [sum((m) => m.sent), sum((m) => m.answered), sum((m) => m.lost)];
  const lateness = new LatencyHistogram();
  for (let i = 0; i < 2000; i++) lateness.record(2000 + random() * 60_000, Math.max(1, Math.floor(sent / 2000)));
  const measured = {
    answered,
    timeouts: lost,
    unreachable: 0,
    truncated: 0,
    rcodes,
    percentileNs: (percentile: number) => all.percentileNs(percentile),
  };
  return {
    ...head(number * 10),
    type: "trial",
    trial: number,
    offered_qps: offered,
    sent_qps: offered * (limited ? 0.93 : 1),
    answered_qps: answered / seconds,
    seconds,
    ended_early: null,
    sent,
    answered,
    timeouts: lost,
    unreachable: 0,
    send_failed: 0,
    voided: 0,
    cancelled: 0,
    rcodes,
    truncated: 0,
    late: Math.round(lost * 0.1),
    foreign: 0,
    malformed: 0,
    latency: latencyOf(all),
    buckets: all.buckets().map(({ fromNs, toNs, count }) => [fromNs, toNs, count]),
    lateness: latencyOf(lateness),
    hdr: encodeIntoCompressedBase64(all.toHdr()),
    moments,
    ports: { used: 64, least: Math.floor(sent / 64) - 3, most: Math.ceil(sent / 64) + 2 },
    answer_octets: 118.4,
    cpu: { generator: 0.4 + offered / 400_000, busiest_shard: Math.min(0.99, offered / 300_000 + 0.05), server: null },
    misses: objective === "" ? [] : missesOf(parseObjective(objective), measured),
    limited_by_generator: limited ? `it sent ${Math.round(offered * 0.93)} of ${offered} queries/s` : null,
    notes: load > 1 ? ["The server's answers came in bursts."] : [],
  };
}

function latencyOf(histogram: LatencyHistogram): Latency {
  const { count, p50Ns, p90Ns, p99Ns, p999Ns, maxNs } = histogram.summary();
  return {
    count,
    min_ns: Math.round(histogram.minNs),
    mean_ns: Math.round(histogram.meanNs),
    p50_ns: Math.round(p50Ns),
    p90_ns: Math.round(p90Ns),
    p95_ns: Math.round(histogram.percentileNs(95)),
    p99_ns: Math.round(p99Ns),
    p999_ns: Math.round(p999Ns),
    max_ns: Math.round(maxNs),
  };
}

/** A generator of numbers of 0-1 (mulberry32), so that a fixture is the same every time. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
