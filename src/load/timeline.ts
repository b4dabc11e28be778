// A timeline: a trial second by second, by the time that its queries were sent. Only the seconds whose answers may still come are
// kept open; an hour of load takes no more memory than a minute.
import { LatencyHistogram } from "../measure/histogram.js";
import { rcodeWord } from "../probe/dns-word.js";
import { nsPerSecond } from "../units.js";
import type { Moment } from "./record.js";

/** The header's four bits: extended rcodes need the OPT record, which nobody decodes at this rate. */
export const rcodeCount = 16;

/** Second is one second of a trial while rows of it still come. */
export interface Second {
  readonly index: number;
  sent: number;
  answered: number;
  lost: number;
  readonly rcodes: Float64Array;
  readonly latency: LatencyHistogram;
}

/** Timeline keeps the seconds of one trial. */
export class Timeline {
  readonly #fromNs: number;
  /** Rows of a second come until so many seconds later. */
  readonly #openFor: number;
  readonly #offeredAt: (seconds: number) => number;
  readonly #open = new Map<number, Second>();
  readonly #closed: Moment[] = [];
  #newest = 0;

  /** The trial begins at `fromNs`; `offeredAt` tells the rate that is wanted so many seconds later. */
  constructor(fromNs: number, timeoutMs: number, offeredAt: (seconds: number) => number) {
    this.#fromNs = fromNs;
    // What the engine or this thread may be behind by comes on top of the timeout.
    this.#openFor = Math.ceil(timeoutMs / 1e3) + 5;
    this.#offeredAt = offeredAt;
  }

  /** indexOf tells which second a time of sending falls into. */
  indexOf(sentNs: number): number {
    return Math.max(0, Math.floor((sentNs - this.#fromNs) / nsPerSecond));
  }

  /** second gives a second to count rows in. */
  second(index: number): Second {
    const open = this.#open.get(index);
    if (open) return open;
    const made: Second = {
      index,
      sent: 0,
      answered: 0,
      lost: 0,
      rcodes: new Float64Array(rcodeCount),
      latency: new LatencyHistogram(),
    };
    this.#open.set(index, made);
    this.#newest = Math.max(this.#newest, index);
    for (const old of this.#open.values()) if (old.index < this.#newest - this.#openFor) this.#close(old);
    return made;
  }

  /** last tells the newest second that is over but for its answers, or the newest there is. */
  last(): Moment | undefined {
    const second = this.#open.get(this.#newest - 1) ?? this.#open.get(this.#newest);
    return second && this.#momentOf(second);
  }

  /** moments tells all seconds in order. */
  moments(): Moment[] {
    const open = [...this.#open.values()].map((second) => this.#momentOf(second));
    return [...this.#closed, ...open].sort((a, b) => a.at_seconds - b.at_seconds);
  }

  #close(second: Second) {
    this.#open.delete(second.index);
    this.#closed.push(this.#momentOf(second));
  }

  #momentOf({ index, sent, answered, lost, rcodes, latency }: Second): Moment {
    return {
      at_seconds: index,
      offered_qps: Math.round(this.#offeredAt(index + 0.5)),
      sent,
      answered,
      lost,
      rcodes: rcodesOf(rcodes),
      p50_ns: latency.count === 0 ? null : Math.round(latency.percentileNs(50)),
      p99_ns: latency.count === 0 ? null : Math.round(latency.percentileNs(99)),
    };
  }
}

/** rcodesOf names the counts of rcodes, without those that did not come. */
export function rcodesOf(counts: Float64Array): Record<string, number> {
  return Object.fromEntries(
    Array.from(counts, (count, rcode) => [rcodeWord(rcode), count] as const).filter(([, count]) => count > 0),
  );
}
