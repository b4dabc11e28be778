// What has come of the probes of one sweep so far, path by path. A sweep is whole when every probe of it has ended; until then
// the first of the next may have come.
import { noSite } from "./sites.js";
import type { Reading } from "./sweep-judge.js";

/** SweepCounts counts for all paths of all targets, each known by its place. */
export class SweepCounts {
  /** Probes that have ended. */
  ended = 0;
  readonly #asked: Uint32Array;
  readonly #answered: Uint32Array;
  readonly #site: Uint32Array;
  readonly #mixed: Uint8Array;

  constructor(places: number) {
    this.#asked = new Uint32Array(places);
    this.#answered = new Uint32Array(places);
    this.#site = new Uint32Array(places);
    this.#mixed = new Uint8Array(places);
  }

  /** answered takes an answer, and who gave it; noSite where nobody told. */
  answered(place: number, site: number): void {
    this.#asked[place]!++;
    this.#answered[place]!++;
    if (site === noSite) return;
    if (this.#site[place] !== noSite && this.#site[place] !== site) this.#mixed[place] = 1;
    this.#site[place] = site;
  }

  unanswered(place: number): void {
    this.#asked[place]!++;
  }

  /** readings gives what was seen of `count` places from `from` on. */
  readings(from: number, count: number): Reading[] {
    return Array.from({ length: count }, (_, i) => ({
      asked: this.#asked[from + i]!,
      answered: this.#answered[from + i]!,
      site: this.#site[from + i]!,
      mixed: this.#mixed[from + i] === 1,
    }));
  }
}
