// Leases: renewed only while this daemon decides, so that the kernel takes a prefix away when nobody does any more.
import type { AddressDriver } from "../route/address.js";
import type { Prefix } from "../route/prefix.js";
import { monotonicNs, nsPerMs } from "../units.js";
import type { Journal } from "./journal.js";

export interface LeaseOptions {
  /** The address drivers that have a lease. */
  readonly leased: ReadonlyMap<AddressDriver, { readonly prefixes: readonly Prefix[]; readonly leaseMs: number }>;
  /** When the gate check of a prefix that has waited longest was last judged. */
  readonly judgedNs: (prefix: Prefix) => number;
  /** Frozen, it is renewed whatever was judged: nothing is to be touched. */
  readonly isFrozen: () => boolean;
  readonly journal: Journal;
}

/** LeaseReport is how long a prefix's address would stay if nobody renewed its lease from now on. */
export interface LeaseReport {
  readonly prefix: Prefix;
  readonly leftNs: number;
}

/** Leases are renewed from open() to close(). */
export class Leases {
  readonly #options: LeaseOptions;
  readonly #renewedNs = new Map<Prefix, number>();
  readonly #timers: NodeJS.Timeout[] = [];

  constructor(options: LeaseOptions) {
    this.#options = options;
  }

  /** open renews all of them at once: one that an earlier daemon left may be about to run out. */
  open(): void {
    for (const [driver, { prefixes, leaseMs }] of this.#options.leased) {
      this.#renew(driver, prefixes);
      const due = () => prefixes.filter((prefix) => this.#isDue(prefix));
      this.#timers.push(setInterval(() => this.#renew(driver, due()), Math.min(1000, leaseMs / 4)));
    }
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  /** report tells of the prefixes whose lease was renewed by these; 0 ns where it has run out since. */
  report(nowNs: number): LeaseReport[] {
    return [...this.#options.leased.values()].flatMap(({ prefixes, leaseMs }) =>
      prefixes.flatMap((prefix) => {
        const renewedNs = this.#renewedNs.get(prefix);
        const leftNs = (renewedNs ?? 0) + leaseMs * nsPerMs - nowNs;
        return renewedNs === undefined ? [] : [{ prefix, leftNs: Math.max(0, leftNs) }];
      }),
    );
  }

  /** Only after every gate check was judged since the last time: a daemon that decides nothing loses it. */
  #isDue(prefix: Prefix): boolean {
    return (
      this.#options.isFrozen() ||
      this.#options.judgedNs(prefix) > (this.#renewedNs.get(prefix) ?? Number.NEGATIVE_INFINITY)
    );
  }

  #renew(driver: AddressDriver, prefixes: readonly Prefix[]): void {
    try {
      driver.refresh(prefixes);
      for (const prefix of prefixes) this.#renewedNs.set(prefix, monotonicNs());
    } catch (error) {
      const message = `a lease could not be renewed: ${(error as Error).message}`;
      this.#options.journal.tell("error", { kind: "lease", message, evidence: { prefixes } });
    }
  }
}
