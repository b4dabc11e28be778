// What came of the probes of many targets, target by target, in a few blocks of memory: counts, the last of each, and whether it
// is up. Everything here runs for each row, so that it makes nothing.
import { LatencyTable } from "../measure/latency-table.js";
import { noSite } from "./sites.js";

/** TargetState is how a target stands. It is `unknown` until it has answered or failed often enough. */
export type TargetState = (typeof states)[number];
export const states = ["unknown", "up", "down"] as const;
const [up, down] = [1, 2] as const;

/** The kinds of what can come of a probe; `void` says nothing of the target. */
export const kinds = ["pass", "wrong", "timeout", "unreachable", "void"] as const;
export type Kind = (typeof kinds)[number];

/** TallyRules is when a target is up and when it is down. */
export interface TallyRules {
  /** Passes in a row that bring a target up, failures in a row that bring it down. */
  readonly rise: number;
  readonly fall: number;
}

/** So many of the newest round trips of each target are kept, for a line of bars. */
export const recentLength = 16;
/** In `recent`: it was not answered. */
const lost = -1;
const rcodeCount = 16;

/** Tally counts for `targets` targets, each known by its index. */
export class Tally {
  readonly latency: LatencyTable;
  /** Of kind k and target t at k * targets + t. */
  readonly #counts: Uint32Array;
  /** Of rcode r and target t at r * targets + t. */
  readonly #rcodes: Uint32Array;
  /** The newest round trips in ms, in a circle of recentLength for each target; 0: none yet. */
  readonly #recent: Float32Array;
  readonly #recentAt: Uint8Array;
  readonly #state: Uint8Array;
  /** In a row: passes above zero, failures below. */
  readonly #streak: Int32Array;
  readonly #changedNs: Float64Array;
  /** Site numbers: the one that counts, and one that has answered once since. */
  readonly #site: Uint32Array;
  readonly #newSite: Uint32Array;
  /** Answers in a row that told no NSID, 2 at most. */
  readonly #anonymous: Uint8Array;
  readonly #rules: TallyRules;

  constructor(
    readonly targets: number,
    rules: TallyRules,
  ) {
    this.#rules = rules;
    this.latency = new LatencyTable(targets);
    this.#counts = new Uint32Array(kinds.length * targets);
    this.#rcodes = new Uint32Array(rcodeCount * targets);
    this.#recent = new Float32Array(recentLength * targets);
    this.#recentAt = new Uint8Array(targets);
    this.#state = new Uint8Array(targets);
    this.#streak = new Int32Array(targets);
    this.#changedNs = new Float64Array(targets);
    this.#site = new Uint32Array(targets);
    this.#newSite = new Uint32Array(targets);
    this.#anonymous = new Uint8Array(targets);
  }

  /**
   * answered takes an answer that was as expected, or `wrong`, and tells whether it changed the target's state. What cannot be
   * a round trip is refused by `latency`.
   */
  answered(target: number, rcode: number, rttNs: number, nowNs: number, wrong: boolean): boolean {
    this.latency.record(target, rttNs);
    this.#rcodes[(rcode & 15) * this.targets + target]!++;
    this.#counts[(wrong ? 1 : 0) * this.targets + target]!++;
    this.#keep(target, rttNs / 1e6);
    return wrong ? this.#failed(target, nowNs) : this.#passed(target, nowNs);
  }

  /** unanswered takes a probe that ended without an answer, likewise. */
  unanswered(target: number, kind: "timeout" | "unreachable", nowNs: number): boolean {
    this.#counts[(kind === "timeout" ? 2 : 3) * this.targets + target]!++;
    this.#keep(target, lost);
    return this.#failed(target, nowNs);
  }

  /** voided takes a probe that says nothing: our own trouble. */
  voided(target: number): void {
    this.#counts[4 * this.targets + target]!++;
  }

  /** told takes the site that has answered, and tells whether the target's has changed: once two answers in a row say so. */
  told(target: number, site: number): boolean {
    const before = this.#site[target]!;
    if (site === before) {
      this.#newSite[target] = noSite;
      return false;
    }
    if (before !== noSite && this.#newSite[target] !== site) {
      this.#newSite[target] = site;
      return false;
    }
    this.settle(target, site);
    return true;
  }

