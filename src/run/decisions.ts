// The decisions on all prefixes of one config, with what each of them needs over time: its hold-down, its guard and the guard's
// sight of the link-state database.
import { Damping } from "../health/damping.js";
import { livingOf } from "../route/link-state.js";
import type { Prefix } from "../route/prefix.js";
import { monotonicNs, nsPerMs } from "../units.js";
import type { Moment } from "./boot-clock.js";
import type { Config } from "./config.js";
import { type Decided, Decision, type Situation } from "./decision.js";
import { flapsOf, recordOf } from "./flaps.js";
import { type Eye, Sights } from "./sights.js";
import type { Flaps } from "./state.js";
import type { GuardReport } from "./status.js";

interface Entry {
  readonly decision: Decision;
  readonly damping: Damping | undefined;
  /** What the guard needs; undefined: no guard. */
  readonly needed: number | undefined;
  decided: Decided | undefined;
}

/** Move is a decision that is worth telling. */
export interface Move {
  readonly prefix: Prefix;
  readonly before: Decided | undefined;
  readonly after: Decided;
}

/** Decisions last from open() to close(). */
export class Decisions {
  readonly #entries = new Map<Prefix, Entry>();
  readonly #sights: Sights;
  readonly #onSight: () => void;
  /** Of prefixes that this config does not have: a later one may. */
  readonly #otherFlaps: readonly Flaps[];
  readonly #timers = new Map<Eye, NodeJS.Timeout>();

  /** `onSight` is called when the guard has looked because a prefix waits for it. */
  constructor(config: Config, flaps: readonly Flaps[], now: Moment, onSight: () => void) {
    this.#onSight = onSight;
    this.#sights = new Sights(config);
    for (const { prefixes, damping: rules, guard } of config.services) {
      for (const prefix of prefixes) {
        const record = flaps.find((one) => one.prefix === prefix);
        const damping = rules && new Damping(inNs(rules), record && recordOf(record, now), monotonicNs());
        const needed = guard?.others;
        const decision = new Decision({ others: needed, damping });
        this.#entries.set(prefix, { decision, damping, needed, decided: undefined });
      }
    }
    this.#otherFlaps = flaps.filter(({ prefix }) => !this.#entries.has(prefix));
  }

  /** open looks at the databases; see Sights. */
  open(demanding: boolean): Promise<void> {
    return this.#sights.open(demanding);
  }

  close(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#sights.close();
  }

  /** look reads the databases now. Never rejects. */
  look(): Promise<void> {
    return this.#sights.look();
  }

  /** of gives what was decided last; undefined before the first time. */
  of(prefix: Prefix): Decided | undefined {
    return this.#entries.get(prefix)?.decided;
  }

  /** decide returns the move where what is decided now is worth telling. */
  decide(prefix: Prefix, situation: Omit<Situation, "sight">): Move | undefined {
    const entry = this.#entries.get(prefix)!;
    const before = entry.decided;
    const after = entry.decision.decide({ ...situation, sight: this.#sights.of(prefix, situation.nowNs) });
    entry.decided = after;
    return isNews(before, after) ? { prefix, before, after } : undefined;
  }

  /** lookInTime has the databases read when the guard of a waiting prefix wants to see them. */
  lookInTime(nowNs: number): void {
    for (const eye of this.#sights.eyes) {
      clearTimeout(this.#timers.get(eye));
      const due = [...eye.prefixes].flatMap((prefix) => this.#entries.get(prefix)!.decision.lookNs ?? []);
      if (due.length === 0) continue;
      const look = () => void eye.look().then(this.#onSight);
      this.#timers.set(eye, setTimeout(look, Math.max(0, Math.min(...due) - nowNs) / nsPerMs));
    }
  }

  /** startOver forgets what was decided on a prefix: what is observed then counts. */
  startOver(prefix: Prefix): void {
    this.#entries.get(prefix)?.decision.startOver();
  }

  /** flaps is for the state file. */
  flaps(now: Moment): readonly Flaps[] {
    const nowNs = monotonicNs();
    const own = [...this.#entries].flatMap(
      ([prefix, { damping }]) => flapsOf(prefix, damping?.record(nowNs), now) ?? [],
    );
    return [...own, ...this.#otherFlaps];
  }

  /** guardOf tells what the guard says of a prefix; null where it has none. */
  guardOf(prefix: Prefix): GuardReport | null {
    const { needed, decided } = this.#entries.get(prefix)!;
    if (needed === undefined) return null;
    if (decided?.admission) {
      const { others, held, reason } = decided.admission;
      return { others, needed, held, reason };
    }
    const { announcers, reason } = this.#sights.of(prefix, monotonicNs());
    const others = announcers ? livingOf(announcers, "dead").length : null;
    return { others, needed, held: false, reason: reason ?? announcers?.blind ?? null };
  }
}

function inNs({ holdDownMs, maxMs, forgetMs }: { holdDownMs: number; maxMs: number; forgetMs: number }) {
  return { holdDownNs: holdDownMs * nsPerMs, maxNs: maxMs * nsPerMs, forgetNs: forgetMs * nsPerMs };
}

/** Where it leads, whether the guard holds it, or the hold-down does: anything else changes at every look. */
function isNews(before: Decided | undefined, after: Decided): boolean {
  const told = ({ announcement, admission, holdDownNs }: Decided) =>
    `${announcement} ${admission?.held ?? false} ${holdDownNs > 0}`;
  return told(after) !== (before ? told(before) : "hold false false");
}
