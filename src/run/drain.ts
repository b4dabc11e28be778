// A drain: the cost is up, and the prefix is withdrawn once its traffic is gone, or a bound has passed. Traffic is measured: what
// arrives for the anycast address from outside. Pure but for the meter: time and counts come in.

/** Gone is below this share of the rate before … */
const goneShare = 0.01;
/** … and below so many packets a second, over so long. */
const gonePerSecond = 5;
const goneOverNs = 2e9;
/** The rate before is measured for so long. */
const beforeNs = 1e9;

export type DrainPhase = "measuring" | "draining" | "gone";

/** Drain follows the traffic of one prefix from the order on. */
export class Drain {
  readonly #boundNs: number;
  readonly #startNs: number;
  readonly #samples: { readonly atNs: number; readonly packets: number }[] = [];
  #before: number | undefined;
  #raisedNs: number | undefined;
  #phase: DrainPhase;

  /** `boundNs`: no longer than that after the cost is up. `metered`: packets are counted; else only the bound ends it. */
  constructor(nowNs: number, boundNs: number, metered: boolean) {
    this.#startNs = nowNs;
    this.#boundNs = boundNs;
    this.#phase = metered ? "measuring" : "draining";
  }

  get phase(): DrainPhase {
    return this.#phase;
  }

  /** What is known of the traffic, in packets/s, for people. */
  get traffic(): string {
    const now = this.#rate();
    if (now === undefined) return "traffic not measured";
    const before = this.#before === undefined ? "" : `, ${Math.round(this.#before)}/s before`;
    return `${now.toFixed(now < 10 ? 1 : 0)} packets/s${before}`;
  }

  /** step lets time pass; `packets` is the count so far, undefined where nobody counts; `raised`: the cost is seen to be up. */
  step(nowNs: number, packets: number | undefined, raised: boolean): DrainPhase {
    if (packets !== undefined) this.#samples.push({ atNs: nowNs, packets });
    if (this.#phase === "measuring" && nowNs - this.#startNs >= beforeNs) {
      this.#before = this.#rate();
      this.#samples.splice(0, this.#samples.length - 1);
      this.#phase = "draining";
    }
    if (this.#phase !== "draining") return this.#phase;
    if (raised) this.#raisedNs ??= nowNs;
    while (this.#samples.length > 2 && this.#samples[1]!.atNs <= nowNs - goneOverNs) this.#samples.shift();
    const late = this.#raisedNs !== undefined && nowNs - this.#raisedNs >= this.#boundNs;
    // A router that never takes the cost must not hold up maintenance for ever.
    const stuck = nowNs - this.#startNs >= 2 * this.#boundNs;
    if (late || stuck || (raised && this.#quiet(nowNs))) this.#phase = "gone";
    return this.#phase;
  }

  #quiet(nowNs: number): boolean {
    const since = nowNs - Math.max(this.#raisedNs!, this.#samples[0]?.atNs ?? nowNs);
    const rate = this.#rate();
    if (rate === undefined || since < goneOverNs) return false;
    return (
      rate < gonePerSecond && (this.#before === undefined || this.#before === 0 || rate <= goneShare * this.#before)
    );
  }

  /** Packets/s over the samples at hand. */
  #rate(): number | undefined {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (!first || !last || last.atNs === first.atNs) return undefined;
    return (last.packets - first.packets) / ((last.atNs - first.atNs) / 1e9);
  }
}
