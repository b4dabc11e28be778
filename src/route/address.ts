// The address driver: a prefix is announced while its address is on the device (the router redistributes it or runs OSPF
// there), and withdrawn by deleting exactly that address. It reads back the kernel's own list and forks nothing.
import { type Address, changeAddresses, listAddresses, listLinks } from "../engine/netlink.js";
import type { NetlinkEvents } from "../engine/netlink-watch.js";
import { AnyprobeError, type EngineError, RouteError } from "../errors.js";
import { monotonicNs, nsPerSecond } from "../units.js";
import { type Attributes, addressWith, attributesOf, defaults, fromUndo, toUndo } from "./address-attributes.js";
import { matchAddress, restoreOthers } from "./address-list.js";
import { AddressWatch } from "./address-watch.js";
import { Anchors } from "./anchor.js";
import type { Announcement, Change, Driver, DriverEvent, Observation } from "./driver.js";
import type { Prefix } from "./prefix.js";

/** AddressOptions is which addresses of which device the driver moves, and how. */
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

/** AddressDriver moves the addresses of one device. It changes no other address and never sets the device down. */
export class AddressDriver implements Driver {
  readonly name = "address";
  readonly rungs: readonly Announcement[] = ["announced", "withdrawn"];
  readonly #options: AddressOptions;
  readonly #watch: AddressWatch;
  readonly #anchors: Anchors | undefined;
  /** 0: no lease. */
  readonly #leaseS: number;
  /** Those that we took away; each has its attributes below. */
  readonly #withdrawn = new Set<Prefix>();
  /** What each address was like when it was last seen. */
  readonly #attributes = new Map<Prefix, Attributes>();
  /** When each lease runs out, CLOCK_MONOTONIC. */
  readonly #deadlineNs = new Map<Prefix, number>();
  /** What taking them away did besides. */
  readonly #besides = new Map<Prefix, string>();

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
    this.#leaseS = Math.ceil(options.leaseMs / 1000);
    const { prefixes } = options;
    this.#anchors = options.recovery === "anchor" ? new Anchors(prefixes, events) : undefined;
    const onSeen = (prefix: Prefix, address: Address) => this.#see(prefix, address);
    const onGone = (prefix: Prefix, byKernel: boolean) => this.#forget(prefix, byKernel);
    this.#watch = new AddressWatch({ driver: this.name, device, prefixes, onSeen, onGone }, events);
  }

  async open(changes: readonly Change[], onEvent: (event: DriverEvent) => void): Promise<void> {
    const { device, prefixes } = this.#options;
    this.#kernel(prefixes, () => {
      const link = listLinks().find(({ name }) => name === device);
      if (!link) throw this.#error("ERR_ROUTE_UNREACHABLE", `there is no device ${device}`, prefixes);
      // Before anything is withdrawn, so that there is no moment in which the address is delivered nowhere.
      this.#anchors?.open();
      const addresses = listAddresses();
      for (const prefix of prefixes) this.#match(prefix, addresses);
      this.#watch.open(link.up, addresses, onEvent);
    });
    for (const { driver, prefix, undo } of changes) {
      if (driver !== this.name || this.#watch.has(prefix)) continue;
      this.#withdrawn.add(prefix);
      this.#attributes.set(prefix, fromUndo(undo));
    }
  }

  async observe(prefixes: readonly Prefix[]): Promise<ReadonlyMap<Prefix, Observation>> {
    return this.#watch.observe(prefixes, this.#besides);
  }

  async announce(prefixes: readonly Prefix[]): Promise<void> {
    this.#kernel(prefixes, () => {
      this.#watch.poll();
      this.#raise(prefixes);
      const addresses = listAddresses();
      const missing = prefixes.filter((prefix) => !this.#match(prefix, addresses));
      const wanted = missing.map((prefix) => this.#address(prefix, this.#leaseS || Number.POSITIVE_INFINITY));
      this.#settle(missing, changeAddresses("add", wanted), "EEXIST", (prefix) => {
        this.#watch.came(prefix);
        this.#withdrawn.delete(prefix);
        this.#lease(prefix);
      });
    });
  }

  async withdraw(prefixes: readonly Prefix[]): Promise<void> {
    this.#kernel(prefixes, () => {
      this.#watch.poll();
      const before = listAddresses();
      const present = prefixes.filter((prefix) => {
        const address = this.#match(prefix, before);
        if (address) this.#see(prefix, address);
        return address !== undefined;
      });
      const gone = present.map((prefix) => this.#address(prefix, 0));
      this.#settle(present, changeAddresses("delete", gone), "EADDRNOTAVAIL", (prefix) => {
        this.#watch.left(prefix);
        this.#withdrawn.add(prefix);
        this.#deadlineNs.delete(prefix);
      });
      const besides = restoreOthers(before, this.#options.prefixes, this.#holding);
      for (const prefix of present) {
        if (besides === undefined) this.#besides.delete(prefix);
        else this.#besides.set(prefix, besides);
      }
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
      for (const prefix of prefixes) if (this.#watch.has(prefix)) this.#lease(prefix);
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
    if (!this.#watch.close()) return;
    const { prefixes } = this.#options;
    this.#kernel(prefixes, () => {
      if (this.#leaseS > 0) this.#setLifetime(prefixes, Number.POSITIVE_INFINITY);
      this.#deadlineNs.clear();
      // A withdrawn address keeps its anchor: taking it away would change what is delivered here.
      const addresses = listAddresses();
      this.#anchors?.close(prefixes.filter((prefix) => this.#match(prefix, addresses)));
    });
  }

  get #holding() {
    return { driver: this.name, device: this.#options.device };
  }

  #match(prefix: Prefix, addresses: readonly Address[]): Address | undefined {
    return matchAddress(prefix, this.#holding, addresses);
  }

  #see(prefix: Prefix, address: Address): void {
    this.#watch.came(prefix);
    this.#withdrawn.delete(prefix);
    this.#attributes.set(prefix, attributesOf(address));
  }

  /** True where the kernel took it away because its lease ran out. */
  #forget(prefix: Prefix, byKernel: boolean): boolean {
    const deadlineNs = this.#deadlineNs.get(prefix) ?? Number.POSITIVE_INFINITY;
    this.#deadlineNs.delete(prefix);
    return byKernel && monotonicNs() >= deadlineNs - leaseSlackNs;
  }

  #raise(prefixes: readonly Prefix[]): void {
    const trouble = this.#watch.raise();
    if (trouble !== undefined) throw this.#error("ERR_ROUTE_UNREACHABLE", trouble, prefixes);
  }

  /** The address as it was last seen, or else as the options have it. */
  #address(prefix: Prefix, validS: number) {
    const { device, label = device } = this.#options;
    return addressWith(prefix, device, this.#attributes.get(prefix) ?? { ...defaults, label }, validS);
  }

  #lease(prefix: Prefix): void {
    if (this.#leaseS > 0) this.#deadlineNs.set(prefix, monotonicNs() + this.#leaseS * nsPerSecond);
  }

  /** Sets the lifetime of those that are there. The kernel would add an address that is not, so deletions are heard first. */
  #setLifetime(prefixes: readonly Prefix[], validS: number): void {
    this.#watch.poll();
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
