// The journal: what happened and why. Each event goes to the log and is kept for `anyprobe events` and `anyprobe why`: the
// newest of all, and of each prefix those that led to its present state. Tell it after acting: nothing in here waits.
import type { Log } from "./log.js";

/** Telling is what happened, as whoever saw it tells it. */
export interface Telling {
  /** In the log, `event`. */
  readonly kind: string;
  readonly service?: string;
  readonly prefix?: string;
  readonly message: string;
  /** What it rests on: plain JSON. With `prefixes` (strings) it concerns each of them, with neither it concerns all. */
  readonly evidence?: Readonly<Record<string, unknown>>;
}

export type Level = "info" | "warn" | "error";

/** JournalEvent is one thing that happened. */
export interface JournalEvent extends Telling {
  /** Rises by one from event to event, also over restarts of the daemon. */
  readonly seq: number;
  /** Unix time, ms: for people; no order of events rests on it. */
  readonly atMs: number;
  readonly level: Level;
}

/** So many of the newest events are kept, */
const ringLength = 1000;
/** … so many of them outlive the daemon, */
const historyLength = 100;
/** … and so many new ones wait for one follower. */
const longestQueue = 256;
/** The farthest that a Date goes. */
const latestMs = 8.64e15;

/** Journal is the daemon's: it outlives reloads. */
export class Journal {
  readonly #log: Log;
  readonly #ring: JournalEvent[] = [];
  /** What led to the present state of each subject, since this daemon began: also what the ring has lost. */
  readonly #landmarks = new Map<string, JournalEvent>();
  readonly #followers = new Set<Follower>();
  readonly #listeners = new Set<(event: JournalEvent) => void>();
  #seq = 0;

  constructor(log: Log) {
    this.#log = log;
  }

  /** tell logs and keeps what happened. `fields` stand in the log only: there, durations are words. */
  tell(level: Level, told: Telling, fields: Readonly<Record<string, unknown>> = {}): void {
    const { kind: event, service, prefix, message } = told;
    this.#log[level]({ event, service, prefix, ...fields }, message);
    this.#keep({ seq: ++this.#seq, atMs: Date.now(), level, ...told });
  }

