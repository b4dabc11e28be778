// What the driver of ospf6d remembers from call to call, and over restarts: its changes in force, and how each prefix was announced.
import { type Change, isRung, type Rung } from "./driver.js";
import type { Kept } from "./frr-lists.js";
import { type Held6, heldIn, type Memory6, type Router6State, type Way6, wayOf6 } from "./frr6-state.js";
import type { Prefix } from "./prefix.js";

/** Frr6Memory is the memory of one driver; the driver writes down in it what it changes, a reading corrects it. */
export class Frr6Memory implements Memory6 {
  readonly held = new Map<Prefix, Held6>();
  readonly known = new Map<Prefix, Way6>();
  readonly wanted = new Map<Prefix, Kept>();

  /** adopt takes over what an earlier run changed. */
  adopt(changes: readonly Change[]): void {
    for (const { prefix, undo } of changes) {
      const { rung, ...held } = undo as Held6 & { readonly rung?: Rung };
      this.held.set(prefix, held);
      this.known.set(prefix, wayIn(held));
      this.wanted.set(prefix, rung ?? "withdrawn");
    }
  }

  /** recall takes over how prefixes were seen announced by an earlier run, where nothing better is known. */
  recall(ways: readonly Change[]): void {
    for (const { prefix, undo } of ways) {
      this.known.set(prefix, { ...wayIn(undo), ...this.known.get(prefix) });
    }
  }

  /** ways lists how prefixes are announced, or were when they last were. */
  ways(driver: string): readonly Change[] {
    return [...this.known].map(([prefix, way]) => ({ driver, prefix, undo: { ...way } }));
  }

  /** learn takes from a reading what is in force of the changes and how `prefixes` are announced. */
  learn(state: Router6State, prefixes: readonly Prefix[]): void {
    for (const prefix of new Set([...this.held.keys(), ...prefixes])) {
      const held = heldIn(state.config, prefix, this.held.get(prefix));
      if (held === undefined) this.held.delete(prefix);
      else this.held.set(prefix, held);
    }
    for (const prefix of prefixes) {
      const way = { ...wayIn(this.held.get(prefix) ?? {}), ...wayOf6(state, prefix, this.held) };
      if (Object.keys(way).length > 0) this.known.set(prefix, way);
    }
  }

  /** changes lists what is in force, with the rung of what is depreferred. */
  changes(driver: string): readonly Change[] {
    return [...this.held].map(([prefix, held]) => {
      const kept = this.wanted.get(prefix) ?? held.listed;
      return { driver, prefix, undo: { ...held, ...(kept !== undefined && isRung(kept) && { rung: kept }) } };
    });
  }
}

function wayIn({ device, redistribute }: Held6): Way6 {
  return { ...(device !== undefined && { device }), ...(redistribute !== undefined && { redistribute }) };
}
