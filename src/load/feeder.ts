// A feeder: hands the queries of a trial to the engine, plan after plan, so that they leave at the offered load without a gap,
// however many there are. Only what leaves within the next moment is compiled and in memory.
import type { Engine, Run } from "../engine/engine.js";
import type { Schedule } from "../probe/plan.js";
import type { Query } from "../probe/query.js";
import { familyOf, type Target } from "../probe/target.js";
import { monotonicNs, nsPerMs, nsPerSecond } from "../units.js";
import type { QuerySource } from "./query-source.js";

/** Offer is the load of one trial. Rates are queries a second. */
export type Offer =
  | { readonly kind: "rate"; readonly rateQps: number; readonly seconds: number }
  /** From one rate to another, evenly. */
  | { readonly kind: "ramp"; readonly fromQps: number; readonly toQps: number; readonly seconds: number }
  /** So many in flight at any time. */
  | { readonly kind: "closed"; readonly inflight: number; readonly seconds: number }
  /** At the times that the source tells, until its end. */
  | { readonly kind: "replay" };

/** Sending is how queries are sent, whatever the load. */
export interface Sending {
  readonly target: Target;
  readonly timeoutMs: number;
  /** Source ports that sends take turns on. */
  readonly ports: number;
  /** Queries in a train at most. */
  readonly train: number;
  readonly arrivals: "constant" | "poisson";
  /** The source addresses that queries take turns on; empty: the kernel's choice. */
  readonly sources: readonly string[];
}

/** Part is what one of several source addresses gets of a plan: a share, the number of its first query, and how many. */
interface Part {
  readonly share: number;
  readonly first: number;
  readonly count: number | undefined;
}

/** A plan of a stream covers so much time: its sockets are opened and closed again with it. */
const planNs = 0.25 * nsPerSecond;
/** Plans are handed over at least so long before they begin. */
const leadNs = 0.5 * nsPerSecond;
/** The rate of a ramp is raised so often. */
const rampStepNs = 0.1 * nsPerSecond;
/** Queries in one plan of a stream, at most. */
const [mostQueries, closedQueries, replayQueries] = [2 ** 18, 2 ** 16, 2 ** 14];

/** rateAt tells the rate that an offer wants so many seconds after its start; NaN where it wants none of its own. */
export function rateAt(offer: Offer, seconds: number): number {
  if (offer.kind === "rate") return offer.rateQps;
  if (offer.kind !== "ramp") return Number.NaN;
  const share = Math.min(1, Math.max(0, seconds / offer.seconds));
  return offer.fromQps + share * (offer.toQps - offer.fromQps);
}

/** Feeder feeds one trial. It ends by itself: when all has been handed over, or at the source's end. */
export class Feeder {
  /** Resolves when nothing more will be handed over; rejects where the source fails or the engine refuses. */
  readonly done: Promise<void>;
  readonly #engine: Engine;
  readonly #source: QuerySource;
  readonly #sending: Sending;
  readonly #fromNs: number;
  #handed = 0;
  #stopped = false;
  #ranOut = false;
  #wake = () => {};

  /** It begins to send at `fromNs`, on CLOCK_MONOTONIC. `rows` tells how many queries have ended. */
  constructor(engine: Engine, source: QuerySource, offer: Offer, sending: Sending, fromNs: number, rows: () => number) {
    this.#engine = engine;
    this.#source = source;
    this.#sending = sending;
    this.#fromNs = fromNs;
    if (offer.kind === "closed") this.done = this.#feedClosed(offer, rows);
    else this.done = offer.kind === "replay" ? this.#feedReplay() : this.#feedRate(offer);
  }

  /** How many queries were handed over so far. */
  get handed(): number {
    return this.#handed;
  }

  /** Whether the source ended before the time that was wanted of it. */
  get ranOut(): boolean {
    return this.#ranOut;
  }

  /** stop hands nothing more over. */
  stop(): void {
    this.#stopped = true;
    this.#wake();
  }

