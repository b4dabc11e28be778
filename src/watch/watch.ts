// Watching many targets at once: each is asked again and again, and has its latencies, losses, rcodes and the site that answers;
// what changes is told as it happens.
import { getSystemErrorName } from "node:util";
import { flag, type ResultBatch } from "../engine/batch.js";
import { type Counters, Engine, type Run } from "../engine/engine.js";
import type { LatencyHistogram } from "../measure/histogram.js";
import { rcodeWord } from "../probe/dns-word.js";
import { type Expectation, judgeAnswer, judgeRcode, judgeRtt, needsContent } from "../probe/expectation.js";
import { outcomes } from "../probe/outcome.js";
import { type DnsQuery, isUdp, isWire, type Query } from "../probe/query.js";
import { formatTarget, type Target } from "../probe/target.js";
import { monotonicNs, nsPerMs } from "../units.js";
import { Chaos } from "./chaos.js";
import { EventQueue } from "./event-queue.js";
import { type MetricsOptions, WatchMetrics } from "./metrics.js";
import { placeOfNsid } from "./nsid.js";
import { noSite, Sites } from "./sites.js";
import { sizesFor } from "./sizing.js";
import { isSound } from "./sound.js";
import { Tally, type TallyRules } from "./tally.js";
import { totalsOf } from "./totals.js";
import type { TargetSummary, WatchEvent, WatchTotals } from "./watch-report.js";
import { worstOf } from "./worst.js";

/** WatchOptions is what all targets are asked, how often, and what a good answer is. */
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
  /** Each target is asked so often, and then the watch closes itself; default: without end. */
  readonly count?: number;
  /** Ask targets that send no NSID for their CHAOS names: id.server and others; default true. */
  readonly chaos?: boolean;
  /** Threads; default 1. */
  readonly shards?: number;
  /** Its abort closes the watch. */
  readonly signal?: AbortSignal;
}

