// Laws of a check, over random verdicts that arrive in random order.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Check, type CheckRules, type Transition } from "../../src/health/check.js";
import type { Verdict } from "../../src/health/verdict.js";
import { lastRun, replay, type Step } from "./oracle.js";

const verdicts = {
  pass: { kind: "pass" },
  fail: { kind: "fail", reason: "timeout" },
  unknown: { kind: "unknown", reason: "EPERM" },
} as const satisfies Record<string, Verdict>;

const anyRules: fc.Arbitrary<CheckRules> = fc.record({
  rise: fc.integer({ min: 1, max: 4 }),
  fall: fc.integer({ min: 1, max: 4 }),
  stableForNs: fc.integer({ min: 0, max: 30 }),
  confirmForNs: fc.integer({ min: 0, max: 30 }),
  unknownAfterNs: fc.integer({ min: 20, max: 60 }),
});

/** Small numbers, so that arrivals overtake each other and instants coincide; runs of one kind, so that streaks get long. */
const anySteps: fc.Arbitrary<Step[]> = fc
  .array(
    fc.record({
      kind: fc.constantFrom("pass", "fail", "pass", "fail", "unknown", "tick"),
      repeat: fc.integer({ min: 1, max: 5 }),
      waitNs: fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 0, max: 10 }) }, fc.integer({ min: 20, max: 80 })),
      ageNs: fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 0, max: 2 }) }, fc.integer({ min: 0, max: 25 })),
    }),
    { maxLength: 40 },
  )
  .map((parts) => {
    let nowNs = 1000;
    return parts.flatMap(({ kind, repeat, waitNs, ageNs }) =>
      Array.from({ length: repeat }, (): Step => {
        nowNs += waitNs;
        return { kind: kind as Step["kind"], sentNs: nowNs - ageNs, nowNs };
      }),
    );
  });

function run(check: Check, step: Step): Transition | undefined {
  if (step.kind === "tick") return check.tick(step.nowNs);
  return check.judge(verdicts[step.kind], step.sentNs, 1, step.nowNs);
}

const everyRun = (law: (rules: CheckRules, steps: Step[]) => void) =>
  fc.assert(fc.property(anyRules, anySteps, law), { numRuns: 3000 });

describe("a check, whatever the verdicts and their order of arrival", () => {
  it("is in the state that the whole history leads to", () => {
    everyRun((rules, steps) => {
      const check = new Check(rules);
      const states = steps.map((step) => {
        run(check, step);
        return check.state;
      });
      expect(states).toEqual(replay(rules, steps));
    });
  });

  it("goes down on enough failures in a row, long enough, or on a failure while it rises again", () => {
    everyRun((rules, steps) => {
      const check = new Check(rules);
      steps.forEach((step, index) => {
        const settled = check.settled;
        if (run(check, step)?.to !== "down" || settled === "down") return;
        const { kind, sentNs } = lastRun(steps.slice(0, index + 1));
        expect(kind).toBe("fail");
        expect(sentNs.length).toBeGreaterThanOrEqual(rules.fall);
        expect(sentNs.at(-1)! - sentNs[0]!).toBeGreaterThanOrEqual(rules.confirmForNs);
      });
    });
  });

  it("goes up on enough passes in a row, long enough, or on a pass that voids the failures it was falling for", () => {
    everyRun((rules, steps) => {
      const check = new Check(rules);
      steps.forEach((step, index) => {
        const settled = check.settled;
        if (run(check, step)?.to !== "up" || settled === "up") return;
        const { kind, sentNs } = lastRun(steps.slice(0, index + 1));
        expect(kind).toBe("pass");
        expect(sentNs.length).toBeGreaterThanOrEqual(rules.rise);
        expect(sentNs.at(-1)! - sentNs[0]!).toBeGreaterThanOrEqual(rules.stableForNs);
      });
    });
  });

  it("never reaches down, or up, where no such run was ever in what had arrived", () => {
    everyRun((rules, steps) => {
      const check = new Check(rules);
      let [longestFail, longestPass] = [0, 0];
      steps.forEach((step, index) => {
        run(check, step);
        const { kind, sentNs } = lastRun(steps.slice(0, index + 1));
        if (kind === "fail") longestFail = Math.max(longestFail, sentNs.length);
        if (kind === "pass") longestPass = Math.max(longestPass, sentNs.length);
        if (longestFail < rules.fall) expect(check.state).not.toBe("down");
        if (longestPass < rules.rise) expect(check.state).not.toBe("up");
      });
    });
  });

  it("enters no state twice running, and every transition starts where the last one ended", () => {
    everyRun((rules, steps) => {
      const check = new Check(rules);
      let state = check.state;
      for (const step of steps) {
        const transition = run(check, step);
        if (transition) {
          expect(transition.from).toBe(state);
          expect(transition.to).not.toBe(state);
          state = transition.to;
        }
        expect(check.state).toBe(state);
      }
    });
  });

  it("stays unknown on unknowns and time alone", () => {
    everyRun((rules, steps) => {
      const check = new Check(rules);
      for (const step of steps.filter(({ kind }) => kind === "unknown" || kind === "tick")) {
        expect(run(check, step)).toBeUndefined();
        expect([check.state, check.lost, check.dueNs]).toEqual(["unknown", false, undefined]);
      }
    });
  });

  it("decides the same with any number of unknowns between, as long as it does not go unknown", () => {
    everyRun((rules, steps) => {
      const patient = { ...rules, unknownAfterNs: 1e9 };
      const [all, decisive] = [new Check(patient), new Check(patient)];
      for (const step of steps) {
        run(all, step);
        if (step.kind !== "unknown") run(decisive, step);
        expect([all.state, all.settled]).toEqual([decisive.state, decisive.settled]);
      }
    });
  });

  it("keeps state, settled, asking, lost and due in step, and at most 16 records in send order as evidence", () => {
    everyRun((rules, steps) => {
      const check = new Check(rules);
      for (const step of steps) {
        const transition = run(check, step);
        const { state, settled } = check;
        if (state === "up" || state === "down") expect([settled, check.lost]).toEqual([state, false]);
        if (state === "unknown") expect(settled).toBeUndefined();
        expect(check.asking).toBe(state === "rising" || state === "falling" ? "fast" : "normal");
        expect(check.dueNs === undefined).toBe(state === "unknown");
        if (!transition) continue;
        const { records, causes } = transition.evidence;
        expect(records.length).toBeLessThanOrEqual(16);
        expect(Object.values(causes).reduce((sum, count) => sum + count, 0)).toBe(records.length);
        expect(records.map(({ sentNs }) => sentNs)).toEqual(records.map(({ sentNs }) => sentNs).sort((a, b) => a - b));
        expect(transition.reason).not.toMatch(/NaN|undefined|Infinity|^0/);
      }
    });
  });

  it("goes unknown exactly when it is due, and is then lost if it had ever decided", () => {
    everyRun((rules, steps) => {
      const check = new Check(rules);
      let decided = false;
      for (const step of steps) {
        run(check, step);
        decided ||= check.settled !== undefined;
      }
      const { dueNs } = check;
      if (dueNs === undefined) return;
      expect(check.tick(dueNs - 1)).toBeUndefined();
      expect(check.tick(dueNs)?.to).toBe("unknown");
      expect(check.lost).toBe(decided);
      expect(check.tick(dueNs + 1)).toBeUndefined();
    });
  });
});
