// What happens in a router's kernel table, with times: `ip -ts -o monitor route` read line by line. Its stamps are wall
// time, taken when `ip` reads the event; each event carries the monotonic time too, so that it can be held against ours.
import type { ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { monotonicNs, nsPerMs } from "../units.js";
import { ended } from "./frr.js";
import type { Namespace } from "./namespace.js";

/** RouteEvent is one change of one route. */
export interface RouteEvent {
  /** As `ip` writes it: a host route has no length. */
  readonly destination: string;
  /** Empty once the route is gone. */
  readonly nextHops: readonly string[];
  /** Wall time in ms, to the microsecond. */
  readonly wallMs: number;
  /** The same moment on CLOCK_MONOTONIC, in ns. */
  readonly atNs: number;
}

/**
 * parseRouteLine reads one line of `ip -ts -o monitor route`; undefined where it is no unicast route. A gateway that is
 * link-local, as those of OSPFv3, gives way to the address that `addresses6` has of its device.
 */
export function parseRouteLine(
  line: string,
  addresses6: ReadonlyMap<string, string> = new Map(),
): Omit<RouteEvent, "atNs"> | undefined {
  const match = /^\[(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d+)\] (Deleted )?(?:unicast )?([\d.:a-f/]+|default) (.*)$/.exec(
    line,
  );
  if (!match) return undefined;
  const [, seconds, fraction, deleted, destination, rest] = match;
  const nextHops = deleted
    ? []
    : [...rest!.matchAll(/\bvia (?:inet6? )?(\S+)(?: dev (\S+))?/g)].map(
        ([, gateway, dev]) => (gateway!.startsWith("fe80:") ? addresses6.get(dev!) : undefined) ?? gateway!,
      );
  // `ip` writes local time, which is how Date reads a stamp without a zone.
  const wallMs = new Date(seconds!).getTime() + Number(`0.${fraction}`) * 1e3;
  return { destination: destination!, nextHops, wallMs };
}

/** RouteMonitor collects the events of one namespace from start to close. */
export class RouteMonitor {
  readonly events: RouteEvent[] = [];
  readonly #child: ChildProcess;
  readonly #addresses6: ReadonlyMap<string, string>;
  #waiting: (() => void)[] = [];
  /** Wall time minus monotonic time, in ms. */
  #offsetMs = 0;
  #offsetAtNs = 0;

  constructor(namespace: Namespace, addresses6: ReadonlyMap<string, string>) {
    this.#addresses6 = addresses6;
    this.#sampleOffset();
    this.#child = namespace.spawn("ip", ["-ts", "-o", "monitor", "route"], { stdio: ["ignore", "pipe", "ignore"] });
    createInterface({ input: this.#child.stdout! }).on("line", (line) => this.#take(line));
  }

  /** until resolves with the first event of `destination` at or after `sinceNs` whose next hops satisfy `wanted`. */
  async until(
    destination: string,
    wanted: (nextHops: readonly string[]) => boolean,
    sinceNs: number,
    timeoutMs = 15_000,
  ): Promise<RouteEvent> {
    const deadlineNs = monotonicNs() + timeoutMs * nsPerMs;
    let seen = 0;
    for (;;) {
      for (; seen < this.events.length; seen += 1) {
        const event = this.events[seen]!;
        if (event.atNs >= sinceNs && event.destination === destination && wanted(event.nextHops)) return event;
      }
      const leftMs = (deadlineNs - monotonicNs()) / nsPerMs;
      if (leftMs <= 0) throw new Error(`no such route event of ${destination} within ${timeoutMs} ms`);
      await this.#next(leftMs);
    }
  }

  async close(): Promise<void> {
    this.#child.kill("SIGKILL");
    await ended(this.#child);
  }

  #next(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      this.#waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #take(line: string): void {
    const event = parseRouteLine(line, this.#addresses6);
    if (!event) return;
    if (monotonicNs() - this.#offsetAtNs > 5e9) this.#sampleOffset();
    this.events.push({ ...event, atNs: (event.wallMs - this.#offsetMs) * nsPerMs });
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  /** Date has whole milliseconds: waiting for the next one to begin gives the offset to a few microseconds. */
  #sampleOffset(): void {
    const before = Date.now();
    let now = before;
    while (now === before) now = Date.now();
    this.#offsetAtNs = monotonicNs();
    this.#offsetMs = now - this.#offsetAtNs / nsPerMs;
  }
}
