// What becomes of a driver's addresses on one device, and whose doing it was. The kernel's events only say that something
// happened and who did it; what is there now is read from the kernel.
import { type Address, linkUp, listAddresses, listLinks } from "../engine/netlink.js";
import type { NetlinkEvent, NetlinkEvents } from "../engine/netlink-watch.js";
import { matchAddress } from "./address-list.js";
import type { DriverEvent, Observation } from "./driver.js";
import { familyOfPrefix, type Prefix, prefixOf } from "./prefix.js";

export interface AddressWatchOptions {
  readonly driver: string;
  readonly device: string;
  readonly prefixes: readonly Prefix[];
  /** Called with each prefix that is found on the device, before an event tells of it. */
  readonly onSeen?: (prefix: Prefix, address: Address) => void;
  /** Called with each prefix that is gone, before an event tells of it; true where the kernel took it away as it was due. */
  readonly onGone?: (prefix: Prefix, byKernel: boolean) => boolean;
}

/** The kernel's PID_MAX_LIMIT: a larger port id is no process id. */
const maxPid = 4_194_304;

/** AddressWatch listens from open() to close(). What its driver does is no event: see `came`, `left` and `act`. */
export class AddressWatch {
  readonly #options: AddressWatchOptions;
  readonly #events: NetlinkEvents;
  /** Those that were on the device when we last looked or acted. */
  readonly #present = new Set<Prefix>();
  /** What happens to these is our driver's doing. */
  #acting: ReadonlySet<Prefix> = new Set();
  #link: "up" | "down" | "gone" = "up";
  #onEvent: (event: DriverEvent) => void = () => {};
  #unsubscribe: (() => void) | undefined;

  /** Takes events from `events`, which outlives this. */
  constructor(options: AddressWatchOptions, events: NetlinkEvents) {
    this.#options = options;
    this.#events = events;
  }

