// The engine: sends the probes of any number of plans and hands back what happened to each, in batches. What it means is
// said elsewhere. Threads, sockets and matching are the addon's; memory that JavaScript sees is JavaScript's.
import { EngineError } from "../errors.js";
import type { Plan, Probe } from "../probe/plan.js";
import { nsPerMs } from "../units.js";
import { type Addon, loadAddon, type NativeEngine, systemError } from "./addon.js";
import { type Block, copyBatch, makeBlock, type ResultBatch } from "./batch.js";
import { compilePlan } from "./compile.js";
import { expectInteger, expectTime } from "./expect.js";

/** EngineOptions is how large an engine is, and how its rows are handed over. */
export interface EngineOptions {
  /** Threads, 1-255; default 1. Targets are dealt out among them; with fewer targets, the rate. */
  readonly shards?: number;
  /** Rows that can wait for JavaScript per shard, a power of two; default 65,536. When they are used up, sending waits. */
  readonly ringRows?: number;
  /** Octets kept of each answer, 0-4096; default 0. */
  readonly answerOctets?: number;
  /**
   * Plain answers (NOERROR) are handed over with a wake-up that is due anyway, if that comes within this; default 0: at
   * once. Everything else is handed over at once in any case. ms
   */
  readonly patienceMs?: number;
  /** CPUs that threads are kept on: thread i on `cpus[i % cpus.length]`; default: none, the kernel places them. */
  readonly cpus?: readonly number[];
  /** Rows per batch at most; default 4,096. */
  readonly batchRows?: number;
  /** Its abort closes the engine. */
  readonly signal?: AbortSignal;
}

/** Counters are the engine's own counts since it was made; all only grow. Meanings: native/result.h. */
export type Counters = Readonly<Record<CounterName, number>>;
/** CounterName is what an engine counts: what was sent and what ended, what came that belongs to no probe, and its own trouble. */
export type CounterName =
  | "sent"
  | "rows"
  | "late"
  | "foreign"
  | "malformed"
  | "skipped"
  | "sendRetries"
  | "trains"
  | "trainsRefused"
  | "stampFallbacks"
  | "tableFull"
  | "ringFull"
  | "receiveDrops"
  | "wakeups"
  | "stalls"
  | "stalledNs";

/** Batches drained in one go before the event loop gets its turn. */
const batchesPerTurn = 16;

/**
 * Engine runs plans. Its rows are read in one of two ways. `onBatch` is called with each batch, on the event loop, and must read
 * it before it returns: nothing is copied. What it throws is an uncaught exception, or comes out of stop() and close() where
 * these deliver the last rows. Without it batches() gives them, at the reader's own pace. Several engines, also in several
 * worker threads, know nothing of each other. An open one keeps the process alive.
 */
export class Engine implements Disposable, AsyncDisposable {
  readonly #addon: Addon;
  readonly #native: NativeEngine;
  readonly #block: Block;
  readonly #onBatch: ((batch: ResultBatch) => void) | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #abort = () => this.close();
  #probes = 0;
  #stopped = false;
  #closed = false;
  /** The block is in use: a batch is with onBatch. */
  #delivering = false;
  #turnTaken = false;
  /** Somebody reads batches(). */
  #reading = false;
  #wake = () => {};
  /** What had not been read when it was closed. */
  #left: ResultBatch[] = [];

