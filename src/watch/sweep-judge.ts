// What sweeps say of the paths to one target: which of them lead nowhere, and which lead to another site than before. Pure. Chance
// loses packets too, and a network that moves flows does so for seconds: nothing is told after one sweep.
import { noSite } from "./sites.js";

/**
 * PathState: `suspect` is a path whose last sweep nobody answered, while others were answered; `lost` one of which that is no chance.
 * Of the paths to a target that does not answer on any, nothing is known.
 */
export type PathState = "unknown" | "answering" | "suspect" | "lost";

/** Reading is what one sweep saw of one path; probes that say nothing are not in it. */
export interface Reading {
  readonly asked: number;
  readonly answered: number;
  /** Who answered, the last of them; noSite where nobody told. */
  readonly site: number;
  /** More than one site answered. */
  readonly mixed: boolean;
}

/** Move is a path, by its index, that leads to another site than before. */
export interface Move {
  readonly path: number;
  readonly from: number;
  readonly to: number;
}

/** Change is what a sweep has changed, paths by their index. */
export interface Change {
  /** The target itself is answered, on whatever path, or no longer. */
  readonly turned?: "up" | "down";
  readonly lost: readonly number[];
  readonly back: readonly number[];
  readonly moved: readonly Move[];
}

/** A path is lost, and a target down, after so many sweeps in a row without an answer, at the least ... */
const leastSweeps = 2;
/** ... and once such a silence of any path would be chance less often than this. */
const chance = 1e-6;
/** While paths still move from sweep to sweep, moves wait for the others, for so many sweeps at the most. */
const longestHold = 3;
/** A sweep that sees two sites on one path counts so much, and each other sweep takes one away; above it a path is unsteady. */
const mixedWeight = 4;
/** In `reading`, where sites are numbers from 0. */
const mixedReading = -1;

/** PathJudge keeps what is known of the paths to one target. */
export class PathJudge {
  readonly #paths: PathRecord[];
  /** Of the paths that answer: what was asked and not answered lately, each sweep half as much as the next. */
  #asked = 0;
  #unanswered = 0;
  #state: "unknown" | "up" | "down" = "unknown";
  /** Sweeps in a row without an answer on any path. */
  #silentSweeps = 0;
  readonly #waited = { lost: false, answering: false };
  #held = 0;

  constructor(paths: number) {
    this.#paths = Array.from({ length: paths }, () => new PathRecord());
  }

  state(path: number): PathState {
    return this.#paths[path]!.state;
  }

  /** site gives the site that a path leads to, as it was told; noSite where none has been named. */
  site(path: number): number {
    return this.#paths[path]!.site;
  }

  /** unsteady tells of a path whose packets go to several sites, one by one: a router there does not go by flow. */
  unsteady(path: number): boolean {
    return this.#paths[path]!.mixed > mixedWeight;
  }