  /** Plan follows plan, each starting when the queries of those before it have all been due. */
  async #feedRate(offer: Extract<Offer, { kind: "rate" | "ramp" }>): Promise<void> {
    const { repeats } = this.#source;
    const wholeNs = offer.seconds * nsPerSecond;
    const stepNs = offer.kind === "ramp" ? rampStepNs : repeats ? wholeNs : planNs;
    for (let atNs = 0; atNs < wholeNs - 1; ) {
      if (!(await this.#until(this.#fromNs + atNs - leadNs))) return;
      const untilNs = Math.min(atNs + stepNs, wholeNs);
      const rateQps = rateAt(offer, (atNs + untilNs) / 2 / nsPerSecond);
      const wanted = Math.max(1, Math.round((rateQps * (untilNs - atNs)) / nsPerSecond));
      const queries = repeats ?? (await this.#read(Math.min(wanted, mostQueries)));
      const count = repeats ? wanted : queries.length;
      if (count === 0) {
        this.#ranOut = true;
        return;
      }
      const startNs = this.#fromNs + atNs;
      this.#submit(queries, count, ({ share, first, count }) => ({
        rateQps: rateQps * share,
        arrivals: this.#sending.arrivals,
        count: count!,
        startNs: startNs + (first * nsPerSecond) / rateQps,
      }));
      atNs += (count * nsPerSecond) / rateQps;
    }
  }

  /** One plan after the other, where the queries do not repeat: two at once would be twice as many in flight. */
  async #feedClosed({ inflight, seconds }: Extract<Offer, { kind: "closed" }>, rows: () => number): Promise<void> {
    const { repeats } = this.#source;
    const endNs = this.#fromNs + seconds * nsPerSecond;
    await this.#until(this.#fromNs);
    while (!this.#stopped && monotonicNs() < endNs) {
      const queries = repeats ?? (await this.#read(closedQueries));
      if (queries.length === 0) {
        this.#ranOut = true;
        return;
      }
      const schedule = ({ share, count }: Part) => {
        const part = { inflight: Math.max(1, Math.round(inflight * share)) };
        return count === undefined ? part : { ...part, count };
      };
      const runs = this.#submit(queries, repeats ? undefined : queries.length, schedule);
      // A look every millisecond ends a stream's plan soon after its last answer.
      while ((repeats || rows() < this.#handed) && (await this.#until(Math.min(monotonicNs() + nsPerMs, endNs)))) {
        if (monotonicNs() >= endNs) break;
      }
      if (repeats || rows() < this.#handed) for (const run of runs) run.cancel();
    }
  }

  async #feedReplay(): Promise<void> {
    for (let lastNs = 0; await this.#until(this.#fromNs + lastNs - leadNs); ) {
      const asked = await this.#source.next(replayQueries);
      if (asked.length === 0) return;
      const times = asked.map(({ atNs = lastNs }) => atNs);
      this.#submit(
        asked.map(({ query }) => query),
        asked.length,
        () => ({ replay: true, startNs: this.#fromNs }),
        times,
      );
      lastNs = times.at(-1)!;
    }
  }

  /** submit hands a plan over, in parts, one for each source address; `count` queries are sent in all, undefined: without end. */
  #submit(
    queries: readonly Query[],
    count: number | undefined,
    schedule: (part: Part) => Schedule,
    times?: readonly number[],
  ): Run[] {
    const { target, timeoutMs, ports, train, sources } = this.#sending;
    const family = familyOf(target.address) === 4 ? "ipv4" : "ipv6";
    const turns = count === undefined ? sources.length : Math.min(count, sources.length);
    const ways = sources.length === 0 ? [undefined] : sources.slice(0, turns);
    this.#handed += count ?? 0;
    return ways.map((source, first) => {
      const mine = (_: unknown, at: number) => queries.length < ways.length || at % ways.length === first;
      const part = count === undefined ? undefined : Math.floor((count - first - 1) / ways.length) + 1;
      const atNs = times?.filter(mine);
      return this.#engine.submit({
        probes: queries.filter(mine).map((query, i) => ({ target, query, ...(atNs && { atNs: atNs[i]! }) })),
        schedule: schedule({ share: 1 / ways.length, first, count: part }),
        timeoutMs,
        ports,
        train,
        ...(source !== undefined && { source: { [family]: source } }),
      });
    });
  }

  async #read(most: number): Promise<Query[]> {
    const asked = await this.#source.next(most);
    return asked.map(({ query }) => query);
  }

  /** until waits for a moment; false: it was stopped. */
  async #until(ns: number): Promise<boolean> {
    const ms = (ns - monotonicNs()) / nsPerMs;
    if (ms > 0 && !this.#stopped) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return !this.#stopped;
  }
}
