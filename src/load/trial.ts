// A trial: one load, offered for one length of time, and all that can be said of it. It has an engine of its own, so that nothing
// of the last trial (a socket, an answer that is still under way) gets into it.
import { readdirSync, readFileSync } from "node:fs";
import { type Counters, Engine } from "../engine/engine.js";
import { monotonicNs, nsPerMs, nsPerSecond, nsPerUs } from "../units.js";
import { Feeder, type Offer, rateAt, type Sending } from "./feeder.js";
import { generatorLimit, notesOf } from "./generator-limit.js";
import { missesOf, type Objective } from "./objective.js";
import type { QuerySource } from "./query-source.js";
import type { Head, ProgressRecord, TrialRecord } from "./record.js";
import type { ServerWatch } from "./server-process.js";
import { bucketsOf, latencyOf, Tally } from "./tally.js";

/** Setting is what all trials of a run have in common. */
export interface Setting {
  readonly sending: Sending;
  readonly objective: Objective;
  /** Threads that send. */
  readonly shards: number;
  /** CPUs that they are kept on; empty: the kernel places them. */
  readonly cpus: readonly number[];
  /** What the server does meanwhile, where that can be seen from here. */
  readonly server?: ServerWatch | undefined;
  /** What this generator can offer at most; undefined: not measured. queries/s */
  readonly ceilingQps?: number | undefined;
}

/** TrialOptions is what one trial may do beside offering its load. */
export interface TrialOptions {
  readonly signal: AbortSignal;
  /** End it as soon as a share of losses or failures cannot be held any more: a search needs no more of it. */
  readonly endEarly: boolean;
  readonly onProgress: (progress: Omit<ProgressRecord, keyof Head | "type" | "trial" | "left_seconds">) => void;
}

/** Trial is its record, but for what the run adds. */
export type Trial = Omit<TrialRecord, keyof Head | "type" | "trial">;

/** ranOut is why a trial ended early whose source ended. */
export const ranOut = "the queries ran out";

const lookEveryMs = 100;
const progressEveryMs = 1000;
/** A trial may take so much longer than it was to. */
const behindNs = 2 * nsPerSecond;
/** Sockets are opened and queries compiled before the first is due; the first plans of a stream are many queries. */
const [startInNs, streamInNs] = [50 * nsPerMs, 700 * nsPerMs];
/** Rows that can wait for JavaScript: as many as can be in flight, for a probe reserves its row when it is sent. */
const [fewestRows, replayRows, mostRows] = [2 ** 16, 2 ** 18, 2 ** 22];

/**
 * runTrial offers a load to the end, or until `signal` aborts it: then the record is of what was sent until then. Rejects with
 * EngineError where the kernel refuses the sockets, and with what the source throws.
 */
