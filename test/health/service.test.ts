import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { combine, type Decision, type Require, type Want, wantedOf } from "../../src/health/service.js";

const up: Decision = { settled: "up", lost: false };
const down: Decision = { settled: "down", lost: false };
const undecided: Decision = { settled: undefined, lost: false };
const lost: Decision = { settled: undefined, lost: true };

const anyDecision = fc.constantFrom(up, down, undecided, lost);
const anyChecks = fc.array(anyDecision, { minLength: 1, maxLength: 6 });
const anyWhenUnknown = fc.constantFrom("hold" as const, "withdraw" as const);
const anyWants = fc.array(fc.constantFrom<Want>("announced", "withdrawn", "hold"), { maxLength: 6 });

/** Checks, and a `require` that fits their number. */
const anyService = anyChecks.chain((checks) =>
  fc.record({
    checks: fc.constant(checks),
    require: fc.oneof(
      fc.constantFrom<Require>("all", "any"),
      fc.integer({ min: 1, max: checks.length }).map((atLeast): Require => ({ atLeast })),
      fc.integer({ min: 1, max: 100 }).map((percent): Require => ({ percent })),
    ),
    whenUnknown: anyWhenUnknown,
  }),
);

describe("what a service wants", () => {
  it.each<[string, Decision[], Require, Want]>([
    ["all up", [up, up], "all", "announced"],
    ["one of all down", [up, down], "all", "withdrawn"],
    ["one of all down before the other has decided", [undecided, down], "all", "withdrawn"],
    ["one of all undecided", [up, undecided], "all", "hold"],
    ["any up", [up, down], "any", "announced"],
    ["all down where any would do", [down, down], "any", "withdrawn"],
    ["one down, one undecided where any would do", [down, undecided], "any", "hold"],
    ["two of three up", [up, down, up], { atLeast: 2 }, "announced"],
    ["two of three down where two are needed", [down, down, up], { atLeast: 2 }, "withdrawn"],
    ["one up, one down, one undecided where two are needed", [up, down, undecided], { atLeast: 2 }, "hold"],
    ["one of three up where half are needed", [up, down, down], { percent: 50 }, "withdrawn"],
    ["two of three up where half are needed", [up, up, down], { percent: 50 }, "announced"],
    ["one of two up where half are needed", [up, down], { percent: 50 }, "announced"],
    ["one of three up where one in a hundred is needed", [down, up, down], { percent: 1 }, "announced"],
    ["one of a hundred per cent down", [up, up, down], { percent: 100 }, "withdrawn"],
    ["no checks", [], "all", "hold"],
    ["no checks where any would do", [], "any", "hold"],
  ])("by %s", (_name, checks, require, want) => {
    expect(wantedOf(checks, require)).toBe(want);
    expect(wantedOf(checks, require, "withdraw")).toBe(want);
  });

  it("holds for lost checks, unless they are to count as down", () => {
    expect(wantedOf([up, lost], "all", "hold")).toBe("hold");
    expect(wantedOf([up, lost], "all", "withdraw")).toBe("withdrawn");
    expect(wantedOf([up, lost], "any", "withdraw")).toBe("announced");
    expect(wantedOf([undecided, lost], "any", "withdraw")).toBe("hold");
  });

  it.each([0, 3, 1.5, Number.NaN])("is not asked of two checks for at least %d", (atLeast) => {
    expect(() => wantedOf([up, up], { atLeast })).toThrow(RangeError);
  });

  it("is announced exactly when enough checks are up", () => {
    fc.assert(
      fc.property(anyService, ({ checks, require, whenUnknown }) => {
        const enough = (ups: number) => {
          if (require === "all") return ups === checks.length;
          if (require === "any") return ups >= 1;
          return "atLeast" in require ? ups >= require.atLeast : ups * 100 >= require.percent * checks.length;
        };
        const ups = checks.filter(({ settled }) => settled === "up").length;
        expect(wantedOf(checks, require, whenUnknown) === "announced").toBe(enough(ups));
      }),
    );
  });

  it("is withdrawn only where the checks that may still come up are too few", () => {
    fc.assert(
      fc.property(anyService, ({ checks, require, whenUnknown }) => {
        const best = checks.map((check) =>
          check.settled === undefined && !(check.lost && whenUnknown === "withdraw") ? up : check,
        );
        const canBe = wantedOf(best, require, whenUnknown) === "announced";
        expect(wantedOf(checks, require, whenUnknown) === "withdrawn").toBe(!canBe);
      }),
    );
  });

  it("never gets worse when a check gets better", () => {
    const rank = { withdrawn: 0, hold: 1, degraded: 2, announced: 3 };
    fc.assert(
      fc.property(anyService, fc.nat(), ({ checks, require, whenUnknown }, pick) => {
        const better = checks.with(pick % checks.length, up);
        const before = rank[wantedOf(checks, require, whenUnknown)];
        expect(rank[wantedOf(better, require, whenUnknown)]).toBeGreaterThanOrEqual(before);
      }),
    );
  });

  it("never changes a prefix before any check has decided", () => {
    fc.assert(
      fc.property(anyService, ({ checks, require, whenUnknown }) => {
        expect(
          wantedOf(
            checks.map(() => undecided),
            require,
            whenUnknown,
          ),
        ).toBe("hold");
      }),
    );
  });
});

describe("a prefix that services share", () => {
  it("is withdrawn by any of them, announced by all, and else left as it is", () => {
    expect(combine(["announced", "withdrawn", "hold"])).toBe("withdrawn");
    expect(combine(["announced", "announced"])).toBe("announced");
    expect(combine(["announced", "hold"])).toBe("hold");
    expect(combine([])).toBe("hold");
  });

  it("is the same in whatever order and grouping they are asked", () => {
    fc.assert(
      fc.property(anyWants, anyWants, (some, others) => {
        expect(combine([...others, ...some])).toBe(combine([...some, ...others]));
        if (some.length > 0 && others.length > 0)
          expect(combine([combine(some), combine(others)])).toBe(combine([...some, ...others]));
      }),
    );
  });
});