  /** events gives the newest `count` events, oldest first; of one prefix, also those that led to its present state. */
  events(count = Number.POSITIVE_INFINITY, prefix?: string): JournalEvent[] {
    if (prefix === undefined) return newest(this.#ring, count);
    const all = new Set([...this.#landmarks.values(), ...this.#ring]);
    const found = [...all].filter((event) => concerns(event, prefix)).sort((a, b) => a.seq - b.seq);
    return newest(found, count);
  }

  /** landmark gives the event of that kind that led to the prefix's present state, if this daemon has seen it. */
  landmark(kind: string, prefix: string): JournalEvent | undefined {
    return this.#landmarks.get(subjectOf({ kind }, prefix));
  }

  /**
   * follow gives the newest `count` events and then all as they are told, until `return`. A reader that falls behind loses
   * events: where they would have been it gets one of the kind `gap`, with how many were `lost`.
   */
  follow(count = 0): AsyncIterableIterator<JournalEvent> {
    const follower = new Follower(this.events(count), () => this.#followers.delete(follower));
    this.#followers.add(follower);
    return follower;
  }

  /** subscribe calls `listener` with each event as it is told, until the function that it returns is called. It must not throw. */
  subscribe(listener: (event: JournalEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** history gives the newest events, for the state file. */
  history(): readonly JournalEvent[] {
    return newest(this.#ring, historyLength);
  }

  /** restore takes over the history that an earlier daemon left; entries that are none are dropped. Once, before anybody follows. */
  restore(history: unknown): void {
    const earlier: JournalEvent[] = [];
    for (const event of Array.isArray(history) ? newest(history, historyLength) : []) {
      if (isEvent(event) && event.seq > (earlier.at(-1)?.seq ?? 0)) earlier.push(event);
    }
    if (earlier.length === 0) return;
    const told = this.#ring.splice(0, this.#ring.length, ...earlier);
    this.#seq = earlier.at(-1)!.seq;
    // What the checks came to before says nothing of what they come to now: this stands between.
    this.tell("info", { kind: "restored", message: `${earlier.length} events of earlier runs are known` });
    for (const event of told) {
      (event as { seq: number }).seq = ++this.#seq;
      this.#ring.push(event);
    }
  }

  #keep(event: JournalEvent): void {
    this.#ring.push(event);
    if (this.#ring.length > ringLength) this.#ring.shift();
    for (const prefix of prefixesOf(event) ?? [""]) {
      const subject = subjectOf(event, prefix);
      if (supersedes(event, this.#landmarks.get(subject))) this.#landmarks.set(subject, event);
    }
    for (const follower of this.#followers) follower.push(event);
    for (const listener of this.#listeners) listener(event);
  }
}

/**
 * supersedes tells whether an event led to the present state rather than `before`, an earlier one of the same subject. A check
 * or a route that is back where it was, after some doubt, is there because of what led there first.
 */
export function supersedes(event: JournalEvent, before: JournalEvent | undefined): boolean {
  if (event.kind !== "check" && event.kind !== "route") return true;
  const to = event.evidence?.["to"];
  return to !== "rising" && to !== "falling" && to !== before?.evidence?.["to"];
}

/** concerns tells whether an event says something of a prefix. */
export function concerns(event: JournalEvent, prefix: string): boolean {
  return prefixesOf(event)?.includes(prefix) ?? true;
}

/** prefixesOf lists the prefixes that an event concerns; undefined: all. */
export function prefixesOf({ prefix, evidence }: JournalEvent): readonly string[] | undefined {
  if (prefix !== undefined) return [prefix];
  const prefixes = evidence?.["prefixes"];
  return Array.isArray(prefixes) ? prefixes : undefined;
}

/** What an event tells the newest state of: at a prefix, a check of a service, a driver, or the prefix itself. */
function subjectOf(
  { kind, service, evidence }: Pick<Telling, "kind" | "service" | "evidence">,
  prefix: string,
): string {
  return [prefix, kind, service, evidence?.["check"], evidence?.["driver"]].join("\n");
}

function newest<Item>(items: readonly Item[], count: number): Item[] {
  return items.slice(Math.max(0, items.length - count));
}

function isEvent(value: unknown): value is JournalEvent {
  const { seq, atMs, kind, level, service, prefix, message, evidence } = (value ?? {}) as Record<string, unknown>;
  return (
    Number.isSafeInteger(seq) &&
    typeof atMs === "number" &&
    Math.abs(atMs) <= latestMs &&
    typeof kind === "string" &&
    (level === "info" || level === "warn" || level === "error") &&
    (service === undefined || typeof service === "string") &&
    (prefix === undefined || typeof prefix === "string") &&
    typeof message === "string" &&
    (evidence === undefined || (typeof evidence === "object" && evidence !== null && !Array.isArray(evidence)))
  );
}

type Result = IteratorResult<JournalEvent, undefined>;

/** Follower is one reader of what is told. A generator would not do: its `return` waits for the next event. */
class Follower implements AsyncIterableIterator<JournalEvent> {
  readonly #onReturn: () => void;
  readonly #queue: JournalEvent[];
  readonly #longest: number;
  readonly #waiting: ((result: Result) => void)[] = [];
  #lost = 0;
  #lastLost: JournalEvent | undefined;
  #over = false;

  constructor(first: JournalEvent[], onReturn: () => void) {
    this.#queue = first;
    this.#longest = first.length + longestQueue;
    this.#onReturn = onReturn;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  push(event: JournalEvent): void {
    const waiting = this.#waiting.shift();
    if (waiting) waiting({ value: event });
    else if (this.#lost === 0 && this.#queue.length < this.#longest) this.#queue.push(event);
    else {
      // Once it has lost one it loses all until it has caught up: one long gap is easier to read than many short ones.
      this.#lost++;
      this.#lastLost = event;
    }
  }

  next(): Promise<Result> {
    const value = this.#queue.shift() ?? this.#gap();
    if (value) return Promise.resolve({ value });
    if (this.#over) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  return(): Promise<Result> {
    this.#over = true;
    this.#onReturn();
    this.#queue.length = 0;
    this.#lost = 0;
    for (const waiting of this.#waiting.splice(0)) waiting({ done: true, value: undefined });
    return Promise.resolve({ done: true, value: undefined });
  }

  #gap(): JournalEvent | undefined {
    if (this.#lost === 0) return undefined;
    const lost = this.#lost;
    this.#lost = 0;
    const { seq, atMs } = this.#lastLost!;
    const message = `${lost} events were lost here: whoever reads them is too slow`;
    return { seq, atMs, level: "warn", kind: "gap", message, evidence: { lost } };
  }
}
