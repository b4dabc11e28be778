// Orders: what operators have asked of prefixes, by whom, why, and for how long. They outlive a restart, and end by
// themselves, by `undrain`, or by another order.
import type { Prefix } from "../route/prefix.js";
import { type Moment, remainingMs } from "./boot-clock.js";
import type { OrderKind } from "./decision.js";

/** Order is one operator's wish for one prefix; plain JSON for the state file. */
export interface Order {
  readonly prefix: Prefix;
  readonly kind: OrderKind;
  /** Who gave it, as the kernel says: `root (pid 4711)`. */
  readonly by: string;
  readonly reason: string | null;
  /** Past the guard. */
  readonly force: boolean;
  readonly given: Moment;
  /** How long it lasts; null: until it is ended. */
  readonly forMs: number | null;
  /** A drain's traffic is gone, or its time was up: the prefix goes. */
  readonly drained: boolean;
}

/** Orders holds at most one order a prefix. */
export class Orders {
  readonly #orders: Map<Prefix, Order>;

  constructor(orders: readonly Order[] = []) {
    this.#orders = new Map(orders.map((order) => [order.prefix, order]));
  }

  get(prefix: Prefix): Order | undefined {
    return this.#orders.get(prefix);
  }

  all(): readonly Order[] {
    return [...this.#orders.values()];
  }

  /** give takes the place of an earlier order of the prefix. */
  give(order: Order): void {
    this.#orders.set(order.prefix, order);
  }

  /** end returns the order that it ended, if there was one. */
  end(prefix: Prefix): Order | undefined {
    const order = this.#orders.get(prefix);
    this.#orders.delete(prefix);
    return order;
  }

  /** expire ends and returns all whose time is up. */
  expire(now: Moment): readonly Order[] {
    const over = this.all().filter((order) => leftMs(order, now) === 0);
    for (const { prefix } of over) this.#orders.delete(prefix);
    return over;
  }
}

/** leftMs tells how long an order, or a freeze, still lasts; null where it has no end. */
export function leftMs(
  { given, forMs }: { readonly given: Moment; readonly forMs: number | null },
  now: Moment,
): number | null {
  return forMs === null ? null : remainingMs(given, forMs, now);
}

/** isOrder tells whether a value out of a state file is an order. */
export function isOrder(value: unknown): value is Order {
  const { prefix, kind, by, reason, force, given, forMs, drained } = (value ?? {}) as Record<string, unknown>;
  return (
    typeof prefix === "string" &&
    (kind === "drain" || kind === "withdraw" || kind === "announce") &&
    typeof by === "string" &&
    (reason === null || typeof reason === "string") &&
    typeof force === "boolean" &&
    typeof drained === "boolean" &&
    isMoment(given) &&
    (forMs === null || typeof forMs === "number")
  );
}

/** Freeze is the order to touch nothing at all. */
export interface Freeze {
  readonly by: string;
  readonly reason: string | null;
  readonly given: Moment;
  readonly forMs: number | null;
}

/** isFreeze tells whether a value out of a state file is a freeze. */
export function isFreeze(value: unknown): value is Freeze {
  const { by, reason, given, forMs } = (value ?? {}) as Record<string, unknown>;
  return (
    typeof by === "string" &&
    (reason === null || typeof reason === "string") &&
    isMoment(given) &&
    (forMs === null || typeof forMs === "number")
  );
}

/** isMoment tells whether a value out of a state file is a moment. */
export function isMoment(value: unknown): value is Moment {
  const { bootId, bootNs, wallMs } = (value ?? {}) as Record<string, unknown>;
  return typeof bootId === "string" && typeof bootNs === "number" && typeof wallMs === "number";
}
