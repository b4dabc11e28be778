// Deciding: from what services want, orders and observations to what the reconciler is told, for all prefixes together.
import type { Transition } from "../health/check.js";
import type { Want } from "../health/service.js";
import type { Prefix } from "../route/prefix.js";
import type { Reconciler } from "../route/reconcile.js";
import { monotonicNs } from "../units.js";
import type { Situation } from "./decision.js";
import type { Decisions, Move } from "./decisions.js";
import type { Ground } from "./ground.js";
import { narrateMove, narrateTransition } from "./narrate.js";
import type { PrefixCheck } from "./prefix-check.js";
import type { Proofs } from "./proof.js";
import { Together } from "./together.js";
import type { Standing, Wants } from "./wants.js";

export interface DecidingOptions {
  readonly wants: Wants;
  readonly decisions: Decisions;
  readonly proofs: Proofs;
  readonly reconciler: Reconciler;
  readonly ground: Pick<Ground, "maintenance" | "journal" | "onChange">;
}

/** Deciding lasts from begin() to leave(). */
export class Deciding {
  readonly #options: DecidingOptions;
  readonly #transitions: [PrefixCheck, Transition][] = [];
  readonly #together = new Together(() => this.decide());
  #begun = false;
  /** The prefixes that go with the daemon; undefined while it stays. */
  #leaving: readonly Prefix[] | undefined;

  constructor(options: DecidingOptions) {
    this.#options = options;
  }

  /**
   * begin decides for the first time, once the routers were read. Checks may have decided before that; but a prefix that is not
   * known to be withdrawn already would be brought back at the cost of a dead one, to wait there for the guard.
   */
  begin(): void {
    const { reconciler } = this.#options;
    // What an earlier daemon has moved stays so also over a restart of the router, until the checks have decided.
    for (const prefix of new Set(reconciler.changes().map(({ prefix }) => prefix))) {
      const observed = this.#options.wants.servicesOf(prefix).length > 0 ? this.#observed(prefix) : "unknown";
      if (observed !== "unknown" && observed !== "announced") reconciler.want(prefix, observed);
    }
    this.#begun = true;
    this.decide();
  }

  /** note keeps a check's transition until decide() tells it. */
  note(check: PrefixCheck, transition: Transition): void {
    this.#transitions.push([check, transition]);
    this.#options.wants.explain(check, transition.reason);
  }

  /** judged decides if that batch of verdicts may change anything: nearly none does. */
  judged(): void {
    if (this.#transitions.length > 0 || this.#options.proofs.areBrought(this.#options.wants)) this.decide();
  }

  /** decide moves the routes first: writing down why takes longer than doing it. */
  decide(): void {
    if (!this.#begun) return;
    const moves = this.#move();
    const { journal } = this.#options.ground;
    for (const [check, transition] of this.#transitions.splice(0)) narrateTransition(journal, check, transition);
    for (const move of moves) narrateMove(journal, move);
  }

  /** leave decides on nothing any more, but that these prefixes go: each time that it is asked. */
  leave(going: readonly Prefix[] = []): void {
    this.#leaving = going;
    this.#together.close();
  }

  standingOf(prefix: Prefix, nowNs: number): Standing {
    const before = this.#options.decisions.of(prefix)?.announcement ?? "hold";
    return { nowNs, announcement: before === "hold" ? this.#observed(prefix) : before };
  }

  /** #move decides on every prefix and lets the reconciler act; it returns the decisions that are worth telling. */
  #move(): Move[] {
    const { wants, decisions, reconciler, ground } = this.#options;
    const nowNs = monotonicNs();
    const prefixes = this.#leaving ?? wants.prefixes;
    const wanted = new Map(prefixes.map((prefix) => [prefix, wants.all(prefix, this.standingOf(prefix, nowNs))]));
    if (this.#leaving === undefined && this.#waits(wanted)) return [];
    const moves: Move[] = [];
    let changed = false;
    for (const [prefix, want] of wanted) {
      const move = decisions.decide(prefix, this.#situationOf(prefix, want, nowNs));
      if (move) moves.push(move);
      const { announcement } = decisions.of(prefix)!;
      if (announcement !== "hold") changed = reconciler.want(prefix, announcement) || changed;
    }
    if (this.#leaving === undefined) decisions.lookInTime(nowNs);
    if (changed) {
      reconciler.step();
      ground.onChange();
    }
    return moves;
  }

  #waits(wanted: ReadonlyMap<Prefix, Want>): boolean {
    const { wants, reconciler } = this.#options;
    const prefixes = [...wanted.keys()];
    const goes = (prefix: Prefix) => wanted.get(prefix) === "withdrawn";
    const leaving = prefixes.some((prefix) => goes(prefix) && reconciler.statusOf(prefix).wanted !== "withdrawn");
    const undecided = (prefix: Prefix) => wants.checksAt(prefix).some(({ confirming }) => confirming > 0);
    return this.#together.waits(leaving, leaving && prefixes.some((prefix) => !goes(prefix) && undecided(prefix)));
  }

  #situationOf(prefix: Prefix, want: Want, nowNs: number): Omit<Situation, "sight"> {
    const { wants, proofs, reconciler } = this.#options;
    const rises = want === "announced" || want === "degraded";
    const owesProof = rises && !proofs.given(prefix, wants.gatesAt(prefix));
    const order = this.#orderOf(prefix);
    return {
      nowNs,
      want: owesProof ? "hold" : want,
      because: owesProof ? "no pass has been seen since its order or lease ended" : wants.because(prefix, want),
      ...(order && { order }),
      observed: this.#observed(prefix),
      canDeprefer: reconciler.canDeprefer(prefix),
    };
  }

  #orderOf(prefix: Prefix): Situation["order"] {
    if (this.#leaving) return { kind: "withdraw", force: false, because: "anyprobe stops (on_exit: withdraw)" };
    const { maintenance } = this.#options.ground;
    const order = maintenance.orderOf(prefix);
    if (!order || !maintenance.isRaised(prefix)) return undefined;
    const { kind, by, reason, force, drained } = order;
    const because = `${kind} ordered by ${by}${reason ? ` (${reason})` : ""}`;
    return { kind: drained ? "withdraw" : kind, force, because };
  }

  #observed(prefix: Prefix) {
    return this.#options.reconciler.statusOf(prefix).observed;
  }
}
