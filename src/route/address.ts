// The address driver: a prefix is announced while its address is on the device (the router redistributes it or runs OSPF
// there), and withdrawn by deleting exactly that address. It reads back the kernel's own list and forks nothing.
import {
  type Address,
  addAnchor,
  addressFlag,
  changeAddresses,
  deleteAnchor,
  linkUp,
  listAddresses,
  listLinks,
} from "../engine/netlink.js";
import type { NetlinkEvent, NetlinkEvents } from "../engine/netlink-watch.js";
import { AnyprobeError, EngineError, RouteError } from "../errors.js";
import { monotonicNs, nsPerSecond } from "../units.js";
import { type Attributes, addressWith, attributesOf, defaults, fromUndo, toUndo } from "./address-attributes.js";
import type { Announcement, Change, Driver, DriverEvent, Observation } from "./driver.js";
import { addressOf, familyOfPrefix, type Prefix, prefixOf } from "./prefix.js";

export interface AddressOptions {
  /** Most often `lo`. */
  readonly device: string;
  /** IPv4 only: the device's name, or that, a colon and more; undefined: the device's name. At most 15 octets. */
  readonly label: string | undefined;
  /** anchor: keep withdrawn addresses delivered to this host, so that recovery is probed there. */
  readonly recovery: "anchor" | "alias" | "manual";
  /** 0: none. Otherwise the kernel removes an address so long after the last refresh; whole seconds, rounded up. */
  readonly leaseMs: number;
  /** All that this driver may move. */
  readonly prefixes: readonly Prefix[];
}

/** The kernel may end a lifetime this much early, as its timer is coarse. */
const leaseSlackNs = nsPerSecond;
/** The longest device name or label, without the closing zero (IFNAMSIZ). */
const maxLabelOctets = 15;
/** The kernel's PID_MAX_LIMIT: a larger port id is no process id. */
const maxPid = 4_194_304;

/** AddressDriver moves the addresses of one device. It changes no other address and never sets the device down. */
export class AddressDriver implements Driver {
  readonly name = "address";
  readonly rungs: readonly Announcement[] = ["announced", "withdrawn"];
  readonly #options: AddressOptions;
  readonly #events: NetlinkEvents;
  /** 0: no lease. */
  readonly #leaseS: number;
  /** Those that were on the device when we last looked or acted. */
  readonly #present = new Set<Prefix>();
  /** Those that we took away; each has its attributes below. */
  readonly #withdrawn = new Set<Prefix>();
  /** What each address was like when it was last seen. */
  readonly #attributes = new Map<Prefix, Attributes>();
  /** When each lease runs out, CLOCK_MONOTONIC. */
  readonly #deadlineNs = new Map<Prefix, number>();
  #linkUp = true;
  #onEvent: (event: DriverEvent) => void = () => {};
  #unsubscribe: (() => void) | undefined;

  /** Takes events from `events`, which outlives this driver. Throws TypeError where the label does not fit the device. */
  constructor(options: AddressOptions, events: NetlinkEvents) {
    const { device, label = device } = options;
    if (label !== device && !label.startsWith(`${device}:`)) {
      throw new TypeError(`expected a label like "${device}:0" for device ${device}, got "${label}"`);
    }
    if (Buffer.byteLength(label) > maxLabelOctets) {
      throw new TypeError(`expected a label of at most ${maxLabelOctets} octets, got "${label}"`);
    }
    this.#options = options;
    this.#events = events;
    this.#leaseS = Math.ceil(options.leaseMs / 1000);
  }

