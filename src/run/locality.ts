// Which addresses are delivered to this host, and since when. An answer proves something about this endpoint only if its
// target was local from before the probe was sent until the answer is judged; else another endpoint may have answered.
import { isIPv4 } from "node:net";
import type { LocalRoute } from "../engine/netlink.js";
import type { NetlinkEvent, RouteEvent } from "../engine/netlink-watch.js";
import { addressBytes, canonicalAddress } from "../probe/target.js";
import { monotonicNs } from "../units.js";

type Route = Pick<LocalRoute, "address" | "prefixLength" | "metric" | "ifindex">;

interface Known {
  readonly bytes: Uint8Array;
  readonly prefixLength: number;
  /** The devices of the routes to this prefix, by metric and device: an address's own and its anchor are two. */
  readonly ways: Map<string, number>;
  readonly sinceNs: number;
}

/**
 * Locality keeps the table of local routes up to date. Feed it every batch of events before asking it, and read the
 * events that wait (NetlinkWatch.poll) before that. Times are CLOCK_MONOTONIC in ns.
 */
export class Locality {
  readonly #list: () => readonly Route[];
  readonly #clock: () => number;
  #known = new Map<string, Known>();

  /** `list` reads the kernel's local routes (listLocalRoutes): at once, and again after events that cannot be followed. */
  constructor(list: () => readonly Route[], clock = monotonicNs) {
    this.#list = list;
    this.#clock = clock;
    this.#relist(() => false);
  }

  handle(events: readonly NetlinkEvent[]): void {
    for (const event of events) {
      if (event.kind === "route-added") this.#add(event, this.#clock());
      else if (event.kind === "route-removed") this.#remove(event);
      else if (event.kind === "overrun") {
        this.#relist(() => false);
        // The list is newer than all events of this batch.
        return;
      } else if (event.kind === "link-removed" || (event.kind === "link" && !event.up)) {
        // The kernel does not tell of every IPv4 route that goes with its device.
        this.#relist(({ ways }) => [...ways.values()].some((ifindex) => ifindex !== event.ifindex));
      }
    }
  }

  isLocal(address: string): boolean {
    return this.localSinceNs(address) !== undefined;
  }

  /**
   * localSinceNs gives when we learnt that the address became local; undefined where it is not. An address that left and
   * came back has the time of its return. Never earlier than the truth.
   */
  localSinceNs(address: string): number | undefined {
    // Asked for every row, of addresses in their one spelling that most often have a route of their own.
    const exact = this.#known.get(`${address}/${isIPv4(address) ? 32 : 128}`);
    if (exact) return exact.sinceNs;
    const bytes = addressBytes(address);
    const covering = [...this.#known.values()].filter((known) => covers(known, bytes));
    return covering.length > 0 ? Math.min(...covering.map(({ sinceNs }) => sinceNs)) : undefined;
  }

  #add(route: Route, nowNs: number): void {
    const key = keyOf(route.address, route.prefixLength);
    const known = this.#known.get(key);
    if (known) known.ways.set(wayOf(route), route.ifindex);
    else {
      const { prefixLength, ifindex } = route;
      const bytes = addressBytes(route.address);
      this.#known.set(key, { bytes, prefixLength, ways: new Map([[wayOf(route), ifindex]]), sinceNs: nowNs });
    }
  }

  #remove(event: RouteEvent): void {
    const key = keyOf(event.address, event.prefixLength);
    const known = this.#known.get(key);
    known?.ways.delete(wayOf(event));
    if (known?.ways.size === 0) this.#known.delete(key);
  }

  /** Reads the list anew; those that cannot have been gone meanwhile, by `steady`, keep their time. */
  #relist(steady: (known: Known) => boolean): void {
    const before = this.#known;
    this.#known = new Map();
    const routes = this.#list();
    const nowNs = this.#clock();
    for (const route of routes) {
      const old = before.get(keyOf(route.address, route.prefixLength));
      this.#add(route, old && steady(old) ? old.sinceNs : nowNs);
    }
  }
}

function keyOf(address: string, prefixLength: number): string {
  return `${canonicalAddress(address)}/${prefixLength}`;
}

function wayOf({ metric, ifindex }: Route): string {
  return `${metric} ${ifindex}`;
}

function covers({ bytes, prefixLength }: Known, address: Uint8Array): boolean {
  if (bytes.length !== address.length) return false;
  const whole = prefixLength >> 3;
  for (let i = 0; i < whole; i++) if (bytes[i] !== address[i]) return false;
  const bits = prefixLength & 7;
  return bits === 0 || (bytes[whole]! ^ address[whole]!) >> (8 - bits) === 0;
}
