// The status page of the daemon: how its prefixes stand and why, latencies over time, and what happened.
import { hostname } from "node:os";
import { pageHandler } from "../live/document.js";
import { type Bin, binMs, LatencyHistory } from "../live/history.js";
import { Live, type Part } from "../live/stream.js";
import type { PageEvent } from "../live/timeline.js";
import type { Handler } from "../serve/http.js";
import { monotonicNs } from "../units.js";
import { type Journal, type JournalEvent, prefixesOf } from "./journal.js";
import type { PrefixCheck } from "./prefix-check.js";
import type { PrefixReport, Status } from "./status.js";

/** PageView is what the page knows of the daemon. */
export interface PageView {
  readonly status: Status;
  readonly checks: readonly PrefixCheck[];
}

/** RunHead is what the page shows of the whole: the status without its services, and when and where that was. */
export type RunHead = Omit<Status, "services"> & {
  readonly kind: "run";
  readonly host: string;
  /** Unix time. */
  readonly atMs: number;
  /** On CLOCK_MONOTONIC, as the times in the status are. */
  readonly nowNs: number;
};

/** PagePrefix is how a service stands at a prefix. */
export type PagePrefix = PrefixReport & { readonly service: string };

/** PageLatency is a check's latencies over time. */
export interface PageLatency {
  readonly service: string;
  readonly prefix: string;
  readonly check: string;
  readonly bins: readonly Bin[];
}

interface Remembered {
  readonly history: LatencyHistory;
  readonly part: PageLatency;
}

/** So many of the newest events are shown of all, */
const mostEvents = 200;
/** … and of those that led to how a prefix stands. */
const mostReasons = 12;

/** RunPage keeps the latencies over time from construction on, and is shown by its handlers. */
export class RunPage {
  readonly handlers: readonly Handler[];
  readonly #view: () => PageView;
  readonly #journal: Journal;
  readonly #live: Live;
  readonly #unsubscribe: () => void;
  readonly #clock: NodeJS.Timeout;
  #histories: ReadonlyMap<string, Remembered> = new Map();
  readonly #told = new WeakMap<JournalEvent, PageEvent>();

  constructor(journal: Journal, view: () => PageView, onError: (error: Error) => void) {
    this.#journal = journal;
    this.#view = view;
    this.#live = new Live(() => this.#parts(), { onError });
    this.handlers = [pageHandler, this.#live.handler];
    this.#unsubscribe = journal.subscribe(() => this.#live.poke());
    this.#clock = setInterval(() => this.#remember(), binMs).unref();
  }

  /** close ends the streams of all pages. Idempotent. */
  close(): void {
    clearInterval(this.#clock);
    this.#unsubscribe();
    this.#live.close();
  }

  #remember() {
    const kept = new Map<string, Remembered>();
    for (const { service, prefix, config, latency, verdicts } of this.#view().checks) {
      const name = `latency ${service} ${prefix} ${config.name}`;
      const history = this.#histories.get(name)?.history ?? new LatencyHistory();
      history.take(latency.buckets(), verdicts.fail, Date.now());
      kept.set(name, { history, part: { service, prefix, check: config.name, bins: history.bins } });
    }
    this.#histories = kept;
  }

  *#parts(): Generator<Part> {
    const { services, ...rest } = this.#view().status;
    const head: RunHead = { kind: "run", host: hostname(), atMs: Date.now(), nowNs: monotonicNs(), ...rest };
    yield ["head", head];
    for (const { name: service, prefixes } of services)
      for (const report of prefixes)
        yield [`prefix ${service} ${report.prefix}`, { service, ...report } satisfies PagePrefix];
    for (const prefix of new Set(services.flatMap(({ prefixes }) => prefixes.map(({ prefix }) => prefix))))
      yield [`why ${prefix}`, this.#journal.events(mostReasons, prefix).map((event) => this.#tell(event))];
    for (const [name, { part }] of this.#histories) yield [name, part];
    for (const event of this.#journal.events(mostEvents)) yield [`event ${event.seq}`, this.#tell(event)];
  }

  /** The evidence stays here: it is long, and `anyprobe why` has it. */
  #tell(event: JournalEvent): PageEvent {
    const known = this.#told.get(event);
    if (known) return known;
    const { seq, atMs, level, kind, message, evidence } = event;
    const to = kind === "route" && typeof evidence?.["to"] === "string" ? { to: evidence["to"] } : {};
    const told = { seq, atMs, level, kind, subjects: prefixesOf(event) ?? [], message, ...to };
    this.#told.set(event, told);
    return told;
  }
}
