// Decisions under every sequence of verdicts, orders, restarts and sights: what DESIGN promises of them.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Sight } from "../../src/guard/guard.js";
import { Damping } from "../../src/health/damping.js";
import type { Want } from "../../src/health/service.js";
import { type Announcement, announcements } from "../../src/route/driver.js";
import { Decision, type DecisionOptions, type OrderKind, type Situation } from "../../src/run/decision.js";

const second = 1e9;
const rules = { holdDownNs: 10 * second, maxNs: 40 * second, forgetNs: 60 * second };
const others = (count: number, atNs: number): Sight => ({
  atNs,
  announcers: {
    routerId: "192.0.2.1",
    others: Array.from({ length: count }, (_, i) => ({ routerId: `192.0.2.${i + 2}`, kind: "stub", metric: 10 })),
  },
});

/** Prefix follows its decision at once, as a router that never fails. */
class Prefix {
  readonly decision: Decision;
  observed: Announcement = "announced";
  /** Its router says nothing of it. */
  unread = false;
  order: Situation["order"];
  canDeprefer = true;
  others = 2;

  constructor(options: Partial<DecisionOptions> = {}) {
    const damping = new Damping(rules);
    this.decision = new Decision({ others: 1, damping, random: () => 0, ...options });
  }

  decide(nowNs: number, want: Want) {
    const decided = this.decision.decide({
      nowNs,
      want,
      because: want,
      ...(this.order && { order: this.order }),
      observed: this.unread ? "unknown" : this.observed,
      canDeprefer: this.canDeprefer,
      sight: others(this.others, nowNs),
    });
    if (decided.announcement !== "hold") this.observed = decided.announcement;
    return decided;
  }

  give(kind: OrderKind, force = false) {
    this.order = { kind, force, because: `${kind} ordered` };
  }
}

describe("a death", () => {
  it("deprefers at once, and withdraws when the guard has looked again", () => {
    const prefix = new Prefix();
    expect(prefix.decide(0, "withdrawn").announcement).toBe("dead");
    expect(prefix.decide(1 * second, "withdrawn").announcement).toBe("dead");
    expect(prefix.decide(1.2 * second, "withdrawn").announcement).toBe("withdrawn");
  });

  it("withdraws at once without a guard, also during hold-down", () => {
    const prefix = new Prefix({ others: undefined });
    expect(prefix.decide(0, "withdrawn").announcement).toBe("withdrawn");
    expect(prefix.decide(1 * second, "announced")).toMatchObject({ announcement: "withdrawn", holdDownNs: 9 * second });
    expect(prefix.decide(10 * second, "announced").announcement).toBe("announced");
    expect(prefix.decide(10.1 * second, "withdrawn").announcement).toBe("withdrawn");
    expect(prefix.decide(20.2 * second, "announced").holdDownNs).toBeGreaterThan(9 * second);
  });

  it("of the last endpoint leaves it announced at the dead cost; it lives again at once, above all corpses", () => {
    const prefix = new Prefix();
    prefix.others = 0;
    prefix.decide(0, "withdrawn");
    expect(prefix.decide(2 * second, "withdrawn")).toMatchObject({ announcement: "dead", admission: { held: true } });
    expect(prefix.decide(3 * second, "announced")).toMatchObject({ announcement: "degraded" });
    expect(prefix.decide(13 * second, "announced").announcement).toBe("announced");
  });

  it("while the router says nothing of it waits for the guard as it is: it may be withdrawn already", () => {
    const prefix = new Prefix();
    prefix.unread = true;
    prefix.others = 0;
    expect(prefix.decide(0, "withdrawn")).toMatchObject({ announcement: "hold", admission: { admitted: false } });
    expect(prefix.decide(2 * second, "withdrawn")).toMatchObject({
      announcement: "hold",
      admission: { admitted: false },
    });
    expect(prefix.decide(8 * second, "withdrawn")).toMatchObject({ announcement: "hold", admission: { held: true } });
    prefix.unread = false;
    prefix.observed = "withdrawn";
    expect(prefix.decide(9 * second, "withdrawn").announcement).toBe("withdrawn");
    const announced = new Prefix();
    announced.unread = true;
    announced.decide(0, "withdrawn");
    announced.unread = false;
    expect(announced.decide(1 * second, "withdrawn").announcement).toBe("dead");
  });

  it("that a router brings back within the hold-down asks the guard again: nobody else may be left", () => {
    const prefix = new Prefix();
    prefix.decide(0, "withdrawn");
    expect(prefix.decide(1.2 * second, "withdrawn").announcement).toBe("withdrawn");
    prefix.others = 0;
    prefix.observed = "announced";
    expect(prefix.decide(7 * second, "withdrawn").announcement).toBe("dead");
    expect(prefix.decide(9 * second, "withdrawn")).toMatchObject({ announcement: "dead", admission: { held: true } });
  });

  it("is not over before its hold-down is, whatever the router of a new daemon says", () => {
    const prefix = new Prefix({
      damping: new Damping(rules, { departures: 1, departedAgoNs: 0, returnedAgoNs: null }),
    });
    prefix.unread = true;
    expect(prefix.decide(0, "announced")).toMatchObject({ announcement: "hold", holdDownNs: 10 * second });
    prefix.unread = false;
    prefix.observed = "withdrawn";
    expect(prefix.decide(1 * second, "announced").announcement).toBe("withdrawn");
    expect(prefix.decide(10 * second, "announced").announcement).toBe("announced");
  });

  it("is not seen by a check that knows nothing: it stays as it is", () => {
    const prefix = new Prefix();
    expect(prefix.decide(0, "hold").announcement).toBe("hold");
    prefix.decide(1 * second, "degraded");
    expect(prefix.decide(2 * second, "hold").announcement).toBe("degraded");
  });
});

