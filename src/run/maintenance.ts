// Maintenance: the operators' orders and the freeze, with their ends and the traffic of drains. It says what is asked; what
// becomes of a prefix is decided with its checks and the guard. It outlives a reload.
import { TrafficMeter } from "../engine/traffic.js";
import { EngineError } from "../errors.js";
import { addressOf, type Prefix } from "../route/prefix.js";
import { formatDuration, monotonicNs, nsPerMs } from "../units.js";
import type { BootClock } from "./boot-clock.js";
import type { OrderKind } from "./decision.js";
import { Drain } from "./drain.js";
import type { Journal } from "./journal.js";
import { narrateOrder } from "./narrate.js";
import { type Freeze, leftMs, type Order, Orders } from "./order.js";
import type { FreezeReport, OrderReport } from "./status.js";

/** Terms are what an operator says with an order. */
export interface Terms {
  /** Who, as the kernel says: `root (pid 4711)`. */
  readonly by: string;
  readonly reason: string | null;
  readonly forMs: number | null;
  readonly force: boolean;
}

/** Draining is how the route of a drained prefix stands. */
export interface Draining {
  /** The neighbours hold it at the drained cost. */
  readonly raised: boolean;
  /** There is a cost to raise; else it goes at once. */
  readonly canDeprefer: boolean;
  /** How long to wait for the traffic to go. */
  readonly boundMs: number;
}

interface Followed {
  readonly drain: Drain;
  readonly meter: TrafficMeter | undefined;
}

/** Maintenance lasts from its construction to close(). */
export class Maintenance {
  readonly #clock: BootClock;
  readonly #journal: Journal;
  readonly #orders: Orders;
  readonly #drains = new Map<Prefix, Followed>();
  #freeze: Freeze | null;

  constructor(clock: BootClock, journal: Journal, orders: readonly Order[], freeze: Freeze | null) {
    this.#clock = clock;
    this.#journal = journal;
    this.#orders = new Orders(orders);
    this.#freeze = freeze;
  }

  get frozen(): boolean {
    return this.#freeze !== null;
  }

  get draining(): boolean {
    return this.#orders.all().some(({ kind, drained }) => kind === "drain" && !drained);
  }

  /** For the state file. */
  get orders(): readonly Order[] {
    return this.#orders.all();
  }

  get freezing(): Freeze | null {
    return this.#freeze;
  }

  orderOf(prefix: Prefix): Order | undefined {
    return this.#orders.get(prefix);
  }

