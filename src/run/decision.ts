// What one prefix is to be: its checks, the operator's order, hold-down and guard, put together. Pure: time, sight and readings
// are arguments. Going is never delayed but by the guard; coming back waits for the hold-down.
import { type Admission, Guard, type Sight } from "../guard/guard.js";
import type { Damping } from "../health/damping.js";
import type { Want } from "../health/service.js";
import { type Announcement, announcements, type Rung } from "../route/driver.js";

/** OrderKind is what an operator can ask of a prefix. A drain is `drain` until its traffic is gone, and `withdraw` from then on. */
export type OrderKind = "drain" | "withdraw" | "announce";

/** Situation is all that is known of a prefix at one moment. */
export interface Situation {
  readonly nowNs: number;
  /** What the checks and objectives want, and why. */
  readonly want: Want;
  readonly because: string;
  /** The operator's order, if there is one. `force`: past the guard. */
  readonly order?: { readonly kind: OrderKind; readonly force: boolean; readonly because: string };
  readonly observed: Announcement | "unknown";
  /** A driver of the prefix can deprefer it. */
  readonly canDeprefer: boolean;
  readonly sight: Sight;
}

/** Decided is what the prefix is to be. */
export interface Decided {
  /** "hold": nothing is wanted of it yet; it stays as it is. */
  readonly announcement: Announcement | "hold";
  readonly because: string;
  /** Where it should go, and is not withdrawn yet: what the guard says. */
  readonly admission?: Admission;
  /** How long it has to wait before it comes back; 0 where it need not, or is not to. */
  readonly holdDownNs: number;
}

export interface DecisionOptions {
  /** How many other endpoints must remain; undefined: no guard. */
  readonly others: number | undefined;
  /** Undefined: no damping. */
  readonly damping: Damping | undefined;
  readonly random?: () => number;
}

/** Decision is one prefix's, for as long as it is configured. */
export class Decision {
  readonly #guard: Guard | undefined;
  readonly #damping: Damping | undefined;
  /** What it decided last; undefined before the first time. */
  #current: Announcement | undefined;

  constructor({ others, damping, random }: DecisionOptions) {
    this.#guard = others === undefined ? undefined : new Guard(others, random);
    this.#damping = damping;
  }

  /** When it should be asked again, with a sight that is newer than that; undefined where nothing waits for the guard. */
  get lookNs(): number | undefined {
    return this.#guard?.lookNs;
  }

  /** startOver forgets what was decided, not the hold-down: what is observed counts as decided. */
  startOver(): void {
    this.#current = undefined;
    this.#guard?.rest();
  }

  decide(situation: Situation): Decided {
    const { nowNs, observed } = situation;
    const before = this.#current ?? (observed === "unknown" ? undefined : observed);
    const away = observed === "withdrawn" || (before === "withdrawn" && observed === "unknown");
    const goal = goalOf(situation, away);
    const { announcement: asked } = goal;
    if (asked === "hold") {
      this.#guard?.rest();
      return { announcement: this.#current ?? "hold", because: goal.because, holdDownNs: 0 };
    }
    const guarded = this.#guarded({ ...goal, announcement: asked }, situation, before, away);
    const { announcement, because, admission } = guarded;
    if (announcement === "hold") return { ...guarded, announcement, holdDownNs: 0 };
    const rises = before === undefined || rank(announcement) < rank(before);
    // What should go is not coming back, also where the guard has it wait higher up than it is.
    const returns = rises && !goal.ordered && asked !== "withdrawn";
    const holdDownNs = returns ? (this.#damping?.leftNs(nowNs) ?? 0) : 0;
    if (holdDownNs > 0) {
      // One that lives must not wait beside the corpses: their cost is the same.
      this.#current = before === "dead" && situation.canDeprefer ? "degraded" : before;
      return { announcement: this.#current ?? "hold", because: `${because}; hold-down`, holdDownNs };
    }
    if (asked === "announced" && announcement === asked) this.#damping?.returned(nowNs);
    // Only what the checks did counts as flapping: an order is no illness.
    const falls = before !== undefined && rank(announcement) > rank(before);
    if (falls && !goal.ordered) this.#damping?.departed(nowNs);
    this.#current = announcement;
    return { announcement, because, holdDownNs: 0, ...(admission && { admission }) };
  }

  /** A prefix that should be withdrawn waits at a rung, or where it is, until the guard admits it. */
  #guarded(
    goal: Goal & { readonly announcement: Announcement },
    { nowNs, sight, canDeprefer, observed }: Situation,
    before: Announcement | undefined,
    away: boolean,
  ): { readonly announcement: Announcement | "hold"; readonly because: string; readonly admission?: Admission } {
    // What is away already needs no leave to stay so, though it was to come back.
    if (goal.announcement !== "withdrawn" || goal.force || !this.#guard || away) {
      if (goal.announcement !== "withdrawn") this.#guard?.rest();
      return goal;
    }
    const rung: Rung | undefined = canDeprefer ? goal.waitsAt : undefined;
    const stands = rung !== undefined && observed !== "unknown" && rank(observed) >= rank(rung);
    const admission = this.#guard.admit(nowNs, sight, rung, stands);
    if (admission.admitted) return goal;
    const because = `${goal.because}; ${admission.held ? "held by the guard: " : ""}${admission.reason}`;
    // The router says nothing of it yet: it may be withdrawn already, and must not come back to wait.
    if (before === undefined) return { announcement: "hold", because, admission };
    return { announcement: rung ?? stay(before), because, admission };
  }
}

/** Goal is where a prefix is to end, but for guard and hold-down. */
interface Goal {
  readonly announcement: Announcement | "hold";
  readonly because: string;
  /** An order asks for it: no hold-down. */
  readonly ordered: boolean;
  readonly force: boolean;
  /** The rung at which it waits for the guard. */
  readonly waitsAt: Rung;
}

/** Of what the checks want and what is ordered, whichever is lower; an order to announce beats the checks. */
function goalOf({ want, because, order }: Situation, away: boolean): Goal {
  const checks: Goal = { announcement: want, because, ordered: false, force: false, waitsAt: "dead" };
  if (!order) return checks;
  const asked = askedBy(order.kind, away);
  // Whoever is drained counts all that are better off than itself: two that are drained at once both stay. The dead do not
  // stand beside them.
  const ordered: Goal = {
    ...order,
    announcement: asked,
    ordered: true,
    waitsAt: want === "withdrawn" ? "dead" : "drained",
  };
  if (order.kind === "announce" || want === "hold") return ordered;
  if (rank(want) <= rank(asked)) return ordered;
  return { ...checks, force: order.force };
}

/** A drain takes traffic away: what is withdrawn it leaves so. */
function askedBy(kind: OrderKind, away: boolean): Announcement {
  if (kind === "announce") return "announced";
  return kind === "withdraw" || away ? "withdrawn" : "drained";
}

/** Without a rung it waits as it is: announced. */
function stay(before: Announcement): Announcement {
  return before === "withdrawn" ? "announced" : before;
}

function rank(announcement: Announcement): number {
  return announcements.indexOf(announcement);
}