describe("a restart", () => {
  it.each(announcements)("decides nothing new where it is %s and the checks say nothing", (observed) => {
    const prefix = new Prefix();
    prefix.observed = observed;
    expect(prefix.decide(0, "hold").announcement).toBe("hold");
  });

  it("leaves the dead withdrawn without asking the guard", () => {
    const prefix = new Prefix();
    prefix.observed = "withdrawn";
    prefix.others = 0;
    expect(prefix.decide(0, "withdrawn")).toEqual({ announcement: "withdrawn", because: "withdrawn", holdDownNs: 0 });
  });

  it("leaves a guarded corpse at its cost", () => {
    const prefix = new Prefix();
    prefix.observed = "dead";
    prefix.others = 0;
    expect(prefix.decide(0, "withdrawn").announcement).toBe("dead");
  });
});

describe("an order", () => {
  it("drains, withdraws, and comes back without hold-down: maintenance is no illness", () => {
    const prefix = new Prefix();
    prefix.give("drain");
    expect(prefix.decide(0, "announced").announcement).toBe("drained");
    prefix.give("withdraw");
    prefix.decide(10 * second, "announced");
    expect(prefix.decide(12 * second, "announced").announcement).toBe("withdrawn");
    prefix.order = undefined;
    expect(prefix.decide(13 * second, "announced")).toMatchObject({ announcement: "announced", holdDownNs: 0 });
  });

  it("to withdraw the last endpoint is held at the drained cost, unless it is forced", () => {
    const prefix = new Prefix();
    prefix.others = 0;
    prefix.give("withdraw");
    prefix.decide(0, "announced");
    expect(prefix.decide(2 * second, "announced")).toMatchObject({
      announcement: "drained",
      admission: { held: true },
    });
    prefix.give("withdraw", true);
    expect(prefix.decide(3 * second, "announced").announcement).toBe("withdrawn");
  });

  it("to drain does not keep a death from withdrawing", () => {
    const prefix = new Prefix();
    prefix.give("drain");
    prefix.decide(0, "announced");
    expect(prefix.decide(1 * second, "withdrawn").announcement).toBe("dead");
    expect(prefix.decide(3 * second, "withdrawn").announcement).toBe("withdrawn");
  });

  it("to withdraw a service that dies under it leaves no corpse beside living ones that are drained", () => {
    const prefix = new Prefix();
    prefix.others = 0;
    prefix.give("withdraw");
    prefix.decide(0, "announced");
    expect(prefix.decide(2 * second, "announced").announcement).toBe("drained");
    expect(prefix.decide(3 * second, "withdrawn").announcement).toBe("dead");
  });

  it("to withdraw or drain a guarded corpse does not raise it", () => {
    const prefix = new Prefix();
    prefix.others = 0;
    prefix.decide(0, "withdrawn");
    prefix.decide(2 * second, "withdrawn");
    for (const kind of ["drain", "withdraw"] as const) {
      prefix.give(kind);
      expect(prefix.decide(3 * second, "withdrawn").announcement).toBe("dead");
    }
  });

  it("to drain leaves withdrawn what is withdrawn", () => {
    const prefix = new Prefix();
    prefix.observed = "withdrawn";
    prefix.give("drain");
    for (const want of ["hold", "announced", "withdrawn"] as const) {
      expect(prefix.decide(0, want).announcement).toBe("withdrawn");
    }
  });

  it("to announce beats the checks", () => {
    const prefix = new Prefix();
    prefix.give("announce", true);
    expect(prefix.decide(0, "withdrawn").announcement).toBe("announced");
  });
});