  /** open begins with what is there: the device, which may be down, and its `addresses`. */
  open(isUp: boolean, addresses: readonly Address[], onEvent: (event: DriverEvent) => void): void {
    this.#link = isUp ? "up" : "down";
    this.#onEvent = onEvent;
    for (const prefix of this.#options.prefixes) this.#look(prefix, addresses);
    this.#unsubscribe ??= this.#events.subscribe((events) => this.#heed(events));
  }

  /** close tells whether it was open. */
  close(): boolean {
    const wasOpen = this.#unsubscribe !== undefined;
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    return wasOpen;
  }

  get isUp(): boolean {
    return this.#link === "up";
  }

  /** Why no router announces an address of this device; undefined where it is up. */
  get trouble(): string | undefined {
    const { device } = this.#options;
    if (this.#link === "up") return undefined;
    return this.#link === "down" ? `${device} is down` : `there is no device ${device}`;
  }

  /**
   * raise sets the device up where addresses are all that it carries: somebody took any other down for a reason. Returns what
   * keeps it from being announced, and what to do. Throws EngineError.
   */
  raise(): string | undefined {
    const { device } = this.#options;
    if (this.#link !== "down") return this.trouble;
    const link = listLinks().find(({ name }) => name === device);
    if (link && !link.loopback && link.kind !== "dummy")
      return `${device} is down, and only loopback and dummy devices are set up from here: \`ip link set ${device} up\``;
    linkUp(device);
    return undefined;
  }

  /** poll hears what has happened by now. */
  poll(): void {
    this.#events.poll();
  }

  has(prefix: Prefix): boolean {
    return this.#present.has(prefix);
  }

  /** observe reads back how the prefixes stand; `besides` is what is to be said of those that are away. */
  observe(prefixes: readonly Prefix[], besides: ReadonlyMap<Prefix, string>): ReadonlyMap<Prefix, Observation> {
    this.#events.poll();
    let listed: readonly Address[] | undefined;
    const read = (prefix: Prefix): Observation => {
      try {
        listed ??= listAddresses();
        const present = matchAddress(prefix, this.#options, listed) !== undefined;
        if (present && this.isUp) return { announcement: "announced", verified: true };
        // No router announces an address of a device that is down.
        const reason = this.trouble ?? (present ? undefined : besides.get(prefix));
        return { announcement: "withdrawn", verified: true, ...(reason !== undefined && { reason }) };
      } catch (error) {
        return { announcement: "unknown", verified: false, reason: error instanceof Error ? error.message : "" };
      }
    };
    return new Map(prefixes.map((prefix) => [prefix, read(prefix)]));
  }

  /** came says that the driver has found or put it there. */
  came(prefix: Prefix): void {
    this.#present.add(prefix);
  }

  /** left says that the driver has taken it away. */
  left(prefix: Prefix): void {
    this.#present.delete(prefix);
  }

  /** act runs an action that takes its time: whatever becomes of these prefixes meanwhile is its doing. */
  async act<T>(prefixes: readonly Prefix[], action: () => Promise<T>): Promise<T> {
    this.#events.poll();
    this.#acting = new Set(prefixes);
    try {
      return await action();
    } finally {
      this.#events.poll();
      const addresses = listAddresses();
      for (const prefix of prefixes) this.#look(prefix, addresses);
      this.#acting = new Set();
    }
  }

  #look(prefix: Prefix, addresses: readonly Address[]): void {
    const address = this.#find(prefix, addresses);
    if (!address) this.#present.delete(prefix);
    else this.#see(prefix, address);
  }

  #find(prefix: Prefix, addresses: readonly Address[]): Address | undefined {
    const { device } = this.#options;
    return addresses.find((one) => one.device === device && `${one.address}/${one.prefixLength}` === prefix);
  }

  #see(prefix: Prefix, address: Address): void {
    this.#present.add(prefix);
    this.#options.onSeen?.(prefix, address);
  }

  #heed(events: readonly NetlinkEvent[]): void {
    const { device, prefixes } = this.#options;
    const authors = new Map<string, number>();
    let wentDown = false;
    let concerned = false;
    const overrun = events.some(({ kind }) => kind === "overrun");
    for (const event of events) {
      if (event.kind === "overrun") concerned = true;
      if ((event.kind === "link" || event.kind === "link-removed") && event.name === device) {
        const link = event.kind === "link-removed" ? "gone" : event.up ? "up" : "down";
        wentDown ||= link !== "up";
        this.#setLink(link);
      }
      if (event.kind !== "address-added" && event.kind !== "address-removed") continue;
      const prefix = prefixOf(event.address);
      if (!prefixes.includes(prefix)) continue;
      authors.set(`${event.kind} ${prefix}`, event.pid);
      concerned = true;
    }
    if (!concerned) return;
    const addresses = listAddresses();
    // The list may show a change before its event is queued: that event will say whose it was.
    const told = (change: string) => overrun || authors.has(change);
    for (const prefix of prefixes) {
      if (this.#acting.has(prefix)) {
        this.#look(prefix, addresses);
        continue;
      }
      const address = this.#find(prefix, addresses);
      const was = this.#present.has(prefix);
      const appeared = address && !was && told(`address-added ${prefix}`);
      if (address && (was || appeared)) this.#see(prefix, address);
      if (appeared) {
        const by = author(prefix, authors.get(`address-added ${prefix}`));
        this.#onEvent({ kind: "appeared", prefix, by });
      }
      // IPv6 addresses go with their device: the event is that of the link, and nobody took them away by hand.
      if (!address && was && told(`address-removed ${prefix}`))
        this.#vanished(prefix, authors.get(`address-removed ${prefix}`), wentDown || !this.isUp);
    }
  }

  #setLink(link: "up" | "down" | "gone"): void {
    if (link === this.#link) return;
    const wasUp = this.isUp;
    this.#link = link;
    const reason = this.trouble ?? `${this.#options.device} is up`;
    if (this.isUp !== wasUp) this.#onEvent({ kind: this.isUp ? "back" : "lost", reason });
  }

  #vanished(prefix: Prefix, pid: number | undefined, withLink: boolean): void {
    this.#present.delete(prefix);
    const expired = this.#options.onGone?.(prefix, !pid) ?? false;
    if (withLink) return;
    if (expired) this.#onEvent({ kind: "expired", prefix });
    else this.#onEvent({ kind: "removed", prefix, by: author(prefix, pid) });
  }
}

/** author words a netlink port id; undefined: the event that names it was lost. */
function author(prefix: Prefix, pid: number | undefined): string {
  if (pid === undefined) return "somebody unseen (events were lost)";
  if (pid > 0) return pid <= maxPid ? `pid ${pid}` : `netlink port ${pid}`;
  return familyOfPrefix(prefix) === 4 ? "an ioctl tool or the kernel" : "somebody (the kernel names nobody on IPv6)";
}
