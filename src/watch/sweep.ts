// Sweeps: every path of an ECMP network to a target is asked, sweep after sweep, each by a source port of its own. Who answers on
// how many paths, how fast, and which path leads nowhere: one that swallows packets while the others work is seen by no probe that
// takes one path.
import type { ResultBatch } from "../engine/batch.js";
import { type Counters, Engine } from "../engine/engine.js";
import { expectInteger } from "../engine/expect.js";
import { outcomes } from "../probe/outcome.js";
import { type DnsQuery, isUdp, isWire, type Query } from "../probe/query.js";
import { familyOf, type Target } from "../probe/target.js";
import { nsPerMs } from "../units.js";
import { EventQueue } from "./event-queue.js";
import { placeOfNsid } from "./nsid.js";
import { noSite, Sites } from "./sites.js";
import { SweepCounts } from "./sweep-counts.js";
import { begin, type Sending } from "./sweep-plan.js";
import type { PathEvent, SweepSummary } from "./sweep-report.js";
import { sourceOf } from "./sweep-source.js";
import { PathTable } from "./sweep-table.js";

/** SweepOptions is what is asked on every path, how often, and by which ports. */
export interface SweepOptions {
  /** What is asked; default: the root's NS records. A DNS query asks for the NSID too. */
  readonly query?: Query;
  /** Paths to each target, a source port each, 2-1024; default 16. */
  readonly paths?: number;
  /** How often a sweep asks each path; default 3. */
  readonly tries?: number;
  /** How long a sweep takes; the next follows at once. Its probes are spread over it evenly. Default 2000. ms */
  readonly sweepMs?: number;
  /** An answer that takes longer is a loss; at most as long as a sweep; default 1000. ms */
  readonly timeoutMs?: number;
  /** The source address per family; default: the kernel's choice for each target. */
  readonly source?: { readonly ipv4?: string; readonly ipv6?: string };
  /** Default: raw packets where this process may send them (CAP_NET_RAW), else sockets. */
  readonly transport?: "raw" | "socket";
  /** With raw packets: the first of the source ports, which follow one another; default: where there is room. */
  readonly firstPort?: number;
  /** Its abort closes it. */
  readonly signal?: AbortSignal;
}

const defaultQuery: DnsQuery = { name: ".", type: "NS" };
/** Octets of an answer that are kept: the NSID is in its last record. */
const answerOctets = 1232;
const mostPaths = 1024;
const mostTries = 1000;
/** Of all targets together. */
const mostPlaces = 65_536;
/** A single sweep is followed by so many more at the most, to tell a lost path from chance. */
const mostSweeps = 4;
/** Results may wait so long for others; their times do not suffer. */
const patienceMs = 5;
const [answeredOutcome, timeoutOutcome, unreachableOutcome] = (["answered", "timeout", "unreachable"] as const).map(
  (outcome) => outcomes.indexOf(outcome),
) as [number, number, number];

/**
 * sweep asks every path to a target, and where one stays silent sweeps again, until that is proven or was chance; a target
 * without a fault takes one sweep. Throws as watchPaths() does, and the signal's reason if that is aborted.
 */
export async function sweep(target: Target, options: SweepOptions = {}): Promise<SweepSummary> {
  await using paths = await watchPaths([target], options);
  for await (const event of paths) {
    if (event.kind === "sweep" && (event.sweep === mostSweeps || paths.suspects(0) === 0)) break;
  }
  options.signal?.throwIfAborted();
  return paths.summary(0);
}

/**
 * watchPaths begins to sweep the paths to all targets. Rejects with TypeError or RangeError for what cannot be asked, EngineError
 * where the kernel refuses (EPERM for raw packets that were asked for without CAP_NET_RAW).
 */
export async function watchPaths(targets: readonly Target[], options: SweepOptions = {}): Promise<PathWatch> {
  options.signal?.throwIfAborted();
  const sources: (string | undefined)[] = [];
  for (const target of targets) {
    const given = familyOf(target.address) === 4 ? options.source?.ipv4 : options.source?.ipv6;
    sources.push(given ?? (await sourceOf(target)));
  }
  options.signal?.throwIfAborted();
  return new PathWatch(targets, sources, options);
}

/** PathWatch sweeps until it is closed. An open one keeps the process alive. */
export class PathWatch implements AsyncDisposable, AsyncIterable<PathEvent> {
  readonly targets: readonly Target[];
  /** Paths to each target. */
  readonly paths: number;
  readonly #asksNsid: boolean;
  readonly #sweepNs: number;
  /** Probes of a sweep. */
  readonly #probes: number;
  readonly #engine: Engine;
  readonly #sending: Sending;
  readonly #sites = new Sites();
  readonly #table: PathTable;
  /** Those that are not whole yet, by their number from 0. */
  readonly #open = new Map<number, SweepCounts>();
  readonly #readers = new Set<EventQueue<PathEvent>>();
  readonly #signal: AbortSignal | undefined;
  readonly #abort = () => void this.close();
  #sweeps = 0;
  #last: Counters | undefined;