  /** give takes the place of earlier orders of these prefixes. */
  give(kind: OrderKind, prefixes: readonly Prefix[], { by, reason, forMs, force }: Terms): void {
    const given = this.#clock.now();
    for (const prefix of prefixes) {
      this.#forgetDrain(prefix);
      this.#orders.give({ prefix, kind, by, reason, force, given, forMs, drained: false });
    }
    narrateOrder(this.#journal, { kind, prefixes, by, reason, forMs, action: "given" });
  }

  /** end lifts the orders of these prefixes; it returns those that had one. */
  end(prefixes: readonly Prefix[], by: string): readonly Prefix[] {
    const ended = prefixes.flatMap((prefix) => this.#orders.end(prefix) ?? []);
    this.#tellEnd(ended, by, "ended");
    return ended.map(({ prefix }) => prefix);
  }

  freeze({ by, reason, forMs }: Terms): void {
    this.#freeze = { by, reason, forMs, given: this.#clock.now() };
    const span = forMs === null ? "until it is lifted" : `for ${formatDuration(forMs * nsPerMs)}`;
    const message = `frozen by ${by} ${span}: no route or address is touched${reason ? ` (${reason})` : ""}`;
    this.#journal.tell("warn", { kind: "freeze", message });
  }

  /** unfreeze returns false where nothing was frozen. */
  unfreeze(by: string): boolean {
    if (!this.#freeze) return false;
    this.#freeze = null;
    // They measure anew.
    this.close();
    this.#journal.tell("info", { kind: "unfreeze", message: `the freeze was lifted by ${by}` });
    return true;
  }

  /** expire ends what has had its time. It returns the prefixes whose orders are over, and whether the freeze is. */
  expire(): { readonly prefixes: readonly Prefix[]; readonly thawed: boolean } {
    const now = this.#clock.now();
    const over = this.#orders.expire(now);
    this.#tellEnd(over, undefined, "expired");
    const thawed = this.#freeze !== null && leftMs(this.#freeze, now) === 0;
    if (thawed) this.unfreeze("its time");
    return { prefixes: over.map(({ prefix }) => prefix), thawed };
  }

  /** follow looks after the drains under way; it returns those whose traffic is gone now. */
  follow(stateOf: (prefix: Prefix) => Draining | undefined): readonly Prefix[] {
    // No cost goes up under a freeze: time that passes then drains nothing.
    if (this.frozen) return [];
    return this.#orders.all().flatMap((order) => {
      const state = order.kind === "drain" && !order.drained ? stateOf(order.prefix) : undefined;
      if (!state || !this.#isGone(order.prefix, state)) return [];
      const traffic = this.#drains.get(order.prefix)?.drain.traffic ?? "no cost to raise";
      this.#forgetDrain(order.prefix);
      this.#orders.give({ ...order, drained: true });
      const message = `${order.prefix} is drained (${traffic}): it may go now`;
      this.#journal.tell("info", { kind: "drained", prefix: order.prefix, message });
      return [order.prefix];
    });
  }

  /** isRaised tells whether a drain's cost is to be up: the traffic before it is measured first. */
  isRaised(prefix: Prefix): boolean {
    return this.#drains.get(prefix)?.drain.phase !== "measuring";
  }

  reportFreeze(): FreezeReport | null {
    const freeze = this.#freeze;
    return freeze && { by: freeze.by, reason: freeze.reason, leftMs: leftMs(freeze, this.#clock.now()) };
  }

  reportOrder(prefix: Prefix): OrderReport | null {
    const order = this.#orders.get(prefix);
    if (!order) return null;
    const { kind, by, reason, drained } = order;
    const followed = this.#drains.get(prefix)?.drain;
    const phase =
      kind !== "drain" ? undefined : drained ? "drained" : followed && `${followed.phase}, ${followed.traffic}`;
    return { kind, by, reason, leftMs: leftMs(order, this.#clock.now()), ...(phase !== undefined && { phase }) };
  }

  close(): void {
    for (const prefix of [...this.#drains.keys()]) this.#forgetDrain(prefix);
  }

  #isGone(prefix: Prefix, { raised, canDeprefer, boundMs }: Draining): boolean {
    if (!canDeprefer) return true;
    const nowNs = monotonicNs();
    let followed = this.#drains.get(prefix);
    if (!followed) {
      const meter = this.#meter(prefix);
      // With the cost up already, as after a restart, there is no rate before.
      followed = { meter, drain: new Drain(nowNs, boundMs * nsPerMs, meter !== undefined && !raised) };
      this.#drains.set(prefix, followed);
    }
    const packets = followed.meter?.read().get(addressOf(prefix));
    return followed.drain.step(nowNs, packets, raised) === "gone";
  }

  /** Without the permission to count, only the bound ends a drain; that is said. */
  #meter(prefix: Prefix): TrafficMeter | undefined {
    try {
      return new TrafficMeter([addressOf(prefix)]);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      const message = `the traffic of ${prefix} cannot be counted (${error.message}): the drain takes its whole time`;
      this.#journal.tell("warn", { kind: "drain", prefix, message });
      return undefined;
    }
  }

  #forgetDrain(prefix: Prefix): void {
    this.#drains.get(prefix)?.meter?.close();
    this.#drains.delete(prefix);
  }

  #tellEnd(orders: readonly Order[], by: string | undefined, action: "ended" | "expired"): void {
    for (const order of orders) {
      this.#forgetDrain(order.prefix);
      const { kind, prefix, reason, forMs } = order;
      narrateOrder(this.#journal, { kind, prefixes: [prefix], by: by ?? order.by, reason, forMs, action });
    }
  }
}
