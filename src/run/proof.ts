// Proof: a prefix whose lease ran out, or whose order is over, is announced again only after its checks have passed with probes
// that were sent since. What they knew before does not count.
import type { Prefix } from "../route/prefix.js";
import type { PrefixCheck } from "./prefix-check.js";
import type { Wants } from "./wants.js";

/** Proofs remembers which prefixes owe one, and since when. */
export class Proofs {
  readonly #owed: Map<Prefix, number>;

  constructor(earlier?: Proofs) {
    this.#owed = new Map(earlier ? earlier.#owed : []);
  }

  /** areBrought tells whether any of those that are owed has been brought since. */
  areBrought(wants: Pick<Wants, "gatesAt">): boolean {
    return [...this.#owed].some(([prefix, sinceNs]) => isBrought(wants.gatesAt(prefix), sinceNs));
  }

  demand(prefix: Prefix, nowNs: number): void {
    this.#owed.set(prefix, nowNs);
  }

  /** given tells whether a prefix owes none, or its gate checks have brought it. */
  given(prefix: Prefix, gates: readonly PrefixCheck[]): boolean {
    const sinceNs = this.#owed.get(prefix);
    if (sinceNs === undefined) return true;
    if (!isBrought(gates, sinceNs)) return false;
    this.#owed.delete(prefix);
    return true;
  }
}

/** A check that is down beside others that are enough proves nothing either way. */
function isBrought(gates: readonly PrefixCheck[], sinceNs: number): boolean {
  const standing = gates.filter(({ check }) => check.settled === "up");
  return standing.length > 0 && standing.every(({ passedNs }) => passedNs > sinceNs);
}
