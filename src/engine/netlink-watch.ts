// What the kernel tells of changes: addresses, links, local routes, and the ends of watched UDP sockets. Foreign routes
// and foreign sockets are filtered out in the kernel and cost this process nothing.
import { canonicalAddress, type Family } from "../probe/target.js";
import { loadAddon, type NativeNetlinkWatch, systemError } from "./addon.js";

/** NetlinkEvent is one change that the kernel tells of. */
export type NetlinkEvent = AddressEvent | RouteEvent | LinkEvent | SocketEvent | OverrunEvent;

/** AddressEvent is an address that came, changed or went. */
export interface AddressEvent {
  /** "address-added" also tells of changed lifetimes and flags of an address that was there. */
  readonly kind: "address-added" | "address-removed";
  readonly family: Family;
  readonly address: string;
  readonly prefixLength: number;
  readonly ifindex: number;
  /**
   * The netlink port id of who asked, ownPortId() for us, most often the process id of another. 0: the kernel (an expired
   * lifetime) or an ioctl tool; always 0 on IPv6, where the kernel names nobody, us neither.
   */
  readonly pid: number;
  /** Bits of addressFlag. */
  readonly flags: number;
}

/** RouteEvent is a local route, as LocalRoute. The kernel sends none for some IPv4 routes that go with their device. */
export interface RouteEvent {
  readonly kind: "route-added" | "route-removed";
  readonly family: Family;
  readonly address: string;
  readonly prefixLength: number;
  readonly metric: number;
  readonly ifindex: number;
}

/** LinkEvent is a device that came, changed or went. */
export interface LinkEvent {
  readonly kind: "link" | "link-removed";
  readonly ifindex: number;
  readonly name: string;
  readonly up: boolean;
}

/** SocketEvent is the end of a UDP socket that was bound to a watched port, 1-2 ms after its process died. */
export interface SocketEvent {
  readonly kind: "socket-destroyed";
  readonly family: Family;
  /** `0.0.0.0` or `::` for the wildcard. */
  readonly address: string;
  readonly port: number;
}

/** OverrunEvent says that events were lost: list again, and take anything as possible. */
export interface OverrunEvent {
  readonly kind: "overrun";
}

/** NetlinkListener is given events in the order in which they happened. */
export type NetlinkListener = (events: readonly NetlinkEvent[]) => void;

/** NetlinkEvents is what a reader of events needs: to be told, and to make sure that it has been told all there is. */
export interface NetlinkEvents {
  /** Calls `listener` with each batch until the returned function is called. */
  subscribe(listener: NetlinkListener): () => void;
  /** Delivers what the kernel has queued by now before it returns, unless called by a listener: then after that one. */
  poll(): void;
}

/** NetlinkWatch listens until close(), and keeps the process alive until then. What a listener throws is uncaught. */
export class NetlinkWatch implements NetlinkEvents {
  readonly #native: NativeNetlinkWatch;
  readonly #listeners = new Set<NetlinkListener>();
  #delivering = false;

  constructor(onEvents?: NetlinkListener) {
    if (onEvents) this.#listeners.add(onEvents);
    const { NetlinkWatch: Native } = loadAddon();
    try {
      this.#native = new Native(() => this.poll());
    } catch (error) {
      throw systemError(error, "watch addresses");
    }
  }

  subscribe(listener: NetlinkListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** watchPorts watches exactly these ports (1-65535, at most 2,000) from now on; none of them by an empty list. */
  watchPorts(ports: readonly number[]): void {
    try {
      this.#native.watchPorts(ports);
    } catch (error) {
      throw systemError(error, "watch UDP sockets");
    }
  }

  poll(): void {
    // Every listener must see the events in the order in which they happened: a nested poll leaves them to the outer one.
    if (this.#delivering) return;
    this.#delivering = true;
    try {
      for (let events = this.#read(); events; events = this.#read()) {
        for (const listener of this.#listeners) listener(events);
      }
    } finally {
      this.#delivering = false;
    }
  }

  #read(): readonly NetlinkEvent[] | undefined {
    try {
      const events = this.#native.poll() as NetlinkEvent[] | undefined;
      return events?.map(respell);
    } catch (error) {
      throw systemError(error, "read netlink events");
    }
  }

  /** close stops listening. Idempotent. */
  close(): void {
    this.#native.close();
    this.#listeners.clear();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function respell(event: NetlinkEvent): NetlinkEvent {
  return "address" in event && event.family === 6 && event.address.includes(".")
    ? { ...event, address: canonicalAddress(event.address) }
    : event;
}