  /**
   * Its threads start at once. Throws TypeError or RangeError for options that cannot be, EngineError where the addon is missing
   * or the kernel refuses, and the signal's reason where that is aborted.
   */
  constructor(options: EngineOptions = {}, onBatch?: (batch: ResultBatch) => void) {
    const { shards = 1, ringRows = 65_536, answerOctets = 0, patienceMs = 0, cpus = [], batchRows = 4096 } = options;
    options.signal?.throwIfAborted();
    const native = { shards, ringRows, answerOctets, patienceNs: patienceMs * nsPerMs, cpus };
    expectInteger("shards", shards, 1, 255);
    expectInteger("ringRows", ringRows, 1, 2 ** 24);
    if (ringRows & (ringRows - 1)) throw new RangeError(`ringRows: expected a power of two, got ${ringRows}`);
    expectInteger("answerOctets", answerOctets, 0, 4096);
    expectInteger("batchRows", batchRows, 1, 2 ** 20);
    expectTime("patienceMs", patienceMs);
    cpus.forEach((cpu, i) => {
      expectInteger(`cpus[${i}]`, cpu, 0, 1023);
    });
    this.#addon = loadAddon();
    this.#onBatch = onBatch;
    this.#block = makeBlock(this.#addon.layout, batchRows, batchRows * Math.min(answerOctets, 256) + answerOctets);
    this.#native = kernel(() => new this.#addon.Engine(native, () => this.#ready()));
    this.#signal = options.signal;
    this.#signal?.addEventListener("abort", this.#abort, { once: true });
  }

