// A tally: what became of the queries of one trial, from the rows that the engine hands over. At millions of rows a second this
// is where JavaScript's time goes, so a row is looked at once.
import { answered as answeredOutcome, flag, type ResultBatch } from "../engine/batch.js";
import type { Counters } from "../engine/engine.js";
import { LatencyHistogram } from "../measure/histogram.js";
import { outcomes } from "../probe/outcome.js";
import { nsPerMs, nsPerSecond } from "../units.js";
import type { Bucket, Counts, Latency, Moment, TrialRecord } from "./record.js";
import { rcodeCount, rcodesOf, Timeline } from "./timeline.js";

const numberOf = Object.fromEntries(outcomes.map((outcome, number) => [outcome, number])) as Record<
  (typeof outcomes)[number],
  number
>;

/** Tally counts the rows of one trial. */
export class Tally {
  /** From the due time to the answer; a lost query counts with the whole timeout, so that no percentile leaves it out. ns */
  readonly latency = new LatencyHistogram();
  /** From the due time to the send. ns */
  readonly lateness = new LatencyHistogram();
  rows = 0;
  readonly #outcomes = new Float64Array(outcomes.length);
  readonly #rcodes = new Float64Array(rcodeCount);
  readonly #ports = new Float64Array(65_536);
  readonly #timeoutNs: number;
  readonly #timeline: Timeline;
  #truncated = 0;
  #answerOctets = 0;
  #firstSentNs = Number.POSITIVE_INFINITY;
  #lastSentNs = 0;

  /** The trial begins at `fromNs`; `offeredAt` tells the rate that is wanted so many seconds later. */
  constructor(fromNs: number, timeoutMs: number, offeredAt: (seconds: number) => number) {
    this.#timeoutNs = timeoutMs * nsPerMs;
    this.#timeline = new Timeline(fromNs, timeoutMs, offeredAt);
  }

  /** add counts the rows of a batch. */
  add(batch: ResultBatch): void {
    const { length, outcome, rcode, flags, dueNs, sentNs, rttNs, sourcePort, answerSize } = batch;
    if (length === 0) return;
    const timeline = this.#timeline;
    let second = timeline.second(timeline.indexOf(sentNs[0]!));
    for (let i = 0; i < length; i++) {
      const kind = outcome[i]!;
      const sent = sentNs[i]!;
      const late = sent - dueNs[i]!;
      this.#outcomes[kind]!++;
      this.#ports[sourcePort[i]!]!++;
      // A histogram takes no zero, and a query that left on the nanosecond was not late.
      this.lateness.record(late > 1 ? late : 1);
      if (sent < this.#firstSentNs) this.#firstSentNs = sent;
      if (sent > this.#lastSentNs) this.#lastSentNs = sent;
      const index = timeline.indexOf(sent);
      if (second.index !== index) second = timeline.second(index);
      second.sent++;
      let ns = late + rttNs[i]!;
      if (kind === answeredOutcome) {
        this.#rcodes[rcode[i]!]!++;
        second.rcodes[rcode[i]!]!++;
        this.#answerOctets += answerSize[i]!;
        if ((flags[i]! & flag.truncated) !== 0) this.#truncated++;
        second.answered++;
      } else if (kind === numberOf.timeout || kind === numberOf.unreachable) {
        // An ICMP error may come at once, and would make the loss look fast.
        ns = Math.max(ns, this.#timeoutNs);
        second.lost++;
      } else {
        continue;
      }
      this.latency.record(ns);
      second.latency.record(ns);
    }
    this.rows += length;
  }

  /** lost tells how many queries were lost, so far. */
  get lost(): number {
    return this.#of("timeout") + this.#of("unreachable");
  }

  /** failed tells how many answers had an rcode other than NOERROR and NXDOMAIN, so far. */
  get failed(): number {
    return this.#of("answered") - this.#rcodes[0]! - this.#rcodes[3]!;
  }

  /** counts tells what became of the queries; `counters` are the engine's own, of this trial. */
  counts(counters: Pick<Counters, "late" | "foreign" | "malformed">): Counts {
    return {
      sent: this.rows,
      answered: this.#of("answered"),
      timeouts: this.#of("timeout"),
      unreachable: this.#of("unreachable"),
      send_failed: this.#of("send-failed") + this.#of("not-local"),
      voided: this.#of("voided"),
      cancelled: this.#of("cancelled"),
      rcodes: rcodesOf(this.#rcodes),
      truncated: this.#truncated,
      late: counters.late,
      foreign: counters.foreign,
      malformed: counters.malformed,
    };
  }

  /** lastMoment tells the newest second that is over. */
  lastMoment(): Moment | undefined {
    return this.#timeline.last();
  }

  moments(): Moment[] {
    return this.#timeline.moments();
  }

  /** From the first to the last send; 0 where there were not two. */
  get sendingSeconds(): number {
    return Math.max(0, this.#lastSentNs - this.#firstSentNs) / nsPerSecond;
  }

  /** ports tells over how many source ports the queries left. */
  ports(): TrialRecord["ports"] {
    const used = this.#ports.filter((count) => count > 0);
    return {
      used: used.length,
      least: used.reduce((a, b) => Math.min(a, b), used[0] ?? 0),
      most: Math.max(0, ...used),
    };
  }

  /** answerOctets tells how long an answer was on average; null where none came. */
  answerOctets(): number | null {
    const answered = this.#of("answered");
    return answered === 0 ? null : Math.round((10 * this.#answerOctets) / answered) / 10;
  }

  #of(outcome: (typeof outcomes)[number]): number {
    return this.#outcomes[numberOf[outcome]]!;
  }
}

/** latencyOf sums a histogram up as a record has it. */
export function latencyOf(histogram: LatencyHistogram): Latency {
  const at = (percentile: number) => wholeOf(histogram.percentileNs(percentile));
  return {
    count: histogram.count,
    min_ns: wholeOf(histogram.minNs),
    mean_ns: wholeOf(histogram.meanNs),
    p50_ns: at(50),
    p90_ns: at(90),
    p95_ns: at(95),
    p99_ns: at(99),
    p999_ns: at(99.9),
    max_ns: wholeOf(histogram.maxNs),
  };
}

/** bucketsOf lists a histogram's buckets that have any. */
export function bucketsOf(histogram: LatencyHistogram): Bucket[] {
  return histogram.buckets().map(({ fromNs, toNs, count }) => [fromNs, toNs, count]);
}

function wholeOf(ns: number): number | null {
  return Number.isNaN(ns) ? null : Math.round(ns);
}
