// What the frr driver remembers from call to call, and over restarts: its changes in force, and how each prefix was announced.

import { monotonicNs, nsPerMs, nsPerSecond } from "../units.js";
import type { Change, Rung } from "./driver.js";
import { type Held, heldIn, type Memory, type RouterState, type Way, wayOf } from "./frr-state.js";
import { addressCost } from "./ospf-config.js";
import type { Prefix } from "./prefix.js";

const unheededNs = nsPerSecond;

/** FrrMemory is the memory of one driver; the driver writes down in it what it changes, a reading corrects it. */
export class FrrMemory implements Memory {
  readonly held = new Map<Prefix, Held>();
  readonly known = new Map<Prefix, Way>();
  readonly devices = new Map<Prefix, string>();
  readonly wanted = new Map<Prefix, Rung | "withdrawn">();
  readonly unheeded = new Set<Prefix>();
  /** Since when a cost of ours stands in the configuration, and another in the own LSA. */
  readonly #differsNs = new Map<Prefix, number>();

  /** adopt takes over what an earlier run changed. */
  adopt(changes: readonly Change[]): void {
    for (const { prefix, undo } of changes) {
      const { rung, ...held } = undo as Held & { readonly rung?: Rung };
      this.held.set(prefix, held);
      this.known.set(prefix, wayIn(held));
      if (held.device !== undefined) this.devices.set(prefix, held.device);
      this.wanted.set(prefix, rung ?? "withdrawn");
    }
  }

  /** recall takes over how prefixes were seen announced by an earlier run, where nothing better is known. */
  recall(ways: readonly Change[]): void {
    for (const { prefix, undo } of ways) {
      if (this.known.has(prefix)) continue;
      const { device, ...way } = undo as Held;
      this.known.set(prefix, wayIn(way));
      if (device !== undefined) this.devices.set(prefix, device);
    }
  }

  /** ways lists how prefixes are announced, or were when they last were. */
  ways(driver: string): readonly Change[] {
    return [...this.known].map(([prefix, way]) => {
      const device = this.devices.get(prefix);
      return { driver, prefix, undo: { ...way, ...(device !== undefined && { device }) } };
    });
  }

  /** learn takes from a reading at `nowNs` what is in force of the changes and how `prefixes` are announced. */
  learn(state: RouterState, prefixes: readonly Prefix[], nowNs = monotonicNs()): void {
    for (const [prefix, device] of state.devices) this.devices.set(prefix, device);
    for (const prefix of new Set([...this.held.keys(), ...prefixes])) {
      const left = heldIn(state.config, prefix, this.held.get(prefix));
      if (left === undefined) this.held.delete(prefix);
      else this.held.set(prefix, left);
    }
    for (const prefix of prefixes) {
      this.#noteCost(state, prefix, nowNs);
      // A prefix can have lost its network statement to us and be redistributed since: it comes back by both.
      const way = wayIn({ ...this.held.get(prefix), ...wayOf(state, prefix, this.held) });
      if (Object.keys(way).length > 0) this.known.set(prefix, way);
    }
  }

  /** forgetRun forgets what was seen of this run of ospfd: the next may be another release. */
  forgetRun(): void {
    this.unheeded.clear();
    this.#differsNs.clear();
  }

  /** ospfd may hold a new LSA back; what it does not say well after that it never says. */
  #noteCost({ config, stubs }: RouterState, prefix: Prefix, nowNs: number): void {
    const { device, cost } = this.held.get(prefix) ?? {};
    const configured = cost === undefined ? undefined : addressCost(config, device!, prefix);
    const announced = stubs.get(prefix);
    if (configured === undefined || announced === undefined || announced === configured) {
      this.#differsNs.delete(prefix);
      return;
    }
    const sinceNs = this.#differsNs.get(prefix) ?? nowNs;
    this.#differsNs.set(prefix, sinceNs);
    if (nowNs - sinceNs > unheededNs + 2 * config.timers.throttleLsaMs * nsPerMs) this.unheeded.add(prefix);
  }

  /** changes lists what is in force, with the rung of what is depreferred. */
  changes(driver: string): readonly Change[] {
    return [...this.held].map(([prefix, held]) => {
      const wanted = this.wanted.get(prefix);
      const kept = wanted ?? held.listed;
      const rung = kept === "withdrawn" ? undefined : kept;
      return { driver, prefix, undo: { ...held, ...(rung !== undefined && { rung }) } };
    });
  }
}

function wayIn({ network, covered, suppressed, redistribute }: Held): Way {
  return {
    ...(network !== undefined && { network }),
    ...((covered || suppressed) && { covered: true }),
    ...(redistribute !== undefined && { redistribute }),
  };
}