  /**
   * submit starts a plan at once. Throws EngineError where the kernel refuses its sockets (EPERM for a mark without
   * CAP_NET_ADMIN or the raw transport without CAP_NET_RAW, EADDRNOTAVAIL for a source that is not this host's, EADDRINUSE
   * for reserved ports that are taken), TypeError or RangeError for a bad plan.
   */
  submit(plan: Plan): Run {
    const native = this.#open();
    if (this.#stopped) throw new EngineError("ERR_ENGINE_CLOSED", "the engine is stopped");
    const first = this.#probes;
    const { templates, table, schedule } = compilePlan(plan, first, this.#addon.layout);
    const id = kernel(() => native.submit(templates, table, schedule));
    this.#probes += plan.probes.length;
    return new Run(() => this.#open(), id, first, plan.probes);
  }

  /**
   * batches gives all rows, batch after batch, each a copy that is the reader's own: it may be kept, and take as long as it
   * likes. Rows that are not read wait in the ring; when that is full, sending waits. It ends when the engine was stopped or
   * closed and every row that was left has been read. Whoever breaks off may read on by a new call. Throws TypeError where
   * somebody reads already, or `onBatch` does, and EngineError where the engine is closed.
   */
  batches(): AsyncGenerator<ResultBatch, void, undefined> {
    this.#open();
    if (this.#onBatch || this.#reading)
      throw new TypeError(`batches: expected no other reader, got ${this.#onBatch ? "an onBatch" : "one that reads"}`);
    this.#reading = true;
    return this.#read();
  }

  /** counters reads all counts now; those of a closed engine cannot be read. */
  counters(): Counters {
    const names = this.#addon.layout.counters;
    const into = new Float64Array(names.length);
    this.#open().counters(into);
    return Object.fromEntries(names.map((name, i) => [name, into[i]])) as Counters;
  }

  /**
   * stop ends all runs for good and delivers every row that is left: after it, rows == sent. Probes in flight end as
   * cancelled. Called by onBatch, it delivers them once that has returned; to batches() they are there to be read.
   */
  stop(): void {
    if (this.#closed) return;
    this.#stopped = true;
    this.#native.stop();
    if (!this.#onBatch) this.#wake();
    else if (!this.#delivering) this.#drainAll();
  }

  /** close stops and frees the engine; rows that nobody was reading are gone. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#signal?.removeEventListener("abort", this.#abort);
    try {
      this.stop();
      if (this.#reading) for (let batch = this.#next(); batch; batch = this.#next()) this.#left.push(batch);
    } finally {
      this.#closed = true;
      if (this.#delivering) queueMicrotask(() => this.#free());
      else this.#free();
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** As close(), for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  /** open gives the addon's engine while it is open. */
  #open(): NativeEngine {
    if (this.#closed) throw new EngineError("ERR_ENGINE_CLOSED", "the engine is closed");
    return this.#native;
  }

  /** The bell rang. What a callback of the addon throws is lost on Node.js 20: it is thrown again where it is seen. */
  #ready() {
    if (this.#closed || this.#delivering) return;
    if (!this.#onBatch) return this.#wake();
    try {
      for (let i = 0; i < batchesPerTurn; i++) if (this.#closed || !this.#drain(this.#onBatch)) return;
      this.#takeTurn();
    } catch (error) {
      this.#takeTurn();
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  /** Rows may be left for which the bell rang already: they are drained in the event loop's next turn. */
  #takeTurn() {
    if (this.#turnTaken) return;
    this.#turnTaken = true;
    setImmediate(() => {
      this.#turnTaken = false;
      this.#ready();
    });
  }

  /** Delivers one batch; false where there was none. */
  #drain(onBatch: (batch: ResultBatch) => void): boolean {
    const batch = this.#fill();
    if (!batch) return false;
    this.#delivering = true;
    try {
      onBatch(batch);
    } finally {
      this.#delivering = false;
    }
    return true;
  }

  #drainAll() {
    if (this.#onBatch) while (this.#drain(this.#onBatch)) {}
  }

  /** Fills the block; undefined where there was nothing, and then the bell rings for the next row. */
  #fill(): ResultBatch | undefined {
    const { octets, rows, batch } = this.#block;
    batch.length = this.#native.drain(octets, rows);
    return batch.length === 0 ? undefined : batch;
  }

  async *#read(): AsyncGenerator<ResultBatch, void, undefined> {
    try {
      for (let turn = 1; ; turn++) {
        const batch = this.#next();
        if (batch) yield batch;
        else if (this.#stopped) return;
        else
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        // Where rows come as fast as they are read, nothing else would ever have its turn.
        if (turn % batchesPerTurn === 0) await new Promise(setImmediate);
      }
    } finally {
      this.#reading = false;
      this.#left = [];
    }
  }

  /** The next batch of a reader; undefined where there is none yet. */
  #next(): ResultBatch | undefined {
    if (this.#closed) return this.#left.shift();
    const batch = this.#fill();
    return batch && copyBatch(this.#addon.layout, batch);
  }

  #free() {
    try {
      this.#drainAll();
    } finally {
      this.#native.close();
    }
  }
}

/** Run is a submitted plan. Its probes are known by their index in the plan; in batches, by `first` + index. */
export class Run {
  readonly #native: () => NativeEngine;
  readonly #id: number;

  constructor(
    native: () => NativeEngine,
    id: number,
    /** The number of its first probe in batches. */
    readonly first: number,
    readonly probes: readonly Probe[],
  ) {
    this.#native = native;
    this.#id = id;
  }

  /** pace asks a probe at a new interval from `firstInMs` on (interval schedules only); 0 pauses it. */
  pace(index: number, intervalMs: number, firstInMs = intervalMs): void {
    this.#expectProbe(index);
    expectTime("intervalMs", intervalMs);
    expectTime("firstInMs", firstInMs);
    this.#native().pace(this.#id, index, intervalMs * nsPerMs, firstInMs * nsPerMs);
  }

  /** burst asks a probe `count` times at once, `gapMs` apart, beside its interval (interval schedules only). */
  burst(index: number, count: number, gapMs: number): void {
    this.#expectProbe(index);
    expectInteger("count", count, 0, 2 ** 32 - 1);
    expectTime("gapMs", gapMs);
    this.#native().burst(this.#id, index, count, gapMs * nsPerMs);
  }

  /** cancel ends the run; its probes in flight end as cancelled. */
  cancel(): void {
    this.#native().cancel(this.#id);
  }

  #expectProbe(index: number) {
    expectInteger("index", index, 0, this.probes.length - 1);
  }
}

/** kernel gives what `call` gives, a refusal of the kernel as an EngineError. */
function kernel<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw systemError(error);
  }
}