  /** Use watchPaths(). */
  constructor(targets: readonly Target[], sources: readonly (string | undefined)[], options: SweepOptions) {
    const { paths = 16, tries = 3, sweepMs = 2000, timeoutMs = 1000, transport, firstPort, signal } = options;
    expectInteger("paths", paths, 2, mostPaths);
    expectInteger("tries", tries, 1, mostTries);
    if (!(timeoutMs <= sweepMs))
      throw new RangeError(`timeoutMs: expected at most sweepMs (${sweepMs}), got ${timeoutMs}`);
    const places = targets.length * paths;
    if (places > mostPlaces)
      throw new RangeError(`paths: expected at most ${mostPlaces} in all, got ${targets.length} x ${paths}`);
    const query = options.query ?? defaultQuery;
    this.#asksNsid = !isUdp(query) && !isWire(query) && query.ednsSize !== 0;
    this.targets = targets;
    this.paths = paths;
    this.#sweepNs = sweepMs * nsPerMs;
    this.#probes = places * tries;
    this.#table = new PathTable(targets, sources, paths, this.#sites);
    this.#signal = signal;
    this.#engine = new Engine({ answerOctets, patienceMs }, (batch) => this.#take(batch));
    try {
      const asked = this.#asksNsid ? { ...(query as DnsQuery), nsid: true } : query;
      const terms = { paths, tries, sweepMs, timeoutMs, transport, firstPort };
      this.#sending = begin(this.#engine, { targets, sources, query: asked, ...terms });
    } catch (error) {
      this.#engine.close();
      throw error;
    }
    signal?.addEventListener("abort", this.#abort, { once: true });
  }

  /** How packets leave: `socket` where raw ones may not be sent. */
  get transport(): "raw" | "socket" {
    return this.#sending.transport;
  }

  /** counters are the engine's, also of one that is closed. */
  counters(): Counters {
    return this.#last ?? this.#engine.counters();
  }

  /** summary tells how the paths to a target stand, by its index. */
  summary(index: number): SweepSummary {
    return this.#table.summary(index, this.#sweeps);
  }

  /** suspects counts the paths to a target whose last sweep nobody answered, which may yet be chance. */
  suspects(index: number): number {
    return this.#table.suspects(index);
  }

  /** events gives what changes from now on, each reader its own; it ends when this is closed. */
  events(): AsyncIterableIterator<PathEvent> {
    const reader: EventQueue<PathEvent> = new EventQueue(
      (lost) => ({ kind: "gap", lost, atMs: Date.now() }),
      () => this.#readers.delete(reader),
    );
    this.#readers.add(reader);
    if (this.#last) reader.end();
    return reader;
  }

  [Symbol.asyncIterator](): AsyncIterator<PathEvent> {
    return this.events();
  }

  /** close asks no more, and ends all readers; a sweep that is not whole is not judged. What was counted can still be read. Idempotent. */
  async close(): Promise<void> {
    if (this.#last) return;
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
    for (let row = 0; row < batch.length; row++) {
      const index = this.#sending.targetOf[batch.probe[row]!]!;
      const number = this.#sweepOf(batch.dueNs[row]!);
      const counts = this.#open.get(number) ?? new SweepCounts(this.targets.length * this.paths);
      this.#open.set(number, counts);
      this.#count(this.#table.place(index, batch.sourcePort[row]!), counts, batch, row);
      if (++counts.ended === this.#probes) this.#end(number, counts);
    }
  }

  #count(place: number, counts: SweepCounts, batch: ResultBatch, row: number) {
    const outcome = batch.outcome[row]!;
    if (outcome === answeredOutcome) {
      this.#table.answered(place, batch.rttNs[row]!);
      counts.answered(place, this.#siteIn(batch, row));
    } else if (outcome === timeoutOutcome || outcome === unreachableOutcome) {
      this.#table.unanswered(place);
      counts.unanswered(place);
    } else this.#table.voided(place);
  }

  #siteIn({ bytes, answerAt, answerLength }: ResultBatch, row: number): number {
    if (!this.#asksNsid) return noSite;
    const start = answerAt[row]!;
    const place = placeOfNsid(bytes, start, start + answerLength[row]!);
    return place ? this.#sites.number("nsid", bytes, place.at, place.length) : noSite;
  }

  /** Dues are spread evenly from the first sweep's start; half a step is added, as they are whole ns. */
  #sweepOf(dueNs: number): number {
    const sinceNs = dueNs - this.#sending.startNs + this.#sweepNs / this.#probes / 2;
    return Math.floor(sinceNs / this.#sweepNs);
  }

  #end(number: number, counts: SweepCounts) {
    this.#open.delete(number);
    const sweep = ++this.#sweeps;
    for (const index of this.targets.keys())
      for (const event of this.#table.judge(index, counts, sweep)) this.#tell(event);
    this.#tell({ kind: "sweep", sweep, atMs: Date.now() });
  }

  #tell(event: PathEvent) {
    for (const reader of this.#readers) reader.push(event);
  }
}
