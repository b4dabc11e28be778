// The live stream of a page (server-sent events): all that it shows as named parts, first all of them, then those that changed.
// Nothing is queued for a client: it is a number, up to where it has been told, and is told what changed since when it has taken what
// came before. So a slow one gets fewer and larger messages, and one that comes again goes on from where it was.
import { performance } from "node:perf_hooks";
import type { Handler, Reply, Request } from "../serve/http.js";

/** Part is one piece of what a page shows. A value that is the same object as before has not changed. */
export type Part = readonly [name: string, value: unknown];

export interface LiveOptions {
  /** All parts are looked at so often while somebody looks; default 1000. ms */
  readonly everyMs?: number;
  /** More clients at once are refused; default 8. */
  readonly clients?: number;
  /** Is told once of each fault of `parts`. */
  readonly onError?: (error: Error) => void;
}

interface Kept {
  readonly value: unknown;
  readonly json: string;
  readonly version: number;
}

/** After a change the parts are looked at within this: several changes may come together. ms */
const soonMs = 20;
/** Looking may take one part in so many of the time, */
const restShare = 40;
/** … but no rest is longer: a look that took long may have stood still on a busy host, and what happens is to be seen. */
const mostRestMs = 500;
/** So many parts that are gone are known; who missed more is told everything anew. */
const mostGone = 2000;

/** Live looks at the parts only while it has clients. */
export class Live {
  readonly #parts: () => Iterable<Part>;
  readonly #everyMs: number;
  readonly #mostClients: number;
  readonly #onError: (error: Error) => void;
  /** Tells this stream's numbers from those of an earlier one. */
  readonly #epoch = Date.now().toString(36);
  readonly #kept = new Map<string, Kept>();
  readonly #gone = new Map<string, number>();
  /** Who was told less than this may have missed that a part is gone. */
  #floor = 0;
  #version = 0;
  readonly #messages = new Map<number, string>();
  readonly #waiting = new Set<() => void>();
  #clients = 0;
  #timer: NodeJS.Timeout | undefined;
  #dueMs = Number.POSITIVE_INFINITY;
  /** Not before this is it time to look again. */
  #restMs = 0;
  #fault = "";
  #closed = false;

  constructor(parts: () => Iterable<Part>, { everyMs = 1000, clients = 8, onError = () => {} }: LiveOptions = {}) {
    this.#parts = parts;
    this.#everyMs = everyMs;
    this.#mostClients = clients;
    this.#onError = onError;
  }

  get clients(): number {
    return this.#clients;
  }

  /** The stream, at /live. */
  get handler(): Handler {
    return { path: "/live", handle: (request) => this.#reply(request) };
  }

  /** poke has the parts looked at soon: something has changed. */
  poke(): void {
    if (this.#clients > 0) this.#lookAt(performance.now() + soonMs);
  }

  /** close ends all streams. Idempotent. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#wake();
  }

  #reply({ headers, signal }: Request): Reply {
    if (this.#clients >= this.#mostClients) {
      const body = `expected at most ${this.#mostClients} pages at once: close another\n`;
      return { status: 503, headers: { "content-type": "text/plain; charset=utf-8", "retry-after": "5" }, body };
    }
    if (this.#clients++ === 0) this.#look();
    signal.addEventListener("abort", () => this.#leave(), { once: true });
    return {
      headers: { "content-type": "text/event-stream; charset=utf-8" },
      body: this.#follow(this.#versionOf(headers["last-event-id"]), signal),
    };
  }

  /** 0 for whoever has to be told everything. */
  #versionOf(id: string | string[] | undefined): number {
    const [epoch, digits = ""] = String(id ?? "").split(".");
    const version = /^\d{1,15}$/.test(digits) ? Number(digits) : 0;
    return epoch === this.#epoch && version >= this.#floor && version <= this.#version ? version : 0;
  }

  async *#follow(from: number, signal: AbortSignal): AsyncGenerator<string> {
    yield "retry: 1000\n\n";
    for (let version = from; ; ) {
      if (version < this.#version || version === 0) {
        const message = this.#messageSince(version < this.#floor ? 0 : version);
        version = this.#version;
        yield message;
      }
      if (signal.aborted || this.#closed) return;
      if (version === this.#version) await this.#change(signal);
      if (signal.aborted || this.#closed) return;
    }
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#waiting.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal.addEventListener("abort", wake);
    });
  }

  #wake() {
    for (const wake of [...this.#waiting]) wake();
  }

  #leave() {
    if (--this.#clients > 0) return;
    clearTimeout(this.#timer);
    this.#dueMs = Number.POSITIVE_INFINITY;
  }

  #lookAt(wantedMs: number) {
    const dueMs = Math.max(wantedMs, this.#restMs);
    if (this.#closed || dueMs >= this.#dueMs) return;
    clearTimeout(this.#timer);
    this.#dueMs = dueMs;
    this.#timer = setTimeout(() => this.#look(), dueMs - performance.now()).unref();
  }

  #look() {
    const startMs = performance.now();
    this.#dueMs = Number.POSITIVE_INFINITY;
    try {
      this.#take(this.#parts());
      this.#fault = "";
    } catch (error) {
      // What a page shows must not end a daemon. Being told may be a change that is to be shown: so, once.
      const fault = (error as Error).message;
      if (fault !== this.#fault) this.#onError(error as Error);
      this.#fault = fault;
    }
    const nowMs = performance.now();
    this.#restMs = nowMs + Math.min(mostRestMs, restShare * (nowMs - startMs));
    this.#lookAt(startMs + this.#everyMs);
    this.#wake();
  }

  /** All of them are read before any is taken: a fault on the way changes nothing. */
  #take(parts: Iterable<Part>) {
    const version = this.#version + 1;
    const seen = new Map([...parts].map(([name, value]) => [name, this.#keep(this.#kept.get(name), value, version)]));
    for (const name of this.#kept.keys()) {
      if (seen.has(name)) continue;
      this.#kept.delete(name);
      this.#gone.delete(name);
      this.#gone.set(name, version);
    }
    for (const [name, kept] of seen) {
      this.#kept.set(name, kept);
      this.#gone.delete(name);
    }
    for (const [name, goneAt] of this.#gone) {
      if (this.#gone.size <= mostGone) break;
      this.#gone.delete(name);
      this.#floor = goneAt;
    }
    this.#version = version;
    this.#messages.clear();
  }

  #keep(before: Kept | undefined, value: unknown, version: number): Kept {
    if (before && before.value === value) return before;
    const json = JSON.stringify(value);
    return { value, json, version: before?.json === json ? before.version : version };
  }

  /** Most clients have been told the same, and get the same text. */
  #messageSince(version: number): string {
    const known = this.#messages.get(version);
    if (known !== undefined) return known;
    const changed: string[] = [];
    for (const [name, kept] of this.#kept)
      if (kept.version > version) changed.push(`${JSON.stringify(name)}:${kept.json}`);
    const gone = version === 0 ? [] : [...this.#gone].flatMap(([name, goneAt]) => (goneAt > version ? [name] : []));
    const kind = version === 0 ? "snapshot" : "delta";
    const data = `{"parts":{${changed.join(",")}},"gone":${JSON.stringify(gone)}}`;
    const message = `id: ${this.#epoch}.${this.#version}\nevent: ${kind}\ndata: ${data}\n\n`;
    this.#messages.set(version, message);
    return message;
  }
}
