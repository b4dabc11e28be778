// Flap damping: a prefix that went waits before it is announced again, twice as long each time that it goes, until it has
// been calm for long enough. Pure: time is an argument. It delays only coming back; nothing here delays going.

/** DampingRules is how long a prefix that went waits before it may come back. ns */
export interface DampingRules {
  /** The first hold-down. */
  readonly holdDownNs: number;
  /** No hold-down is longer. */
  readonly maxNs: number;
  /** After so long without going, the next hold-down is the first again. */
  readonly forgetNs: number;
}

/** DampingRecord is what outlives a restart; ages are at the moment of asking. */
export interface DampingRecord {
  /** How often it went since it was last forgotten. */
  readonly departures: number;
  /** How long ago it last went, or got worse. */
  readonly departedAgoNs: number;
  /** How long ago it came back; null while it is away. */
  readonly returnedAgoNs: number | null;
}

/** Damping is one prefix's. */
export class Damping {
  readonly #rules: DampingRules;
  #departures = 0;
  #departedNs = Number.NEGATIVE_INFINITY;
  /** When it came back; undefined while it is away. */
  #returnedNs: number | undefined = Number.NEGATIVE_INFINITY;

  /** Takes up an earlier record, as of `nowNs`. */
  constructor(rules: DampingRules, record?: DampingRecord, nowNs = 0) {
    this.#rules = rules;
    if (!record) return;
    this.#departures = record.departures;
    this.#departedNs = nowNs - record.departedAgoNs;
    this.#returnedNs = record.returnedAgoNs === null ? undefined : nowNs - record.returnedAgoNs;
  }

  /** departed says that it goes, or gets worse while it is away: the hold-down runs from then on. */
  departed(nowNs: number): void {
    if (this.#returnedNs !== undefined) {
      const calmNs = nowNs - this.#returnedNs;
      this.#departures = calmNs >= this.#rules.forgetNs ? 1 : this.#departures + 1;
    }
    this.#returnedNs = undefined;
    this.#departedNs = nowNs;
  }

  /** returned says that it is announced as ever: calm begins. */
  returned(nowNs: number): void {
    this.#returnedNs ??= nowNs;
  }

  /** leftNs tells how long coming back has to wait; 0 where it need not. */
  leftNs(nowNs: number): number {
    if (this.#returnedNs !== undefined) return 0;
    const { holdDownNs, maxNs } = this.#rules;
    // 2 ** 1024 is no number any more; long before that it is the longest.
    const waitNs = Math.min(maxNs, holdDownNs * 2 ** Math.min(this.#departures - 1, 60));
    return Math.max(0, this.#departedNs + waitNs - nowNs);
  }

  /** record is for the state file; undefined where there is nothing to remember. */
  record(nowNs: number): DampingRecord | undefined {
    if (this.#departures === 0) return undefined;
    if (this.#returnedNs !== undefined && nowNs - this.#returnedNs >= this.#rules.forgetNs) return undefined;
    return {
      departures: this.#departures,
      departedAgoNs: nowNs - this.#departedNs,
      returnedAgoNs: this.#returnedNs === undefined ? null : nowNs - this.#returnedNs,
    };
  }
}