const defaultQuery: DnsQuery = { name: ".", type: "NS" };
/** Octets of an answer that are kept where no EDNS size says more; an NSID is in the last record. */
const leastOctets = 1232;
const mostOctets = 4096;
/** Rows at a time: with 16 times as many the event loop has its turn after a few ms. */
const batchRows = 128;
/** A slice of summaries() leaves the event loop after this. */
const sliceNs = 2 * nsPerMs;
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
  /** The header's rcode and the time are enough to judge a sound answer by. */
  readonly #plain: boolean;
  readonly #asksNsid: boolean;
  readonly #engine: Engine;
  readonly #run: Run;
  readonly #tally: Tally;
  readonly #sites = new Sites();
  readonly #metrics: WatchMetrics;
  readonly #readers = new Set<EventQueue<WatchEvent>>();
  readonly #signal: AbortSignal | undefined;
  readonly #abort = () => void this.close();
  readonly #chaos: Chaos | undefined;
  /** Rows of probes until the watch closes itself. */
  #left: number;
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
      count,
      chaos = true,
      signal,
    } = options;
    signal?.throwIfAborted();
    if (count !== undefined && !(Number.isInteger(count) && count >= 1 && count <= 1e6))
      throw new RangeError(`count: expected a whole number of 1-1000000, got ${count}`);
    for (const [name, ms] of Object.entries({ intervalMs, timeoutMs })) expectPeriod(name, ms);
    const query = options.query ?? defaultQuery;
    this.#asksNsid = !isUdp(query) && !isWire(query) && query.ednsSize !== 0;
    this.query = this.#asksNsid ? { ...(query as DnsQuery), nsid: true } : query;
    this.targets = targets;
    this.#expect = expect;
    this.#plain = !needsContent(expect);
    this.#tally = new Tally(targets.length, { rise, fall });
    this.#metrics = new WatchMetrics({
      targets,
      tally: this.#tally,
      sites: this.#sites,
      totals: () => this.totals(),
      counters: () => this.counters(),
    });
    this.#signal = signal;
    this.#left = count === undefined ? Number.POSITIVE_INFINITY : count * targets.length;
    const octets = Math.min(mostOctets, Math.max(leastOctets, (query as DnsQuery).ednsSize ?? 0));
    const whole = !this.#plain;
    const { ports, ...sizes } = sizesFor(targets, { intervalMs, timeoutMs, shards, octets, whole });
    this.#engine = new Engine({ shards, ...sizes, patienceMs, batchRows }, (batch) => this.#take(batch));
    const manner = { timeoutMs, ...(source && { source }) };
    this.#chaos = this.#asksNsid && chaos ? new Chaos(this.#engine, targets, manner) : undefined;
    try {
      this.#run = this.#engine.submit({
        ...manner,
        probes: targets.map((target) => ({ target, query: this.query })),
        // At a rate they take turns: so each gets its count, however late some leave.
        schedule:
          count === undefined
            ? { intervalMs }
            : { rateQps: (targets.length * 1000) / intervalMs, count: count * targets.length },
        train: 1,
        ports,
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
    const [passed, wrong] = [tally.count(index, "pass"), tally.count(index, "wrong")];
    const [timeouts, unreachable] = [tally.count(index, "timeout"), tally.count(index, "unreachable")];
    const voided = tally.count(index, "void");
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
      rcodes: rcodesOf(tally, index),
      latency: tally.latency.summary(index),
      site: this.#sites.name(tally.site(index)),
      siteSource: this.#sites.source(tally.site(index)),
      recent: tally.recent(index),
    };
  }

  /** summaries tells of all targets in their order, each as it stands when it is come to. */
  *summaries(): Generator<TargetSummary> {
    for (let index = 0; index < this.targets.length; index++) yield this.summary(index);
  }

  /** slices gives all summaries in their order too, some ms' work at a time: the event loop has its turn between two of them. */
  async *slices(): AsyncGenerator<TargetSummary[]> {
    let slice: TargetSummary[] = [];
    let fromNs = monotonicNs();
    for (const summary of this.summaries()) {
      slice.push(summary);
      if (monotonicNs() - fromNs < sliceNs) continue;
      yield slice;
      await new Promise(setImmediate);
      slice = [];
      fromNs = monotonicNs();
    }
    if (slice.length > 0) yield slice;
  }

  /** worst gives the `count` worst targets, the worst first: those that are down, then by loss, then the slowest. */
  worst(count: number): TargetSummary[] {
    return worstOf(this.#tally, count).map((index) => this.summary(index));
  }

  /** totals tells how all targets stand together. */
  totals(): WatchTotals {
    return totalsOf(this.#tally, this.#sites, this.#chaos?.ended ?? 0);
  }

  /** histogram gives the latencies of a target, or of all together. */
  histogram(index?: number): LatencyHistogram {
    return index === undefined ? this.#tally.latency.total() : this.#tally.latency.toHistogram(index);
  }

  /** metrics gives all that in Prometheus's text format, in slices: the event loop has its turn between two of them. */
  metrics(options: MetricsOptions = {}): AsyncGenerator<string> {
    return this.#metrics.expose(options);
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
    this.#chaos?.close();
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
    const { first, probes } = this.#run;
    let rows = 0;
    for (let row = 0; row < length; row++) {
      const index = probe[row]! - first;
      if (index >= probes.length) this.#takeChaos(batch, row);
      else {
        rows++;
        if (outcome[row] === answeredOutcome) this.#takeAnswer(index, batch, row);
        else this.#takeSilence(index, batch, row);
      }
    }
    this.#left -= rows;
    if (this.#left <= 0 && !this.#chaos?.inFlight) void this.close();
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
    const { bytes, answerAt, answerLength, flags } = batch;
    const at = answerAt[row]!;
    const end = at + answerLength[row]!;
    const udp = isUdp(this.query);
    // Of one that was not kept whole the header must do.
    const clear = this.#plain && (udp || (flags[row]! & flag.cutShort) !== 0 || isSound(bytes, at, end));
    if (!clear) return judgeAnswer(bytes.subarray(at, end), this.query, this.#expect, rttNs);
    // Most answers are plain NOERROR: no word is made of them.
    const { rcode: expected, maxRttMs } = this.#expect;
    const rcode = batch.rcode[row]!;
    const wrong =
      udp || (rcode === 0 && expected === undefined) ? undefined : judgeRcode(rcodeWord(rcode), this.#expect);
    return wrong ?? (maxRttMs === undefined ? undefined : judgeRtt(this.#expect, rttNs));
  }

  #takeSite(index: number, batch: ResultBatch, row: number) {
    const { bytes, answerAt, answerLength } = batch;
    const start = answerAt[row]!;
    const place = placeOfNsid(bytes, start, start + answerLength[row]!);
    if (place) {
      this.#tally.identified(index);
      const known = this.#tally.site(index);
      const same = this.#sites.is(known, "nsid", bytes, place.at, place.length);
      this.#tellSite(index, same ? known : this.#sites.number("nsid", bytes, place.at, place.length));
      // One answer without an NSID, such as an error, is no reason to ask for other names.
    } else if (this.#tally.anonymous(index)) this.#chaos?.ask(index, batch.sentNs[row]!);
  }

  #takeChaos(batch: ResultBatch, row: number) {
    const told = this.#chaos!.take(outcomes[batch.outcome[row]!]!, batch, row);
    // An NSID that came meanwhile says more.
    if (!told || !this.#tally.isAnonymous(told.index)) return;
    const octets = Buffer.from(told.text);
    this.#tellSite(told.index, this.#sites.number(told.source, octets, 0, octets.length));
    if (this.#tally.doubts(told.index)) this.#chaos!.confirm(told.index);
  }

  #tellSite(index: number, site: number) {
    const before = this.#tally.site(index);
    const siteSource = this.#sites.source(site)!;
    // Another kind of name is no other site; and a version that changes is an upgrade.
    const comparable =
      before === noSite || (this.#sites.source(before) === siteSource && siteSource !== "version.bind");
    if (!comparable) this.#tally.settle(index, site);
    else if (this.#tally.told(index, site)) {
      const names = { site: this.#sites.name(site)!, siteSource, before: this.#sites.name(before) };
      this.#tell({ kind: "site", index, target: this.targets[index]!, atMs: Date.now(), ...names });
    }
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
    if (event.kind !== "gap") this.#metrics.note(event.kind);
    for (const reader of this.#readers) reader.push(event);
  }
}

function rcodesOf(tally: Tally, index: number): Record<string, number> {
  const rcodes: Record<string, number> = {};
  for (const [rcode, times] of tally.rcodes(index)) rcodes[rcodeWord(rcode)] = times;
  return rcodes;
}

function expectPeriod(name: string, ms: number): void {
  if (!(ms >= 1e-3 && ms <= 1e12)) throw new RangeError(`${name}: expected 0.001-1e12 ms, got ${ms}`);
}
