// The status page of a watch: all targets together, the worst of them, the sites that answer, and what changed. Any other targets
// are told on request.
import { hostname } from "node:os";
import { pageHandler } from "../live/document.js";
import { type Bin, binMs, LatencyHistory } from "../live/history.js";
import { Live, type Part } from "../live/stream.js";
import type { PageEvent } from "../live/timeline.js";
import type { Span } from "../measure/histogram.js";
import { formatTarget } from "../probe/target.js";
import type { Handler, Reply, Request } from "../serve/http.js";
import type { Watch } from "./watch.js";
import type { TargetSummary, WatchEvent, WatchTotals } from "./watch-report.js";

/** WatchHead is what the page shows of all targets together. */
export interface WatchHead extends Omit<WatchTotals, "sites"> {
  readonly kind: "watch";
  readonly version: string;
  readonly host: string;
  /** Unix time. */
  readonly atMs: number;
  readonly startedMs: number;
}

/** PageSites is how many targets each of the largest sites answers, the largest first. */
export interface PageSites {
  readonly largest: readonly (readonly [site: string, targets: number])[];
  /** How many sites there are besides. */
  readonly more: number;
}

/** PageTarget is a target's line in a table. */
export type PageTarget = Pick<TargetSummary, "index" | "target" | "state" | "ended" | "loss" | "recent"> & {
  readonly p50Ns: number | null;
  readonly p99Ns: number | null;
  readonly site: string | null;
  readonly siteSource: string | null;
};

/** PageTotal is the latencies of all targets. */
export interface PageTotal {
  readonly bins: readonly Bin[];
  readonly spread: readonly Span[];
}

/** PageTargets answers /targets. */
export interface PageTargets {
  /** So many targets are as asked for. */
  readonly found: number;
  readonly from: number;
  readonly targets: readonly PageTarget[];
}

const mostWorst = 200;
const mostSites = 60;
const mostEvents = 200;
/** So many targets are told at a time. */
const mostTold = 500;

export interface WatchPageOptions {
  readonly version: string;
  readonly onError?: (error: Error) => void;
}

/** WatchPage follows a watch from construction on, and is shown by its handlers. */
export class WatchPage {
  readonly handlers: readonly Handler[];
  readonly #watch: Watch;
  readonly #version: string;
  readonly #startedMs = Date.now();
  readonly #live: Live;
  readonly #clock: NodeJS.Timeout;
  readonly #history = new LatencyHistory();
  readonly #events: PageEvent[] = [];
  /** Targets that were seen to come up or go down, by their index. */
  readonly #met = new Set<number>();
  readonly #reader: AsyncIterableIterator<WatchEvent>;
  #seq = 0;

