// The last-endpoint guard: whether a prefix may be withdrawn here, by what this node's own link-state database shows of the
// other endpoints. Pure: time and the sight of the database are arguments. It never sends a prefix back, it only holds it.
import type { Rung } from "../route/driver.js";
import { type Announcer, type Announcers, compareRouterIds, livingOf } from "../route/link-state.js";

/** Sight is one look at the database; `announcers` is undefined where it could not be read, and `reason` then says why. */
export interface Sight {
  /** When the look began. */
  readonly atNs: number;
  readonly announcers?: Announcers;
  readonly reason?: string;
}

/** Admission is the guard's answer. */
export interface Admission {
  /** Withdrawing would leave enough others. */
  readonly admitted: boolean;
  /** It looked, and there are not enough: the prefix stays until there are. Before that it is only waiting to look again. */
  readonly held: boolean;
  /** How many others would take the traffic; null where nobody knows. */
  readonly others: number | null;
  readonly needed: number;
  /** Why it is not admitted, for people; null where it is. */
  readonly reason: string | null;
}

/** How long to wait before the deciding look: for the others' own changes to get here, and never in step with them. */
const lookAfterNs = 1.2e9;
const lookSpreadNs = 2e9;
/** A prefix that is not seen at its rung for so long has none, whatever its driver says. */
const standsWithinNs = 5e9;
/** An admission that was not used by then, because a router did not heed it, holds no more: the others may be gone. */
const validNs = 5e9;

/**
 * Guard is one prefix's. With a rung the prefix is depreferred at once and the guard looks again a little later: whoever is
 * as badly off does not count. Without one, all go at once but for the `needed` announcers of lowest router id, which look
 * again first.
 */
export class Guard {
  readonly #needed: number;
  readonly #random: () => number;
  #askedNs: number | undefined;
  /** It has seen anything since it was asked. */
  #looked = false;
  #lookNs = 0;
  #held = false;
  #admittedNs: number | undefined;
  #rung: Rung | undefined;

  /** `needed` is how many others must remain, at least 1; `random` gives 0 to 1. */
  constructor(needed: number, random: () => number = Math.random) {
    this.#needed = needed;
    this.#random = random;
  }

  /** When it wants to look, at a sight that is not older; undefined where nobody asks, or it is decided. */
  get lookNs(): number | undefined {
    if (this.#askedNs === undefined || this.#admittedNs !== undefined) return undefined;
    return this.#looked ? this.#lookNs : this.#askedNs;
  }

  /**
   * admit is asked for as long as the prefix should go. `asked` is the rung at which it waits, undefined where it has none;
   * `stands`: it is seen to be there, so that the others see it too.
   */
  admit(nowNs: number, sight: Sight, asked: Rung | undefined, stands = true): Admission {
    if (this.#admittedNs !== undefined && nowNs - this.#admittedNs > validNs) this.rest();
    if (this.#askedNs === undefined || asked !== this.#rung) this.#begin(nowNs, asked);
    const heeded = stands || nowNs - this.#askedNs! < standsWithinNs;
    const rung = heeded ? asked : undefined;
    if (rung !== undefined && !stands && this.#admittedNs === undefined) this.#lookLater(nowNs);
    const { announcers } = sight;
    const living = announcers && livingOf(announcers, rung ?? "dead");
    const others = living?.length ?? null;
    const fresh = sight.atNs >= this.#askedNs!;
    this.#looked ||= fresh;
    const enough = fresh && others !== null && others >= this.#needed;
    const due = nowNs >= this.#lookNs && sight.atNs >= this.#lookNs;
    const first = enough && rung === undefined && !this.#held && this.#goesFirst(announcers!.routerId, living!);
    if (first || (enough && due)) this.#admittedNs ??= nowNs;
    else if (due && this.#admittedNs === undefined) this.#hold(nowNs);
    const admitted = this.#admittedNs !== undefined;
    const answer = { admitted, held: this.#held && !admitted, others, needed: this.#needed };
    return { ...answer, reason: admitted ? null : this.#explain(sight, others, enough) };
  }

  /** rest says that the prefix need not go any more. */
  rest(): void {
    this.#askedNs = undefined;
    this.#held = false;
    this.#admittedNs = undefined;
  }

  #begin(nowNs: number, rung: Rung | undefined): void {
    this.rest();
    this.#rung = rung;
    this.#askedNs = nowNs;
    this.#looked = false;
    this.#lookLater(nowNs);
  }

  /** Too few: it looks on, for others may come. */
  #hold(nowNs: number): void {
    this.#held = true;
    this.#lookLater(nowNs);
  }

  #lookLater(nowNs: number): void {
    this.#lookNs = nowNs + lookAfterNs + this.#random() * lookSpreadNs;
  }

  #goesFirst(own: string, living: readonly Announcer[]): boolean {
    const lower = living.filter(({ routerId }) => compareRouterIds(routerId, own) < 0).length;
    return lower >= this.#needed;
  }

  #explain({ announcers, reason }: Sight, others: number | null, enough: boolean): string {
    if (others === null) return reason ?? "the link-state database was not read yet";
    if (enough || !this.#held) return `looking again before it goes (${count(others)} seen)`;
    const short = `${count(others)} would take the traffic, ${this.#needed} must`;
    return announcers?.blind ? `${short}: ${announcers.blind}` : short;
  }
}

function count(others: number): string {
  if (others === 0) return "no other endpoint";
  return others === 1 ? "1 other endpoint" : `${others} other endpoints`;
}