  /**
   * judge takes a whole sweep, a reading for each path, and tells what it changed. Where nobody answered on any path, it is the
   * target that is silent, and the sweep says nothing of its paths.
   */
  judge(readings: readonly Reading[]): Change {
    const answering = readings.filter(({ answered }) => answered > 0);
    if (answering.length === 0) return { ...this.#silence(readings), lost: [], back: [], moved: [] };
    const turned = this.#state === "up" ? {} : { turned: "up" as const };
    this.#state = "up";
    this.#silentSweeps = 0;
    this.#asked = this.#asked / 2 + sum(answering.map(({ asked }) => asked));
    this.#unanswered = this.#unanswered / 2 + sum(answering.map(({ asked, answered }) => asked - answered));
    // Laplace's rule: where nothing was lost yet, something may be.
    const loss = (this.#unanswered + 1) / (this.#asked + 2);
    for (const [index, reading] of readings.entries()) this.#paths[index]!.take(reading);
    return { ...turned, ...this.#judgeSilence(loss), moved: this.#judgeSites(readings) };
  }

  #silence(readings: readonly Reading[]): Pick<Change, "turned"> {
    // Probes that say nothing are no silence.
    if (readings.every(({ asked }) => asked === 0)) return {};
    for (const path of this.#paths) path.forget();
    if (++this.#silentSweeps < leastSweeps || this.#state === "down") return {};
    this.#state = "down";
    return { turned: "down" };
  }

  /** A fault begins and ends within a sweep, which shows it on some paths and not on others: these are waited for. */
  #judgeSilence(loss: number): Pick<Change, "lost" | "back"> {
    const suspects = this.#paths.filter(({ state }) => state === "suspect");
    const proven = suspects.filter(
      ({ silentSweeps, silentProbes }) =>
        silentSweeps >= leastSweeps && this.#paths.length * loss ** silentProbes < chance,
    );
    const returned = this.#paths.filter(({ state, answeredSweeps }) => state === "lost" && answeredSweeps > 0);
    const newSilence = suspects.some(({ silentSweeps }) => silentSweeps === 1);
    const newAnswers = returned.some(({ answeredSweeps }) => answeredSweeps === 1);
    return {
      lost: this.#turn("lost", proven, newSilence),
      back: this.#turn("answering", returned, newAnswers),
    };
  }

  /** turn gives paths a state, a sweep later where others may follow, and tells which. */
  #turn(state: "lost" | "answering", ripe: readonly PathRecord[], others: boolean): number[] {
    const wait = ripe.length > 0 && others && !this.#waited[state];
    this.#waited[state] = wait;
    if (wait) return [];
    for (const path of ripe) path.state = state;
    return ripe.map((path) => this.#paths.indexOf(path));
  }

  /** Moves are told together, once a sweep has read the same as the one before. */
  #judgeSites(readings: readonly Reading[]): Move[] {
    let moving = false;
    readings.forEach(({ site, mixed }, index) => {
      if (site === noSite) return;
      const path = this.#paths[index]!;
      const reading = mixed ? mixedReading : site;
      if (path.site === noSite && !mixed) path.site = site;
      path.mixed = Math.min(2 * mixedWeight, Math.max(0, path.mixed + (mixed ? mixedWeight : -1)));
      if (path.reading !== noSite && path.reading !== reading && !this.unsteady(index)) moving = true;
      path.reading = reading;
    });
    const moved = this.#paths.flatMap(({ site, reading }, path): Move[] =>
      reading === noSite || reading === mixedReading || reading === site || this.unsteady(path)
        ? []
        : [{ path, from: site, to: reading }],
    );
    if (moved.length === 0) this.#held = 0;
    if (moved.length === 0 || (moving && this.#held++ < longestHold)) return [];
    this.#held = 0;
    for (const { path, to } of moved) this.#paths[path]!.site = to;
    return moved;
  }
}

class PathRecord {
  state: PathState = "unknown";
  /** In a row, newest: sweeps and probes without an answer, or sweeps with one. */
  silentSweeps = 0;
  silentProbes = 0;
  answeredSweeps = 0;
  /** The site that was told of. */
  site = noSite;
  /** What the newest sweep with an answer read: a site, or mixedReading. */
  reading = noSite;
  mixed = 0;

  /** take counts a sweep. What is lost stays so until it is told to be back. */
  take({ asked, answered }: Reading): void {
    if (asked === 0) return;
    const silent = answered === 0;
    this.silentSweeps = silent ? this.silentSweeps + 1 : 0;
    this.silentProbes = silent ? this.silentProbes + asked : 0;
    this.answeredSweeps = silent ? 0 : this.answeredSweeps + 1;
    if (this.state !== "lost") this.state = silent ? "suspect" : "answering";
  }

  /** forget takes a sweep that says nothing of it, as no path was answered. */
  forget(): void {
    this.silentSweeps = 0;
    this.silentProbes = 0;
    this.answeredSweeps = 0;
    if (this.state !== "lost") this.state = "unknown";
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