export async function runTrial(
  { sending, objective, shards, cpus, server, ceilingQps }: Setting,
  source: QuerySource,
  offer: Offer,
  { signal, endEarly, onProgress }: TrialOptions,
): Promise<Trial> {
  const fromNs = monotonicNs() + (source.repeats ? startInNs : streamInNs);
  const wanted = (seconds: number) => (offer.kind === "closed" || offer.kind === "replay" ? 0 : rateAt(offer, seconds));
  const tally = new Tally(fromNs, sending.timeoutMs, wanted);
  const engine = new Engine({ shards, cpus, ringRows: rowsFor(offer, sending.timeoutMs) }, (batch) => tally.add(batch));
  const cpu = new CpuWatch();
  let endedEarly: string | null = null;
  let counters: Counters;
  let used: ReturnType<CpuWatch["end"]> | undefined;
  let serverUse: ReturnType<NonNullable<typeof server>["end"]> | undefined;
  // While it sends: what waits for timeouts afterwards is idle, and would make either look less busy than it was.
  const takeUse = () => {
    used ??= cpu.end();
    serverUse ??= server?.end();
  };
  server?.begin();
  try {
    const feeder = new Feeder(engine, source, offer, sending, fromNs, () => tally.rows);
    let fed = false;
    let fault: unknown;
    feeder.done.then(
      () => {
        fed = true;
      },
      (error) => {
        fault = error ?? new Error("the source failed");
      },
    );
    const planned = offer.kind === "rate" ? offer.rateQps * offer.seconds : Number.POSITIVE_INFINITY;
    // A generator that cannot keep up sends late and skips nothing: without an end to that, it would go on for hours.
    const wholeNs = offer.kind === "replay" ? Number.POSITIVE_INFINITY : offer.seconds * nsPerSecond;
    const latestNs = fromNs + wholeNs + sending.timeoutMs * nsPerMs + behindNs;
    for (let progressNs = fromNs; endedEarly === null; ) {
      await pause(signal);
      if (fault !== undefined) throw fault;
      if (monotonicNs() > fromNs + wholeNs) takeUse();
      if (signal.aborted) endedEarly = String(signal.reason ?? "interrupted");
      else if (fed && (offer.kind === "closed" || tally.rows >= feeder.handed)) {
        if (feeder.ranOut) endedEarly = ranOut;
        break;
      } else if (monotonicNs() > latestNs) endedEarly = "the generator was too far behind";
      else if (endEarly) endedEarly = hopeless(objective, tally, planned);
      if (monotonicNs() - progressNs < progressEveryMs * nsPerMs) continue;
      progressNs += progressEveryMs * nsPerMs;
      const now = tally.lastMoment();
      if (now)
        onProgress({
          offered_qps: now.offered_qps,
          sent_qps: now.sent,
          lost: now.lost,
          p50_ns: now.p50_ns,
          p99_ns: now.p99_ns,
        });
    }
    feeder.stop();
    takeUse();
    engine.stop();
    counters = engine.counters();
  } finally {
    engine.close();
  }
  const counts = tally.counts(counters);
  const seconds = tally.sendingSeconds;
  const sentQps = seconds > 0 ? (counts.sent - 1) / seconds : 0;
  const offeredQps =
    offer.kind === "rate" ? offer.rateQps : offer.kind === "ramp" ? rateAt(offer, offer.seconds) : sentQps;
  const misses = missesOf(objective, {
    ...counts,
    percentileNs: (percentile) => tally.latency.percentileNs(percentile),
  });
  const told = counts.answered + counts.timeouts + counts.unreachable;
  const limited = generatorLimit({
    counts,
    counters,
    tally,
    objective,
    misses,
    wantedQps: offer.kind === "rate" && !signal.aborted ? offer.rateQps : undefined,
    sentQps,
    ceilingQps: offer.kind === "closed" ? undefined : ceilingQps,
  });
  return {
    ...counts,
    offered_qps: round(offeredQps),
    sent_qps: round(sentQps),
    answered_qps: round(told > 0 ? (sentQps * counts.answered) / counts.sent : 0),
    seconds: round(seconds, 3),
    ended_early: endedEarly,
    latency: latencyOf(tally.latency),
    buckets: bucketsOf(tally.latency),
    lateness: latencyOf(tally.lateness),
    hdr: tally.latency.encode(),
    moments: tally.moments(),
    ports: tally.ports(),
    answer_octets: tally.answerOctets(),
    cpu: { ...used!, server: serverUse?.cpuCores ?? null },
    misses,
    limited_by_generator: limited,
    notes: [...notesOf(counts), ...(serverUse?.notes ?? [])],
  };
}

/** hopeless tells which share cannot be held any more, whatever the rest of the trial brings. */
function hopeless(objective: Objective, tally: Tally, planned: number): string | null {
  for (const { metric, below, text } of objective) {
    const bad = metric === "loss" ? tally.lost : metric === "failure" ? tally.failed : 0;
    if (bad > below * planned) return `${text} cannot be held any more`;
  }
  return null;
}

function rowsFor(offer: Offer, timeoutMs: number): number {
  const rate = offer.kind === "rate" ? offer.rateQps : offer.kind === "ramp" ? Math.max(offer.fromQps, offer.toQps) : 0;
  const inflight =
    offer.kind === "closed" ? offer.inflight : offer.kind === "replay" ? replayRows : (rate * timeoutMs) / 1e3;
  return 2 ** Math.ceil(Math.log2(Math.min(Math.max(1.25 * inflight, fewestRows), mostRows)));
}

/** pause waits until the next look, or until the trial is aborted. */
function pause(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(end, lookEveryMs);
    function end() {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    }
    signal.addEventListener("abort", end);
    if (signal.aborted) end();
  });
}

function round(value: number, digits = 1): number {
  return Number(value.toFixed(digits));
}

/** CpuWatch measures what this process uses, in cores, and its busiest sending thread, which must still run at the end. */
class CpuWatch {
  readonly #fromNs = monotonicNs();
  readonly #usage = process.cpuUsage();

  end(): { readonly generator: number; readonly busiest_shard: number } {
    const ns = monotonicNs() - this.#fromNs;
    const { user, system } = process.cpuUsage(this.#usage);
    return { generator: round(((user + system) * nsPerUs) / ns, 3), busiest_shard: round(busiestShardNs() / ns, 3) };
  }
}

/** busiestShardNs tells how long the busiest sending thread has run (Documentation/scheduler/sched-stats.rst). */
function busiestShardNs(): number {
  const tasks = "/proc/self/task";
  const used = readdirSync(tasks).map((task) => {
    try {
      if (!readFileSync(`${tasks}/${task}/comm`, "utf8").startsWith("anyprobe/")) return 0;
      return Number(readFileSync(`${tasks}/${task}/schedstat`, "utf8").split(" ")[0]);
    } catch {
      return 0; // It ended meanwhile.
    }
  });
  return Math.max(0, ...used);
}