  /** settle takes a site as the target's, whatever was before. */
  settle(target: number, site: number): void {
    this.#site[target] = site;
    this.#newSite[target] = noSite;
  }

  /** identified takes an answer with an NSID. */
  identified(target: number): void {
    this.#anonymous[target] = 0;
  }

  /** anonymous takes an answer without an NSID, and tells whether the target does not send any. */
  anonymous(target: number): boolean {
    if (this.#anonymous[target]! < 2) this.#anonymous[target]!++;
    return this.isAnonymous(target);
  }

  /** isAnonymous tells whether a target sends no NSID: as far as is known, or two answers in a row had none. */
  isAnonymous(target: number): boolean {
    return this.#anonymous[target]! >= 2 || (this.#anonymous[target] === 1 && this.#site[target] === noSite);
  }

  /** doubts tells whether another site has answered once. */
  doubts(target: number): boolean {
    return this.#newSite[target] !== noSite;
  }

  count(target: number, kind: Kind): number {
    return this.#counts[kinds.indexOf(kind) * this.targets + target]!;
  }

  /** rcodes gives how often each came, those that did. */
  rcodes(target: number): [rcode: number, count: number][] {
    const came: [number, number][] = [];
    for (let rcode = 0; rcode < rcodeCount; rcode++) {
      const count = this.#rcodes[rcode * this.targets + target]!;
      if (count > 0) came.push([rcode, count]);
    }
    return came;
  }

  /** total counts the probes of all targets that ended so. */
  total(kind: Kind): number {
    const start = kinds.indexOf(kind) * this.targets;
    let sum = 0;
    for (let at = start; at < start + this.targets; at++) sum += this.#counts[at]!;
    return sum;
  }

  /** slowest gives the longest of a target's newest round trips, ms; 0 where there is none. */
  slowest(target: number): number {
    const recent = this.#recent;
    const end = (target + 1) * recentLength;
    let most = 0;
    for (let at = end - recentLength; at < end; at++) if (recent[at]! > most) most = recent[at]!;
    return most;
  }

  /** loss gives the share of a target's probes that were not answered, of those not void; NaN before there was one. */
  loss(target: number): number {
    const n = this.targets;
    const counts = this.#counts;
    const unanswered = counts[2 * n + target]! + counts[3 * n + target]!;
    return unanswered / (counts[target]! + counts[n + target]! + unanswered);
  }

  /** recent gives the newest round trips in ms, to the us, the oldest first; null where none came. */
  recent(target: number): (number | null)[] {
    const start = this.#recentAt[target]!;
    const newest: (number | null)[] = [];
    for (let i = 0; i < recentLength; i++) {
      const ms = this.#recent[target * recentLength + ((start + i) % recentLength)]!;
      // Float32 has digits that were never measured, and each takes its time to print.
      if (ms !== 0) newest.push(ms === lost ? null : Math.round(ms * 1e3) / 1e3);
    }
    return newest;
  }

  state(target: number): TargetState {
    return states[this.#state[target]!]!;
  }

  /** When its state changed last, on CLOCK_MONOTONIC; 0: never. */
  changedNs(target: number): number {
    return this.#changedNs[target]!;
  }

  /** How many probes in a row have passed, or below zero failed. */
  streak(target: number): number {
    return this.#streak[target]!;
  }

  site(target: number): number {
    return this.#site[target]!;
  }

  #keep(target: number, ms: number) {
    const at = this.#recentAt[target]!;
    this.#recent[target * recentLength + at] = ms;
    this.#recentAt[target] = (at + 1) % recentLength;
  }

  #passed(target: number, nowNs: number): boolean {
    const streak = Math.max(0, this.#streak[target]!) + 1;
    this.#streak[target] = streak;
    return streak >= this.#rules.rise && this.#turn(target, up, nowNs);
  }

  #failed(target: number, nowNs: number): boolean {
    const streak = Math.min(0, this.#streak[target]!) - 1;
    this.#streak[target] = streak;
    return -streak >= this.#rules.fall && this.#turn(target, down, nowNs);
  }

  #turn(target: number, state: number, nowNs: number): boolean {
    if (this.#state[target] === state) return false;
    this.#state[target] = state;
    this.#changedNs[target] = nowNs;
    return true;
  }
}
