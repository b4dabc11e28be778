// The ifupdown driver: `ifdown lo:0` and `ifup lo:0`, for hosts where ifupdown owns the address. Their exit status says little
// ("not configured" is a success), so what counts is what the kernel has afterwards.
import { listAddresses, listLinks } from "../engine/netlink.js";
import type { NetlinkEvents } from "../engine/netlink-watch.js";
import { AnyprobeError, RouteError } from "../errors.js";
import { matchAddress, restoreOthers } from "./address-list.js";
import { AddressWatch } from "./address-watch.js";
import { Anchors } from "./anchor.js";
import type { Announcement, Change, Driver, DriverEvent, Observation } from "./driver.js";
import { readStanza } from "./ifupdown-stanza.js";
import type { Prefix } from "./prefix.js";
import { programEnvironment } from "./program.js";
import { type ProgramOutcome, runProgram } from "./program-outcome.js";

/** IfupdownOptions is which alias the driver moves, and how. */
export interface IfupdownOptions {
  /** An alias of a device, as `lo:0`: `ifdown` of a device itself would set it down, with all that is on it. */
  readonly interface: string;
  /** anchor: keep withdrawn addresses delivered to this host, so that recovery is probed there. */
  readonly recovery: "anchor" | "alias" | "manual";
  /** Each run of ifup or ifdown is killed after so long. */
  readonly timeoutMs: number;
  /** All that this driver may move. */
  readonly prefixes: readonly Prefix[];
}

type RouteErrorCode = ConstructorParameters<typeof RouteError>[0];

/** isAlias tells whether a name is one of an alias: a device, a colon and more, at most 15 octets. */
export function isAlias(name: string): boolean {
  return /^[^\s:/=]+:[^\s:/=]+$/.test(name) && Buffer.byteLength(name) <= 15;
}

/** IfupdownDriver moves the addresses of one alias, which come and go together. It never sets a device down. */
export class IfupdownDriver implements Driver {
  readonly name = "ifupdown";
  readonly rungs: readonly Announcement[] = ["announced", "withdrawn"];
  readonly #options: IfupdownOptions;
  readonly #device: string;
  readonly #watch: AddressWatch;
  readonly #anchors: Anchors | undefined;
  readonly #environment = programEnvironment({ PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` });
  /** Those that we took away. */
  readonly #withdrawn = new Set<Prefix>();
  /** What moving them last did besides. */
  readonly #besides = new Map<Prefix, string>();
  #running: Promise<unknown> | undefined;

  /** Takes events from `events`, which outlives this driver. Throws TypeError where the interface is no alias. */
  constructor(options: IfupdownOptions, events: NetlinkEvents) {
    if (!isAlias(options.interface))
      throw new TypeError(`expected an alias like lo:0 of at most 15 octets, got "${options.interface}"`);
    this.#options = options;
    this.#device = options.interface.slice(0, options.interface.indexOf(":"));
    const { prefixes } = options;
    this.#anchors = options.recovery === "anchor" ? new Anchors(prefixes, events) : undefined;
    const onSeen = (prefix: Prefix) => void this.#withdrawn.delete(prefix);
    this.#watch = new AddressWatch({ driver: this.name, device: this.#device, prefixes, onSeen }, events);
  }

  async open(changes: readonly Change[], onEvent: (event: DriverEvent) => void): Promise<void> {
    const { prefixes } = this.#options;
    this.#kernel(prefixes, () => {
      const link = listLinks().find(({ name }) => name === this.#device);
      if (!link) throw this.#error("ERR_ROUTE_UNREACHABLE", `there is no device ${this.#device}`, prefixes);
      this.#anchors?.open();
      this.#watch.open(link.up, listAddresses(), onEvent);
    });
    for (const { driver, prefix } of changes)
      if (driver === this.name && !this.#watch.has(prefix)) this.#withdrawn.add(prefix);
  }

  async observe(prefixes: readonly Prefix[]): Promise<ReadonlyMap<Prefix, Observation>> {
    return this.#watch.observe(prefixes, this.#besides);
  }

  announce(prefixes: readonly Prefix[]): Promise<void> {
    return this.#track(this.#announce(prefixes));
  }

  withdraw(prefixes: readonly Prefix[]): Promise<void> {
    return this.#track(this.#withdraw(prefixes));
  }

  changes(): readonly Change[] {
    return [...this.#withdrawn].map((prefix) => {
      return { driver: this.name, prefix, undo: { interface: this.#options.interface } };
    });
  }

  /** What is under way ends by itself, or at its timeout: cut short, ifupdown would not know what it has done. */
  async close(): Promise<void> {
    if (!this.#watch.close()) return;
    await this.#running;
    const { prefixes } = this.#options;
    this.#kernel(prefixes, () => {
      const here = this.#here();
      this.#anchors?.close(prefixes.filter((prefix) => here.has(prefix)));
    });
  }

