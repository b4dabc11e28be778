// The prober's own health: whether this process, its shards and its machine keep up. What it complains of explains probes
// that say nothing; it decides nothing.
import { readFileSync } from "node:fs";
import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks";
import type { Counters } from "../engine/engine.js";
import type { Finding } from "../health/verdict.js";
import { formatDuration, monotonicNs, nsPerMs, nsPerSecond } from "../units.js";

/** OwnHealthReport is plain JSON. Times are the worst, and counts the sums, of the minute under way and the one before it; in ns. */
export interface OwnHealthReport {
  /** How late the event loop came round. */
  readonly eventLoopP99Ns: number;
  readonly eventLoopMaxNs: number;
  /** From the moment that a probe had ended until it was judged, beyond what passes are made to wait. */
  readonly drainMaxNs: number;
  /** How late the endpoint's clockwork ticked. */
  readonly tickMaxNs: number;
  /** So often the engine's thread stood still, and so long in all. */
  readonly stalls: number;
  readonly stalledNs: number;
  /** Probes that say nothing, because the prober stood still or lost what came back. */
  readonly voided: number;
  /** The share of the CPUs' time that the hypervisor gave to others, 0-1, at the last look; null where the kernel does not tell. */
  readonly stealShare: number | null;
  /** Sentences for people; empty where all is well. */
  readonly complaints: readonly string[];
}

export interface OwnHealthOptions {
  /** How often ticked() is meant to be called. ms */
  readonly tickMs: number;
  /** How long passes may wait in the engine (EngineOptions). ms */
  readonly patienceMs: number;
}

type Counted = Pick<Counters, "stalls" | "stalledNs">;

const minuteNs = 60 * nsPerSecond;
/** A wake-up costs some 50 us: ten a second are 0.05 % of a core. */
const resolutionMs = 100;
/** Reading /proc/stat takes a large machine up to a millisecond. */
const stealEveryNs = 10 * nsPerSecond;
/** Less is nothing to tell people about. */
const stealWorthTelling = 0.05;

/** OwnHealth watches from construction until close(). */
export class OwnHealth implements Disposable {
  readonly #tickNs: number;
  readonly #patienceNs: number;
  readonly #delay: IntervalHistogram = monitorEventLoopDelay({ resolution: resolutionMs });
  #minute = emptyMinute();
  #before = emptyMinute();
  #minuteSinceNs = monotonicNs();
  #tickedNs = monotonicNs();
  /** What was counted at the last look. */
  #counted: Counted = { stalls: 0, stalledNs: 0 };
  #cpu = readCpuTime();
  #cpuNs = monotonicNs();
  #stealShare: number | null = null;
  #complaint = "";

  constructor({ tickMs, patienceMs }: OwnHealthOptions) {
    this.#tickNs = tickMs * nsPerMs;
    this.#patienceNs = patienceMs * nsPerMs;
    this.#delay.enable();
  }