  async open(changes: readonly Change[], onEvent: (event: DriverEvent) => void): Promise<void> {
    const { device, prefixes } = this.#options;
    this.#onEvent = onEvent;
    this.#kernel(prefixes, () => {
      const links = listLinks();
      const link = links.find(({ name }) => name === device);
      if (!link) throw this.#error("ERR_ROUTE_UNREACHABLE", `there is no device ${device}`, prefixes);
      this.#linkUp = link.up;
      // Before anything is withdrawn, so that there is no moment in which the address is delivered nowhere.
      if (links.some(({ loopback, up }) => loopback && up)) this.#addAnchors();
      const addresses = listAddresses();
      for (const prefix of prefixes) {
        const address = this.#match(prefix, addresses);
        if (address) this.#see(prefix, address);
      }
    });
    for (const { driver, prefix, undo } of changes) {
      if (driver !== this.name || this.#present.has(prefix)) continue;
      this.#withdrawn.add(prefix);
      this.#attributes.set(prefix, fromUndo(undo));
    }
    this.#unsubscribe ??= this.#events.subscribe((events) => this.#heed(events));
  }

  async observe(prefixes: readonly Prefix[]): Promise<ReadonlyMap<Prefix, Observation>> {
    const read = (prefix: Prefix, addresses: () => readonly Address[]): Observation => {
      try {
        if (!this.#match(prefix, addresses())) return { announcement: "withdrawn", verified: true };
        // No router announces an address of a device that is down.
        return this.#linkUp
          ? { announcement: "announced", verified: true }
          : { announcement: "withdrawn", verified: true, reason: `${this.#options.device} is down` };
      } catch (error) {
        return { announcement: "unknown", verified: false, reason: error instanceof Error ? error.message : "" };
      }
    };
    this.#events.poll();
    let listed: readonly Address[] | undefined;
    const addresses = () => {
      listed ??= listAddresses();
      return listed;
    };
    return new Map(prefixes.map((prefix) => [prefix, read(prefix, addresses)]));
  }

  async announce(prefixes: readonly Prefix[]): Promise<void> {
    this.#kernel(prefixes, () => {
      this.#events.poll();
      if (!this.#linkUp) linkUp(this.#options.device);
      const addresses = listAddresses();
      const missing = prefixes.filter((prefix) => !this.#match(prefix, addresses));
      const wanted = missing.map((prefix) => this.#address(prefix, this.#leaseS || Number.POSITIVE_INFINITY));
      this.#settle(missing, changeAddresses("add", wanted), "EEXIST", (prefix) => {
        this.#present.add(prefix);
        this.#withdrawn.delete(prefix);
        this.#lease(prefix);
      });
    });
  }

  async withdraw(prefixes: readonly Prefix[]): Promise<void> {
    this.#kernel(prefixes, () => {
      this.#events.poll();
      const before = listAddresses();
      const present = prefixes.filter((prefix) => {
        const address = this.#match(prefix, before);
        if (address) this.#see(prefix, address);
        return address !== undefined;
      });
      const gone = present.map((prefix) => this.#address(prefix, 0));
      this.#settle(present, changeAddresses("delete", gone), "EADDRNOTAVAIL", (prefix) => {
        this.#present.delete(prefix);
        this.#withdrawn.add(prefix);
        this.#deadlineNs.delete(prefix);
      });
      this.#restoreSecondaries(before);
    });
  }

  /**
   * refresh renews the lease of those that are present, taking those into it that have none yet; it adds no address.
   * Does nothing without a lease. Throws RouteError.
   */
  refresh(prefixes: readonly Prefix[]): void {
    if (this.#leaseS === 0) return;
    this.#kernel(prefixes, () => {
      this.#setLifetime(prefixes, this.#leaseS);
      for (const prefix of prefixes) if (this.#present.has(prefix)) this.#lease(prefix);
    });
  }

  changes(): readonly Change[] {
    return [...this.#withdrawn].map((prefix) => ({
      driver: this.name,
      prefix,
      undo: toUndo(this.#attributes.get(prefix) ?? defaults),
    }));
  }

  async close(): Promise<void> {
    if (!this.#unsubscribe) return;
    this.#unsubscribe();
    this.#unsubscribe = undefined;
    const { prefixes, recovery } = this.#options;
    this.#kernel(prefixes, () => {
      if (this.#leaseS > 0) this.#setLifetime(prefixes, Number.POSITIVE_INFINITY);
      this.#deadlineNs.clear();
      if (recovery !== "anchor") return;
      // A withdrawn address keeps its anchor: taking it away would change what is delivered here.
      const addresses = listAddresses();
      for (const prefix of prefixes) if (this.#match(prefix, addresses)) deleteAnchor(addressOf(prefix));
    });
  }

  /** Gives the prefix's address; RouteError where it is there in another form or on another device, which we leave alone. */
  #match(prefix: Prefix, addresses: readonly Address[]): Address | undefined {
    const { device } = this.#options;
    let match: Address | undefined;
    for (const address of addresses) {
      if (address.address !== addressOf(prefix)) continue;
      const whole = prefixOf(address.address) === `${address.address}/${address.prefixLength}`;
      if (whole && address.device === device && address.peer === undefined) match = address;
      else {
        const form = `${address.address}${address.peer ? ` peer ${address.peer}` : ""}/${address.prefixLength}`;
        const message = `expected ${prefix} on ${device} or nothing, found ${form} on ${address.device}; it was left alone`;
        throw this.#error("ERR_ROUTE_UNSUPPORTED", message, [prefix]);
      }
    }
    return match;
  }

  #see(prefix: Prefix, address: Address): void {
    this.#present.add(prefix);
    this.#attributes.set(prefix, attributesOf(address));
  }

  /** The address as it was last seen, or else as the options have it. */
  #address(prefix: Prefix, validS: number) {
    const { device, label = device } = this.#options;
    return addressWith(prefix, device, this.#attributes.get(prefix) ?? { ...defaults, label }, validS);
  }

  #addAnchors(): void {
    if (this.#options.recovery === "anchor") for (const prefix of this.#options.prefixes) addAnchor(addressOf(prefix));
  }

  #restoreAnchors(): void {
    try {
      this.#addAnchors();
    } catch (error) {
      // It is down again already (ENETDOWN): the next time that it comes up brings us here again.
      if (!(error instanceof EngineError)) throw error;
    }
  }

  #lease(prefix: Prefix): void {
    if (this.#leaseS > 0) this.#deadlineNs.set(prefix, monotonicNs() + this.#leaseS * nsPerSecond);
  }

  /** Sets the lifetime of those that are there. The kernel would add an address that is not, so deletions are heard first. */
  #setLifetime(prefixes: readonly Prefix[], validS: number): void {
    this.#events.poll();
    const addresses = listAddresses();
    const found = prefixes.filter((prefix) => {
      const address = this.#match(prefix, addresses);
      if (address) this.#see(prefix, address);
      return address && (validS !== Number.POSITIVE_INFINITY || address.validS !== Number.POSITIVE_INFINITY);
    });
    const wanted = found.map((prefix) => this.#address(prefix, validS));
    this.#settle(found, changeAddresses("replace", wanted), "", () => {});
  }

  /** Calls `done` for each that succeeded or was so already (`harmless`), then throws for the others. */
  #settle(
    prefixes: readonly Prefix[],
    errors: readonly (EngineError | undefined)[],
    harmless: string,
    done: (prefix: Prefix) => void,
  ): void {
    const failed = prefixes.filter((prefix, i) => {
      if (errors[i] && errors[i].errno !== harmless) return true;
      done(prefix);
      return false;
    });
    const cause = errors.find((error) => error && error.errno !== harmless);
    if (cause) throw this.#error("ERR_ROUTE_REFUSED", cause.message, failed, cause);
  }

  /** Deleting a primary address takes its secondaries along (promote_secondaries=0): those are put back at once. */
  #restoreSecondaries(before: readonly Address[]): void {
    const secondaries = before.filter(({ family, flags }) => family === 4 && flags & addressFlag.secondary);
    if (secondaries.length === 0) return;
    const key = ({ device, address, prefixLength }: Address) => `${address}/${prefixLength} on ${device}`;
    const left = new Set(listAddresses().map(key));
    const mine = new Set(this.#options.prefixes.map((prefix) => `${prefix} on ${this.#options.device}`));
    const vanished = secondaries.filter((address) => !left.has(key(address)) && !mine.has(key(address)));
    const cause = changeAddresses("add", vanished).find((error) => error && error.errno !== "EEXIST");
    if (!cause) return;
    const message = `deleting took other addresses along, and they could not be put back: ${vanished.map(key).join(", ")}`;
    throw this.#error("ERR_ROUTE_REFUSED", message, [], cause);
  }

  /** Events only say that something happened and who did it; what is there now is read from the kernel. */
  #heed(events: readonly NetlinkEvent[]): void {
    const { device, prefixes } = this.#options;
    const authors = new Map<string, number>();
    let wentDown = false;
    let concerned = false;
    const overrun = events.some(({ kind }) => kind === "overrun");
    for (const event of events) {
      if (event.kind === "overrun") concerned = true;
      // The kernel drops the IPv6 anchors when lo goes down.
      if (event.kind === "link" && event.name === "lo" && event.up) this.#restoreAnchors();
      if (event.kind === "link" && event.name === device) {
        wentDown ||= !event.up;
        this.#setLink(event.up);
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
      const address = addresses.find((one) => one.device === device && `${one.address}/${one.prefixLength}` === prefix);
      const was = this.#present.has(prefix);
      const appeared = address && !was && told(`address-added ${prefix}`);
      if (address && (was || appeared)) this.#see(prefix, address);
      if (appeared) this.#appeared(prefix, authors.get(`address-added ${prefix}`));
      // IPv6 addresses go with their device: the event is that of the link, and nobody took them away by hand.
      if (!address && was && told(`address-removed ${prefix}`))
        this.#vanished(prefix, authors.get(`address-removed ${prefix}`), wentDown || !this.#linkUp);
    }
  }

  #setLink(up: boolean): void {
    if (up === this.#linkUp) return;
    this.#linkUp = up;
    this.#onEvent({ kind: up ? "back" : "lost", reason: `${this.#options.device} is ${up ? "up" : "down"}` });
  }

  #appeared(prefix: Prefix, pid: number | undefined): void {
    this.#withdrawn.delete(prefix);
    this.#onEvent({ kind: "appeared", prefix, by: author(prefix, pid) });
  }

  #vanished(prefix: Prefix, pid: number | undefined, withLink: boolean): void {
    const deadlineNs = this.#deadlineNs.get(prefix) ?? Number.POSITIVE_INFINITY;
    this.#present.delete(prefix);
    this.#deadlineNs.delete(prefix);
    if (withLink) return;
    if (!pid && monotonicNs() >= deadlineNs - leaseSlackNs) this.#onEvent({ kind: "expired", prefix });
    else this.#onEvent({ kind: "removed", prefix, by: author(prefix, pid) });
  }

  #kernel(prefixes: readonly Prefix[], act: () => void): void {
    try {
      act();
    } catch (error) {
      if (error instanceof RouteError || !(error instanceof AnyprobeError)) throw error;
      throw this.#error("ERR_ROUTE_REFUSED", error.message, prefixes, error);
    }
  }

  #error(
    code: ConstructorParameters<typeof RouteError>[0],
    message: string,
    prefixes: readonly Prefix[],
    cause?: unknown,
  ): RouteError {
    return new RouteError(code, message, this.name, prefixes, { cause });
  }
}

/** author words a netlink port id; undefined: the event that names it was lost. */
function author(prefix: Prefix, pid: number | undefined): string {
  if (pid === undefined) return "somebody unseen (events were lost)";
  if (pid > 0) return pid <= maxPid ? `pid ${pid}` : `netlink port ${pid}`;
  return familyOfPrefix(prefix) === 4 ? "an ioctl tool or the kernel" : "somebody (the kernel names nobody on IPv6)";
}
