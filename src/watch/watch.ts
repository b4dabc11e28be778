// Watching many targets at once: each is asked again and again, and has its latencies, losses, rcodes and the site that answers;
// what changes is told as it happens.
import { getSystemErrorName } from "node:util";
import type { ResultBatch } from "../engine/batch.js";
import { type Counters, Engine, type Run } from "../engine/engine.js";
import type { LatencyHistogram, LatencySummary } from "../measure/histogram.js";
import { rcodeWord } from "../probe/dns-word.js";
import { type Expectation, judgeAnswer, judgeRcode, judgeRtt, needsContent } from "../probe/expectation.js";
import { outcomes } from "../probe/outcome.js";
import { type DnsQuery, isUdp, isWire, type Query } from "../probe/query.js";
import { formatTarget, type Target } from "../probe/target.js";
import { EventQueue } from "./event-queue.js";
import { placeOfNsid } from "./nsid.js";
import { Sites } from "./sites.js";
import { Tally, type TallyRules, type TargetState } from "./tally.js";

export interface WatchOptions extends Partial<TallyRules> {
  /** What every target is asked; default: the root's NS records. A DNS query asks for the NSID too. */
  readonly query?: Query;
  /** What a good answer is; default: any NOERROR. */
  readonly expect?: Expectation;
  /** Each target is asked once in this; default 1000. ms */
  readonly intervalMs?: number;
  /** An answer that takes longer is a loss; default 1000. ms */
  readonly timeoutMs?: number;
  /** The source address per family; default: the kernel's choice. */
  readonly source?: { readonly ipv4?: string; readonly ipv6?: string };
  /** Threads; default 1. */
  readonly shards?: number;
  /** Its abort closes the watch. */
  readonly signal?: AbortSignal;
}

/** WatchEvent is a change of one target. */
export type WatchEvent =
  | {
      readonly kind: "up" | "down";
      /** The target's index in what was given to watch(). */
      readonly index: number;
      readonly target: Target;
      /** Unix time, ms. */
      readonly atMs: number;
      /** down: what the last failure was, in a few words. */
      readonly reason?: string;
    }
  /** Another site answers than before (`before` is undefined the first time): the catchment has shifted. */
  | {
      readonly kind: "site";
      readonly index: number;
      readonly target: Target;
      readonly atMs: number;
      readonly site: string;
      readonly before: string | undefined;
    }
  /** So many events were lost here, as they were not read in time. */
  | { readonly kind: "gap"; readonly lost: number; readonly atMs: number };

/** TargetSummary is how one target stands. */
export interface TargetSummary {
  readonly index: number;
  /** `203.0.113.53:53`. */
  readonly target: string;
  readonly state: TargetState;
  /** Probes that ended, and how: passed, answered wrongly, not answered (timeout, unreachable), or void by our own trouble. */
  readonly ended: number;
  readonly passed: number;
  readonly wrong: number;
  readonly timeouts: number;
  readonly unreachable: number;
  readonly voided: number;
  /** The share of those not void that were not answered, 0-1; null before there was one. */
  readonly loss: number | null;
  /** By name. */
  readonly rcodes: Readonly<Record<string, number>>;
  /** ns */
  readonly latency: LatencySummary;
  readonly site: string | undefined;
  /** The newest round trips, ms, the oldest first; null: not answered. */
  readonly recent: readonly (number | null)[];
}

const defaultQuery: DnsQuery = { name: ".", type: "NS" };
/** Octets of an answer that are kept: the NSID is in its last record. */
const answerOctets = 1232;
/** Results may wait so long for others; their times do not suffer. */
const patienceMs = 5;
const answeredOutcome = outcomes.indexOf("answered");
const timeoutOutcome = outcomes.indexOf("timeout");
const unreachableOutcome = outcomes.indexOf("unreachable");

/**
 * watch begins to ask all targets, spread over the interval. Throws TypeError or RangeError for what cannot be asked, EngineError
 * where the kernel refuses.
 */