// --- laws ---------------------------------------------------------------------------------------------------------------

const wants = fc.constantFrom<Want>("announced", "degraded", "withdrawn", "hold");
const orders = fc.constantFrom<OrderKind | undefined>(undefined, undefined, undefined, "drain", "withdraw", "announce");
const moment = fc.record({
  afterMs: fc.integer({ min: 1, max: 8000 }),
  want: wants,
  order: orders,
  others: fc.integer({ min: 0, max: 3 }),
  canDeprefer: fc.boolean(),
  restart: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
});

describe("whatever happens", () => {
  it("all gates down for longer than the guard looks means withdrawn, unless guard or order says so", () => {
    fc.assert(
      fc.property(fc.array(moment, { maxLength: 40 }), (moments) => {
        const prefix = new Prefix();
        let nowNs = 0;
        let deadSinceNs: number | undefined;
        for (const { afterMs, want, order, canDeprefer, ...rest } of moments) {
          nowNs += afterMs * 1e6;
          prefix.others = rest.others;
          prefix.canDeprefer = canDeprefer;
          if (order) prefix.give(order);
          else prefix.order = undefined;
          if (rest.restart) prefix.decision.startOver();
          const { announcement, admission } = prefix.decide(nowNs, want);
          if (want !== "withdrawn" || order === "announce" || rest.restart) deadSinceNs = undefined;
          else deadSinceNs ??= nowNs;
          if (deadSinceNs === undefined || nowNs - deadSinceNs < 2 * 3.2 * second) continue;
          if (announcement !== "withdrawn") expect(admission).toMatchObject({ admitted: false });
          // Nothing is called withdrawn that the guard does not admit.
          if (rest.others === 0 && announcement === "withdrawn") expect(admission?.held ?? false).toBe(false);
        }
      }),
    );
  });

  it("it is never withdrawn at a moment when nobody else is left, unless it was so before", () => {
    fc.assert(
      fc.property(fc.array(moment, { maxLength: 60 }), (moments) => {
        const prefix = new Prefix();
        let nowNs = 0;
        for (const { afterMs, want, order, canDeprefer, restart } of moments) {
          nowNs += afterMs * 1e6;
          prefix.others = 0;
          prefix.canDeprefer = canDeprefer;
          if (restart) prefix.decision.startOver();
          if (order) prefix.give(order);
          else prefix.order = undefined;
          expect(prefix.decide(nowNs, want).announcement).not.toBe("withdrawn");
        }
      }),
    );
  });

  it("going is never delayed by the hold-down, and coming back waits for it", () => {
    fc.assert(
      fc.property(fc.array(moment, { maxLength: 60 }), (moments) => {
        const prefix = new Prefix({ others: undefined });
        let nowNs = 0;
        let wentNs = Number.NEGATIVE_INFINITY;
        for (const { afterMs, want } of moments) {
          nowNs += afterMs * 1e6;
          const before = prefix.observed;
          const { announcement } = prefix.decide(nowNs, want);
          if (want === "withdrawn") expect(announcement).toBe("withdrawn");
          if (announcement === "announced" && before !== "announced") {
            expect(nowNs - wentNs).toBeGreaterThanOrEqual(rules.holdDownNs);
          }
          if (announcements.indexOf(prefix.observed) > announcements.indexOf(before)) wentNs = nowNs;
        }
      }),
    );
  });
});