  async #announce(prefixes: readonly Prefix[]): Promise<void> {
    this.#watch.poll();
    const trouble = this.#kernel(prefixes, () => this.#watch.raise());
    if (trouble !== undefined) throw this.#error("ERR_ROUTE_UNREACHABLE", trouble, prefixes);
    const { moved, stanza } = await this.#wouldMove(prefixes, "ifup", (here, name) => !here.has(name));
    // Forced, it takes no notice of what it thinks it has done, nor of addresses that are there already.
    // Addresses of it that are there already are errors to ifup.
    const force = () => (moved.length < stanza.length ? ["--force", "--ignore-errors"] : ["--force"]);
    await this.#watch.act(moved, () => this.#bring(moved, "ifup", force, (here, prefix) => here.has(prefix)));
  }

  async #withdraw(prefixes: readonly Prefix[]): Promise<void> {
    const { moved } = await this.#wouldMove(prefixes, "ifdown", (here, name) => here.has(name));
    try {
      await this.#watch.act(moved, () =>
        this.#bring(
          moved,
          "ifdown",
          () => ["--force"],
          (here, prefix) => !here.has(prefix),
        ),
      );
    } finally {
      for (const prefix of moved) if (!this.#watch.has(prefix)) this.#withdrawn.add(prefix);
    }
  }

  /**
   * Those of `prefixes` that a program would move, and all that the interface has. RouteError where it would move others along, or would not move all of them:
   * an interface is what its stanzas have, whole.
   */
  async #wouldMove(
    prefixes: readonly Prefix[],
    program: "ifup" | "ifdown",
    moves: (here: ReadonlySet<string>, name: string) => boolean,
  ): Promise<{ readonly moved: readonly Prefix[]; readonly stanza: readonly string[] }> {
    const { interface: alias, timeoutMs } = this.#options;
    const stanza = await readStanza(alias, this.#environment, timeoutMs);
    if (typeof stanza === "string") throw this.#error("ERR_ROUTE_UNREACHABLE", stanza, prefixes);
    const strange = prefixes.filter((prefix) => !stanza.includes(prefix));
    if (strange.length > 0) {
      const has = stanza.length === 0 ? "no address" : stanza.join(", ");
      const message = `expected ${strange.join(", ")} in the stanzas of ${alias} in /etc/network/interfaces, found ${has}`;
      throw this.#error("ERR_ROUTE_UNSUPPORTED", message, strange);
    }
    const here = this.#here();
    const along = stanza.filter((name) => moves(here, name) && !prefixes.includes(name as Prefix));
    if (along.length > 0) {
      const message = `\`${program} ${alias}\` would move ${along.join(", ")} along, which is not to move now: what one interface has moves together`;
      throw this.#error("ERR_ROUTE_UNSUPPORTED", message, prefixes);
    }
    return { moved: prefixes.filter((prefix) => moves(here, prefix)), stanza };
  }

  /** Runs a program and, where the kernel does not show what it should have done, runs it with `force`. */
  async #bring(
    prefixes: readonly Prefix[],
    program: "ifup" | "ifdown",
    force: () => readonly string[],
    isDone: (here: ReadonlySet<string>, prefix: Prefix) => boolean,
  ): Promise<void> {
    if (prefixes.length === 0) return;
    const { interface: alias } = this.#options;
    const before = listAddresses();
    const remaining = () => {
      const here = this.#here();
      return prefixes.filter((prefix) => !isDone(here, prefix));
    };
    let outcome = await this.#run([program]);
    // It says that all is well and has done nothing: it thinks that there is nothing to do. A hook that refused is not overruled.
    const forced = remaining().length > 0 && outcome.fault === undefined;
    if (forced) outcome = await this.#run([program, ...force()]);
    const left = remaining();
    const notes = [
      forced ? `ifupdown had ${alias} otherwise than the kernel: it took \`${program} --force\`` : undefined,
      left.length === 0 ? outcome.fault : undefined,
      this.#kernel(prefixes, () => restoreOthers(before, this.#options.prefixes, this.#holding)),
    ].filter((note) => note !== undefined);
    for (const prefix of prefixes) {
      if (notes.length > 0) this.#besides.set(prefix, notes.join("; "));
      else this.#besides.delete(prefix);
    }
    if (left.length === 0) return;
    const vain = `\`${program} ${alias}\` left ${left.join(", ")} as it was`;
    const message = outcome.fault ?? `${vain}${outcome.complaint && `: ${outcome.complaint}`}`;
    throw this.#error("ERR_ROUTE_REFUSED", message, left);
  }

  #run(program: readonly string[]): Promise<ProgramOutcome> {
    const { interface: alias, timeoutMs } = this.#options;
    return runProgram({ command: [...program, alias], environment: this.#environment }, timeoutMs);
  }

  /** What is on the device, as `203.0.113.53/32`. RouteError where one of ours is in another form or place. */
  #here(): ReadonlySet<string> {
    return this.#kernel(this.#options.prefixes, () => {
      const addresses = listAddresses();
      for (const prefix of this.#options.prefixes) matchAddress(prefix, this.#holding, addresses);
      const here = addresses.filter(({ device }) => device === this.#device);
      return new Set(here.map(({ address, prefixLength }) => `${address}/${prefixLength}`));
    });
  }

  get #holding() {
    return { driver: this.name, device: this.#device };
  }

  async #track(running: Promise<void>): Promise<void> {
    this.#running = running.catch(() => {});
    await running;
  }

  #kernel<T>(prefixes: readonly Prefix[], act: () => T): T {
    try {
      return act();
    } catch (error) {
      if (error instanceof RouteError || !(error instanceof AnyprobeError)) throw error;
      throw this.#error("ERR_ROUTE_REFUSED", error.message, prefixes, error);
    }
  }

  #error(code: RouteErrorCode, message: string, prefixes: readonly Prefix[], cause?: unknown): RouteError {
    return new RouteError(code, message, this.name, prefixes, { cause });
  }
}
