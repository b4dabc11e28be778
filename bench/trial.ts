// One trial of the engine, as a program that uses the library: every answer matched, every row read, every round trip and
// lateness recorded. Run by contestant.ts in a process of its own; prints one Trial.
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { answered as answeredOutcome, Engine, LatencyHistogram, type ResultBatch } from "../src/index.js";
import { LatencyTable } from "../src/measure/latency-table.js";
import { addressBytes } from "../src/probe/target.js";
import { monotonicNs, nsPerSecond, nsPerUs } from "../src/units.js";
import type { Task, Trial } from "./contestant.js";
import { query } from "./question.js";

const { address, port, task } = JSON.parse(process.argv[2]!) as { address: string; port: number; task: Task };
const { targets = 1, seconds, rateQps, inflight } = task;
const timeoutMs = 500;
/** Nobody waits for a row here: as in a monitor, rows of passes are read in batches. */
const patienceMs = 100;
/** Compiling is no part of what is measured, neither tsx's nor V8's. */
const warmUpMs = 300;

const rtt = new LatencyHistogram();
const lateness = new LatencyHistogram();
const perTarget = new LatencyTable(targets);
let rows = 0;
let answered = 0;
let firstSentNs = Number.POSITIVE_INFINITY;
let lastSentNs = 0;

const one = (batch: ResultBatch) => {
  for (let i = 0; i < batch.length; i++) {
    if (batch.outcome[i] !== answeredOutcome) continue;
    answered++;
    rtt.record(batch.rttNs[i]!);
  }
};
const many = (batch: ResultBatch) => {
  for (let i = 0; i < batch.length; i++) {
    if (batch.outcome[i] !== answeredOutcome) continue;
    answered++;
    perTarget.record(batch.probe[i]!, batch.rttNs[i]!);
  }
};
const record = targets === 1 ? one : many;

function recordPace(batch: ResultBatch) {
  for (let i = 0; i < batch.length; i++) {
    const sentNs = batch.sentNs[i]!;
    // A probe that left on the nanosecond was not late; a histogram takes no zero.
    lateness.record(Math.max(1, sentNs - batch.dueNs[i]!));
    firstSentNs = Math.min(firstSentNs, sentNs);
    lastSentNs = Math.max(lastSentNs, sentNs);
  }
}

const count = rateQps === undefined ? undefined : Math.round(rateQps * seconds);
let finished = () => {};
const allRows = new Promise<void>((resolve) => {
  finished = resolve;
});
const cpus = task.cpu === undefined ? {} : { cpus: [task.cpu] };
const { shards = 1, ringRows = 65_536 } = task;
const engine = new Engine({ ...cpus, shards, ringRows, patienceMs }, (batch) => {
  record(batch);
  // In a closed loop nothing is due at a time of its own.
  if (rateQps !== undefined) recordPace(batch);
  rows += batch.length;
  if (rows === count) finished();
});

let from = now();
engine.submit({
  probes: Array.from({ length: targets }, (_, i) => ({ target: { address: addressAfter(i), port }, query })),
  schedule: rateQps === undefined ? { inflight: inflight! } : { rateQps, count: count! },
  timeoutMs,
  ...(task.train === undefined ? {} : { train: task.train }),
  ...(task.trainUs === undefined ? {} : { trainUs: task.trainUs }),
  ...(task.transport === undefined ? {} : { transport: task.transport }),
});
if (count === undefined) {
  await sleep(warmUpMs);
  from = now();
  await sleep(seconds * 1000);
} else {
  // All that was sent is waited for, so that what is lost is told exactly.
  await allRows;
}
const to = now();
const trial: Trial = {
  answered: to.answered - from.answered,
  sent: to.sent - from.sent,
  seconds: (to.ns - from.ns) / nsPerSecond,
  cpuSeconds: (to.cpuUs - from.cpuUs) / 1e6,
  figures: {
    ...(targets === 1 ? percentiles("rtt", rtt) : {}),
    ...(rateQps === undefined ? {} : { ...percentiles("lateness", lateness), rate_qps: (rows - 1) / sendingSeconds() }),
    shard_cpu_us_per_query: (to.shardNs - from.shardNs) / nsPerUs / (to.answered - from.answered),
    shard_cpu: Number(threads(isShard).map(lastCpu)[0]),
    js_cpu: Number(threads((name) => !isShard(name)).map(lastCpu)[0]),
    rss_mib: process.resourceUsage().maxRSS / 2 ** 10,
  },
};
engine.close();
process.stdout.write(JSON.stringify(trial));

/** now tells how far the trial has come, and what it has cost. */
function now() {
  const { user, system } = process.cpuUsage();
  return { ns: monotonicNs(), cpuUs: user + system, shardNs: shardCpuNs(), answered, sent: engine.counters().sent };
}

function sendingSeconds(): number {
  return (lastSentNs - firstSentNs) / nsPerSecond;
}

function percentiles(what: string, histogram: LatencyHistogram): Record<string, number> {
  return {
    [`${what}_p50_us`]: histogram.percentileNs(50) / nsPerUs,
    [`${what}_p99_us`]: histogram.percentileNs(99) / nsPerUs,
    [`${what}_p999_us`]: histogram.percentileNs(99.9) / nsPerUs,
  };
}

/** isShard tells the engine's threads by their names. */
function isShard(name: string): boolean {
  return name.startsWith("anyprobe/");
}

/** threads gives the directories of this process's threads with such names, proc(5); the main one, JavaScript's, is the first. */
function threads(wanted: (name: string) => boolean): string[] {
  return readdirSync("/proc/self/task")
    .map((id) => `/proc/self/task/${id}`)
    .filter((thread) => wanted(readFileSync(`${thread}/comm`, "utf8")));
}

function shardCpuNs(): number {
  return threads(isShard).reduce(
    (sum, thread) => sum + Number(readFileSync(`${thread}/schedstat`, "utf8").split(" ")[0]),
    0,
  );
}

/** lastCpu is the core on which a thread ran last. */
function lastCpu(thread: string): string | undefined {
  return readFileSync(`${thread}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ")[36];
}

/** addressAfter gives the address so many after the answerer's. */
function addressAfter(steps: number): string {
  const octets = new DataView(addressBytes(address).slice().buffer);
  octets.setUint32(0, octets.getUint32(0) + steps);
  return [0, 1, 2, 3].map((at) => octets.getUint8(at)).join(".");
}