export function watch(targets: readonly Target[], options: WatchOptions = {}): Watch {
  return new Watch(targets, options);
}

/** Watch asks until it is closed. An open one keeps the process alive. */
export class Watch implements AsyncDisposable, AsyncIterable<WatchEvent> {
  readonly targets: readonly Target[];
  readonly query: Query;
  readonly #expect: Expectation;
  /** The header's rcode and the time are enough to judge an answer by. */
  readonly #plain: boolean;
  readonly #asksNsid: boolean;
  readonly #engine: Engine;
  readonly #run: Run;
  readonly #tally: Tally;
  readonly #sites = new Sites();
  readonly #readers = new Set<EventQueue<WatchEvent>>();
  readonly #signal: AbortSignal | undefined;
  readonly #abort = () => void this.close();
  #last: Counters | undefined;
  #closed = false;

  /** Use watch(). */
  constructor(targets: readonly Target[], options: WatchOptions) {
    const {
      expect = {},
      intervalMs = 1000,
      timeoutMs = 1000,
      source,
      shards = 1,
      rise = 3,
      fall = 3,
      signal,
    } = options;
    signal?.throwIfAborted();
    const query = options.query ?? defaultQuery;
    this.#asksNsid = !isUdp(query) && !isWire(query) && query.ednsSize !== 0;
    this.query = this.#asksNsid ? { ...(query as DnsQuery), nsid: true } : query;
    this.targets = targets;
    this.#expect = expect;
    this.#plain = !needsContent(expect);
    this.#tally = new Tally(targets.length, { rise, fall });
    this.#signal = signal;
    this.#engine = new Engine({ shards, answerOctets, patienceMs }, (batch) => this.#take(batch));
    try {
      this.#run = this.#engine.submit({
        probes: targets.map((target) => ({ target, query: this.query })),
        schedule: { intervalMs },
        timeoutMs,
        ...(source && { source }),
      });
    } catch (error) {
      this.#engine.close();
      throw error;
    }
    signal?.addEventListener("abort", this.#abort, { once: true });
  }

  /** counters are the engine's, also of one that is closed. */
  counters(): Counters {
    return this.#last ?? this.#engine.counters();
  }

  /** summary tells how a target stands, by its index. */
  summary(index: number): TargetSummary {
    const tally = this.#tally;
    const count = (kind: Parameters<Tally["count"]>[1]) => tally.count(index, kind);
    const [passed, wrong, timeouts, unreachable, voided] = [
      count("pass"),
      count("wrong"),
      count("timeout"),
      count("unreachable"),
      count("void"),
    ];
    const told = passed + wrong + timeouts + unreachable;
    return {
      index,
      target: formatTarget(this.targets[index]!),
      state: tally.state(index),
      ended: told + voided,
      passed,
      wrong,
      timeouts,
      unreachable,
      voided,
      loss: told === 0 ? null : (timeouts + unreachable) / told,
      rcodes: Object.fromEntries(tally.rcodes(index).map(([rcode, times]) => [rcodeWord(rcode), times])),
      latency: tally.latency.summary(index),
      site: this.#sites.name(tally.site(index)),
      recent: tally.recent(index),
    };
  }

  /** summaries tells of all targets in their order, each as it stands when it is come to. */
  *summaries(): Generator<TargetSummary> {
    for (let index = 0; index < this.targets.length; index++) yield this.summary(index);
  }

  /** histogram gives the latencies of a target, or of all together. */
  histogram(index?: number): LatencyHistogram {
    return index === undefined ? this.#tally.latency.total() : this.#tally.latency.toHistogram(index);
  }

  /** events gives what changes from now on, each reader its own; it ends when the watch is closed. */
  events(): AsyncIterableIterator<WatchEvent> {
    const reader: EventQueue<WatchEvent> = new EventQueue(
      (lost) => ({ kind: "gap", lost, atMs: Date.now() }),
      () => this.#readers.delete(reader),
    );
    this.#readers.add(reader);
    if (this.#closed) reader.end();
    return reader;
  }

  [Symbol.asyncIterator](): AsyncIterator<WatchEvent> {
    return this.events();
  }

  /** close asks no more, counts what is in flight as void, and ends all readers. What was counted can still be read. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#signal?.removeEventListener("abort", this.#abort);
    this.#engine.stop();
    this.#last = this.#engine.counters();
    this.#engine.close();
    for (const reader of [...this.#readers]) reader.end();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #take(batch: ResultBatch) {
    const { length, probe, outcome } = batch;
    for (let row = 0; row < length; row++) {
      const index = probe[row]! - this.#run.first;
      if (outcome[row] === answeredOutcome) this.#takeAnswer(index, batch, row);
      else this.#takeSilence(index, batch, row);
    }
  }

  #takeAnswer(index: number, batch: ResultBatch, row: number) {
    const rttNs = batch.rttNs[row]!;
    const rcode = batch.rcode[row]!;
    const fault = this.#faultOf(batch, row);
    const changed = this.#tally.answered(index, rcode, rttNs, batch.sentNs[row]! + rttNs, fault !== undefined);
    if (changed) this.#tellState(index, fault);
    if (this.#asksNsid) this.#takeSite(index, batch, row);
  }

  #faultOf(batch: ResultBatch, row: number): string | undefined {
    const rttNs = batch.rttNs[row]!;
    if (!this.#plain) {
      const at = batch.answerAt[row]!;
      return judgeAnswer(batch.bytes.subarray(at, at + batch.answerLength[row]!), this.query, this.#expect, rttNs);
    }
    // Most answers are plain NOERROR: no word is made of them.
    const { rcode: expected, maxRttMs } = this.#expect;
    const rcode = batch.rcode[row]!;
    const wrong =
      isUdp(this.query) || (rcode === 0 && expected === undefined)
        ? undefined
        : judgeRcode(rcodeWord(rcode), this.#expect);
    return wrong ?? (maxRttMs === undefined ? undefined : judgeRtt(this.#expect, rttNs));
  }

  #takeSite(index: number, { bytes, answerAt, answerLength }: ResultBatch, row: number) {
    const start = answerAt[row]!;
    const place = placeOfNsid(bytes, start, start + answerLength[row]!);
    if (!place) return;
    const before = this.#tally.site(index);
    const same = this.#sites.is(before, bytes, place.at, place.length);
    const site = same ? before : this.#sites.number(bytes, place.at, place.length);
    if (!this.#tally.told(index, site)) return;
    const names = { site: this.#sites.name(site)!, before: this.#sites.name(before) };
    this.#tell({ kind: "site", index, target: this.targets[index]!, atMs: Date.now(), ...names });
  }

  #takeSilence(index: number, batch: ResultBatch, row: number) {
    const outcome = batch.outcome[row]!;
    const nowNs = batch.sentNs[row]! + batch.rttNs[row]!;
    if (outcome === timeoutOutcome) {
      if (this.#tally.unanswered(index, "timeout", nowNs)) this.#tellState(index, "timeout");
    } else if (outcome === unreachableOutcome) {
      const changed = this.#tally.unanswered(index, "unreachable", nowNs);
      if (changed) this.#tellState(index, `unreachable (${getSystemErrorName(-batch.errno[row]!)})`);
    } else this.#tally.voided(index);
  }

  #tellState(index: number, reason: string | undefined) {
    const kind = this.#tally.state(index) === "up" ? "up" : "down";
    const target = this.targets[index]!;
    this.#tell({ kind, index, target, atMs: Date.now(), ...(kind === "down" && reason !== undefined && { reason }) });
  }

  #tell(event: WatchEvent) {
    for (const reader of this.#readers) reader.push(event);
  }
}