  constructor(watch: Watch, { version, onError }: WatchPageOptions) {
    this.#watch = watch;
    this.#version = version;
    this.#live = new Live(() => this.#parts(), onError && { onError });
    const targets: Handler = { path: "/targets", handle: (request) => this.#targets(request) };
    this.handlers = [pageHandler, this.#live.handler, targets];
    this.#clock = setInterval(() => this.#remember(), binMs).unref();
    this.#reader = watch.events();
    void this.#read();
  }

  /** close ends the streams of all pages; the watch goes on. Idempotent. */
  close(): void {
    clearInterval(this.#clock);
    void this.#reader.return?.();
    this.#live.close();
  }

  async #read() {
    for await (const event of this.#reader) {
      if (this.#isFirst(event)) continue;
      this.#events.push(eventOf(event, ++this.#seq));
      if (this.#events.length > mostEvents) this.#events.shift();
      this.#live.poke();
    }
  }

  /** At first all come up, and all are answered by somebody: of ten thousand targets that would hide whatever matters. */
  #isFirst(event: WatchEvent): boolean {
    if (event.kind === "gap") return false;
    if (event.kind === "site") return event.before === undefined;
    const met = this.#met.has(event.index);
    this.#met.add(event.index);
    return event.kind === "up" && !met;
  }

  #remember() {
    const { timeouts, unreachable } = this.#watch.totals();
    this.#history.take(this.#watch.histogram().buckets(), timeouts + unreachable, Date.now());
  }

  *#parts(): Generator<Part> {
    const { sites, ...totals } = this.#watch.totals();
    const [version, startedMs] = [this.#version, this.#startedMs];
    const head: WatchHead = { kind: "watch", version, host: hostname(), atMs: Date.now(), startedMs, ...totals };
    yield ["head", head];
    const bySize = Object.entries(sites);
    const largest = bySize.slice(0, mostSites);
    yield ["sites", { largest, more: bySize.length - largest.length } satisfies PageSites];
    const worst = this.#watch.worst(mostWorst);
    yield ["worst", worst.map(({ index }) => index)];
    for (const summary of worst) yield [`target ${summary.index}`, rowOf(summary)];
    yield ["total", { bins: this.#history.bins, spread: this.#watch.histogram().spread() } satisfies PageTotal];
    for (const event of this.#events) yield [`event ${event.seq}`, event];
  }

  async #targets({ query, signal }: Request): Promise<Reply> {
    const from = wholeOf(query.get("from"), Number.MAX_SAFE_INTEGER);
    const count = wholeOf(query.get("count"), mostTold);
    if (from === undefined || count === undefined)
      return plain(400, `expected whole numbers in from and in count, at most ${mostTold}`);
    const [text, site, state] = [query.get("text"), query.get("site"), query.get("state")];
    const chosen = ({ target, state: its, site: name }: TargetSummary) =>
      (text === null || target.includes(text) || (name ?? "").includes(text)) &&
      (site === null || name === site) &&
      (state === null || its === state);
    const targets: PageTarget[] = [];
    let found = 0;
    if (text === null && site === null && state === null) {
      found = this.#watch.targets.length;
      for (let index = from; index < Math.min(from + count, found); index++)
        targets.push(rowOf(this.#watch.summary(index)));
    } else
      for await (const slice of this.#watch.slices()) {
        if (signal.aborted) break;
        for (const summary of slice)
          if (chosen(summary) && found++ >= from && targets.length < count) targets.push(rowOf(summary));
      }
    const answer: PageTargets = { found, from, targets };
    return { headers: { "content-type": "application/json" }, body: JSON.stringify(answer) };
  }
}

function rowOf({ index, target, state, ended, loss, latency, site, siteSource, recent }: TargetSummary): PageTarget {
  const [p50Ns, p99Ns] = [latency.p50Ns, latency.p99Ns].map((ns) => (Number.isNaN(ns) ? null : ns));
  const who = { site: site ?? null, siteSource: siteSource ?? null };
  return { index, target, state, ended, loss, p50Ns: p50Ns!, p99Ns: p99Ns!, ...who, recent };
}

function eventOf(event: WatchEvent, seq: number): PageEvent {
  const { atMs, kind } = event;
  if (event.kind === "gap") {
    const message = `${event.lost} changes were lost here: there were too many at once`;
    return { seq, atMs, level: "warn", kind, subjects: [], message };
  }
  const target = formatTarget(event.target);
  const common = { seq, atMs, kind, subjects: [target] };
  if (event.kind === "site") {
    const message = `${target} moved from ${event.before} to ${event.site}`;
    return { ...common, level: "warn", message, to: event.site };
  }
  const reason = event.reason === undefined ? "" : ` (${event.reason})`;
  return { ...common, level: event.kind === "up" ? "info" : "error", message: `${target} is ${event.kind}${reason}` };
}

function wholeOf(text: string | null, most: number): number | undefined {
  return text !== null && /^\d{1,15}$/.test(text) && Number(text) <= most ? Number(text) : undefined;
}

function plain(status: number, text: string): Reply {
  return { status, headers: { "content-type": "text/plain; charset=utf-8" }, body: `${text}\n` };
}