  /** judged takes note of a probe that was sent at `sentNs` and is judged at `nowNs`. */
  judged({ outcome, rttNs }: Pick<Finding, "outcome" | "rttNs">, sentNs: number, nowNs: number): void {
    const waitedNs = nowNs - (sentNs + rttNs) - this.#patienceNs;
    if (waitedNs > this.#minute.drainMaxNs) this.#minute.drainMaxNs = waitedNs;
    if (outcome === "voided") this.#minute.voided++;
  }

  /** ticked takes note of a tick of the clockwork, and of what the engine has counted by then. */
  ticked(nowNs: number, counters: Counted): void {
    this.#minute.tickMaxNs = Math.max(this.#minute.tickMaxNs, nowNs - this.#tickedNs - this.#tickNs);
    this.#tickedNs = nowNs;
    this.#count(counters);
    if (nowNs - this.#cpuNs >= stealEveryNs) this.#lookAtCpu(nowNs);
    if (nowNs - this.#minuteSinceNs >= minuteNs) this.#turnMinute(nowNs);
  }

  report(counters: Counted): OwnHealthReport {
    this.#count(counters);
    const [minute, before] = [this.#minute, this.#before];
    const lag = this.#eventLoopLag();
    return {
      eventLoopP99Ns: Math.max(lag.p99Ns, before.eventLoopP99Ns),
      eventLoopMaxNs: Math.max(lag.maxNs, before.eventLoopMaxNs),
      drainMaxNs: Math.max(minute.drainMaxNs, before.drainMaxNs),
      tickMaxNs: Math.max(minute.tickMaxNs, before.tickMaxNs),
      stalls: minute.stalls + before.stalls,
      stalledNs: minute.stalledNs + before.stalledNs,
      voided: minute.voided + before.voided,
      stealShare: this.#stealShare,
      complaints: this.complaints(),
    };
  }

  /** complaints says what was so bad that probes say nothing. */
  complaints(): string[] {
    const silent = this.#minute.voided + this.#before.voided;
    if (silent === 0) return [];
    const stalledNs = this.#minute.stalledNs + this.#before.stalledNs;
    const what =
      stalledNs > 0
        ? `the prober stood still for ${formatDuration(stalledNs)}`
        : "the prober lost what came back to it";
    const steal = this.#stealShare ?? 0;
    const why =
      steal < stealWorthTelling ? "" : ` (the hypervisor gave ${Math.round(100 * steal)}% of the CPU time to others)`;
    return [`${what}: ${silent} ${silent === 1 ? "probe says" : "probes say"} nothing${why}`];
  }

  /** newComplaint joins them; undefined where there are none, and where they are what it gave before. */
  newComplaint(): string | undefined {
    const complaint = this.complaints().join("; ");
    const isNew = complaint !== this.#complaint;
    this.#complaint = complaint;
    return isNew && complaint !== "" ? complaint : undefined;
  }

  /** close stops watching. Idempotent. */
  close(): void {
    this.#delay.disable();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** After a reload another engine counts, from zero. */
  #count({ stalls, stalledNs }: Counted) {
    const base = stalls < this.#counted.stalls ? { stalls: 0, stalledNs: 0 } : this.#counted;
    this.#minute.stalls += stalls - base.stalls;
    this.#minute.stalledNs += stalledNs - base.stalledNs;
    this.#counted = { stalls, stalledNs };
  }

  /** The histogram has the times from beat to beat: what is beyond its resolution is lateness. */
  #eventLoopLag() {
    const late = (ns: number) => Math.max(0, ns - resolutionMs * nsPerMs);
    return { p99Ns: late(this.#delay.percentile(99)), maxNs: late(this.#delay.max) };
  }

  #lookAtCpu(nowNs: number) {
    const cpu = readCpuTime();
    this.#stealShare = stealShare(this.#cpu, cpu);
    this.#cpu = cpu;
    this.#cpuNs = nowNs;
  }

  #turnMinute(nowNs: number) {
    const { p99Ns, maxNs } = this.#eventLoopLag();
    this.#before = { ...this.#minute, eventLoopP99Ns: p99Ns, eventLoopMaxNs: maxNs };
    this.#minute = emptyMinute();
    this.#minuteSinceNs = nowNs;
    this.#delay.reset();
  }
}

function emptyMinute() {
  return { eventLoopP99Ns: 0, eventLoopMaxNs: 0, drainMaxNs: 0, tickMaxNs: 0, stalls: 0, stalledNs: 0, voided: 0 };
}

/** CpuTime is what all CPUs have spent since the host started, in the kernel's ticks. */
export interface CpuTime {
  readonly total: number;
  readonly steal: number;
}

/**
 * parseCpuTime reads the first line of /proc/stat (proc(5)): `cpu user nice system idle iowait irq softirq steal guest
 * guest_nice`. Guests' time is in user's already. Undefined where the line is another.
 */
export function parseCpuTime(stat: string): CpuTime | undefined {
  const [, fields] = /^cpu +([\d ]+)\n/.exec(stat) ?? [];
  const ticks = fields?.split(" ").map(Number).slice(0, 8);
  if (ticks?.length !== 8) return undefined;
  return { total: ticks.reduce((sum, count) => sum + count, 0), steal: ticks[7]! };
}

/** stealShare gives the share of the time between two readings that was stolen, 0-1; null where there is none to tell. */
export function stealShare(before: CpuTime | undefined, after: CpuTime | undefined): number | null {
  if (!before || !after || after.total <= before.total) return null;
  // The kernel's idle times may run back a little.
  return Math.min(1, Math.max(0, (after.steal - before.steal) / (after.total - before.total)));
}

function readCpuTime(): CpuTime | undefined {
  try {
    return parseCpuTime(readFileSync("/proc/stat", "latin1"));
  } catch {
    // A host that hides it has no share to tell.
    return undefined;
  }
}
