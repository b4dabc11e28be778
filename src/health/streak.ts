// A streak: the passes or failures in a row that a check stands on, in the order in which the probes were sent, whatever the
// order in which they were judged. A probe times out long after later ones were answered, so the two orders differ.

/** Streak keeps the last run of like results in send order. A pass and a failure sent at one instant: the pass is later. */
export class Streak {
  #lastPassNs = Number.NEGATIVE_INFINITY;
  #lastFailNs = Number.NEGATIVE_INFINITY;
  /** Sorted. */
  #sentNs: number[] = [];

  /** What the run is of; undefined before the first result. */
  get kind(): "pass" | "fail" | undefined {
    if (this.#lastPassNs === this.#lastFailNs && this.#lastPassNs === Number.NEGATIVE_INFINITY) return undefined;
    return this.#lastPassNs >= this.#lastFailNs ? "pass" : "fail";
  }

  /** How many are in the run, of those since `settle`. */
  get length(): number {
    return this.#sentNs.length;
  }

  /** How long the run is, from its first to its last probe's sending. */
  get spanNs(): number {
    return this.length === 0 ? 0 : this.#sentNs.at(-1)! - this.#sentNs[0]!;
  }

  /** Whether a probe sent then is part of the run. */
  covers(sentNs: number): boolean {
    return this.length > 0 && sentNs >= this.#sentNs[0]!;
  }

  /** pass adds a pass: it voids failures sent before it, and counts unless one was sent after it. */
  pass(sentNs: number): void {
    const broke = this.kind === "fail";
    this.#lastPassNs = Math.max(this.#lastPassNs, sentNs);
    if (this.kind === "fail") this.#sentNs = this.#sentNs.filter((failNs) => failNs > sentNs);
    else if (broke) this.#sentNs = [sentNs];
    else if (sentNs >= this.#lastFailNs) this.#insert(sentNs);
  }

  /** fail adds a failure: it ends a run of passes sent before it, and is void where a pass was sent after it. */
  fail(sentNs: number): void {
    const broke = this.kind === "pass";
    this.#lastFailNs = Math.max(this.#lastFailNs, sentNs);
    if (this.kind === "pass") this.#sentNs = this.#sentNs.filter((passNs) => passNs >= sentNs);
    else if (broke) this.#sentNs = [sentNs];
    else if (sentNs > this.#lastPassNs) this.#insert(sentNs);
  }

  /** settle forgets the run's members, for nothing more is to be counted until it breaks; what breaks it stays known. */
  settle(): void {
    this.#sentNs = [];
  }

  #insert(sentNs: number): void {
    let at = this.#sentNs.length;
    while (at > 0 && this.#sentNs[at - 1]! > sentNs) at--;
    this.#sentNs.splice(at, 0, sentNs);
  }
}
