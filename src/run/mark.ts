// The mark rule: packets with our mark go nowhere but to this host itself, so that no other endpoint can answer a probe.
import { addMarkRule, deleteMarkRule } from "../engine/netlink.js";
import { EngineError } from "../errors.js";
import type { Family } from "../probe/target.js";

/** probeMark is on every packet of the daemon's probes ("anyp"). */
export const probeMark = 0x616e7970;

/** Guarded says whether a guard or a sense of the daemon is on, and why not. */
export interface Guarded {
  readonly on: boolean;
  readonly reason?: string;
}

/** MarkRule is in force until it is disposed of. */
export class MarkRule implements Disposable {
  /** The mark to put on probes; undefined where the rule could not be installed. */
  readonly mark: number | undefined;
  readonly guarded: Guarded;
  readonly #mark: number;
  readonly #families: Family[] = [];

  /**
   * Installs the rule for these families, or says why the guard is off: it never throws. Whoever runs beside the daemon needs
   * a mark of its own, or its end would take the daemon's rule away.
   */
  constructor(families: readonly Family[], mark = probeMark) {
    this.#mark = mark;
    try {
      for (const family of families) {
        addMarkRule(family, mark);
        this.#families.push(family);
      }
      this.mark = mark;
      this.guarded = { on: true };
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      this.guarded = { on: false, reason: error.message };
      this[Symbol.dispose]();
    }
  }

  /** Idempotent. Never throws: a rule that is left over concerns our own packets only. */
  [Symbol.dispose](): void {
    for (const family of this.#families.splice(0)) {
      try {
        deleteMarkRule(family, this.#mark);
      } catch (error) {
        if (!(error instanceof EngineError)) throw error;
      }
    }
  }
}
