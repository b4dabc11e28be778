// Prefixes that die together leave in one change of the router: a second one soon after would wait for OSPF's timers. Bursts of
// probes at other prefixes may still be out when the first has decided: it waits for them a moment.
import { monotonicNs, nsPerMs } from "../units.js";

/** No longer than this. */
const waitMs = 20;
const lookAgainMs = 1;

/** Together remembers since when the first of them waits. */
export class Together {
  readonly #onTime: () => void;
  #sinceNs: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** `onTime` is called when it is to be asked again. */
  constructor(onTime: () => void) {
    this.#onTime = onTime;
  }

  /** waits tells whether those that are `leaving` have to wait for those that are still `deciding`. */
  waits(leaving: boolean, deciding: boolean): boolean {
    if (!leaving || !deciding) {
      this.#sinceNs = undefined;
      return false;
    }
    const nowNs = monotonicNs();
    this.#sinceNs ??= nowNs;
    if (nowNs - this.#sinceNs > waitMs * nsPerMs) return false;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#onTime, lookAgainMs);
    return true;
  }

  close(): void {
    clearTimeout(this.#timer);
  }
}
