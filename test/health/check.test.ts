import { describe, expect, it } from "vitest";
import { Check, type CheckRules } from "../../src/health/check.js";
import type { Verdict } from "../../src/health/verdict.js";

const ms = 1e6;
const pass: Verdict = { kind: "pass" };
const fail: Verdict = { kind: "fail", reason: "timeout" };
const refused: Verdict = { kind: "fail", reason: "port unreachable" };
const unknown: Verdict = { kind: "unknown", reason: "EPERM" };

const rules: CheckRules = {
  rise: 2,
  fall: 3,
  stableForNs: 100 * ms,
  confirmForNs: 0,
  unknownAfterNs: 5000 * ms,
};

/** A check that is up since 1 s. */
function upCheck(changes: Partial<CheckRules> = {}): Check {
  const check = new Check({ ...rules, ...changes });
  check.judge(pass, 800 * ms, ms, 801 * ms);
  check.judge(pass, 1000 * ms, ms, 1001 * ms);
  expect(check.state).toBe("up");
  return check;
}

/** A check that is down since 1 s. */
function downCheck(changes: Partial<CheckRules> = {}): Check {
  const check = new Check({ ...rules, ...changes });
  for (const at of [900, 950, 1000]) check.judge(refused, at * ms, ms, at * ms);
  expect(check.state).toBe("down");
  return check;
}

describe("a check that never decided", () => {
  it("is unknown, was not lost and asks at its normal pace", () => {
    const { state, settled, lost, asking, dueNs } = new Check(rules);
    expect({ state, settled, lost, asking, dueNs }).toEqual({
      state: "unknown",
      settled: undefined,
      lost: false,
      asking: "normal",
      dueNs: undefined,
    });
  });

  it("rises on the first pass and is up once the streak is long enough in number and time", () => {
    const check = new Check(rules);
    expect(check.judge(pass, 0, ms, ms)).toMatchObject({ from: "unknown", to: "rising", reason: "1 pass" });
    expect(check.asking).toBe("fast");
    expect(check.judge(pass, 50 * ms, ms, 51 * ms)).toBeUndefined();
    expect(check.judge(pass, 99 * ms, ms, 101 * ms)).toBeUndefined();
    expect(check.judge(pass, 100 * ms, ms, 101 * ms)).toMatchObject({ to: "up", reason: "4 passes in 100ms" });
    expect(check.settled).toBe("up");
  });

  it("falls on the first failure, is not settled by it, and rises from there on a later pass", () => {
    const check = new Check(rules);
    expect(check.judge(fail, 0, 0, ms)).toMatchObject({ from: "unknown", to: "falling", reason: "1 failure: timeout" });
    expect(check.settled).toBeUndefined();
    expect(check.judge(pass, 2 * ms, ms, 3 * ms)).toMatchObject({ from: "falling", to: "rising" });
  });

  it("falls, not down, on a failure while it rises", () => {
    const check = new Check(rules);
    check.judge(pass, 0, ms, ms);
    expect(check.judge(fail, 2 * ms, 0, 3 * ms)).toMatchObject({ from: "rising", to: "falling" });
  });
});

describe("a check that is up", () => {
  it("falls on one failure and is down after `fall` of them, naming what it rests on", () => {
    const check = upCheck();
    expect(check.judge(refused, 1100 * ms, 0, 1100 * ms)).toMatchObject({ from: "up", to: "falling" });
    expect(check.settled).toBe("up");
    expect(check.judge(refused, 1101 * ms, 0, 1101 * ms)).toBeUndefined();
    const transition = check.judge(refused, 1102.1 * ms, 0, 1103 * ms)!;
    expect(transition).toMatchObject({
      from: "falling",
      to: "down",
      atNs: 1103 * ms,
      reason: "3 failures in 2.10ms: port unreachable",
    });
    expect(transition.evidence.causes).toEqual({ pass: 2, "port unreachable": 3 });
    expect(transition.evidence.records).toHaveLength(5);
  });

  it("goes down at once where one failure is enough", () => {
    expect(upCheck({ fall: 1 }).judge(fail, 1100 * ms, 0, 2100 * ms)).toMatchObject({ from: "up", to: "down" });
  });

  it("is up again on one pass sent after the newest failure", () => {
    const check = upCheck();
    check.judge(fail, 1100 * ms, 0, 2100 * ms);
    check.judge(fail, 1200 * ms, 0, 2200 * ms);
    expect(check.judge(pass, 1300 * ms, ms, 2201 * ms)).toMatchObject({ from: "falling", to: "up", reason: "1 pass" });
  });

  it("does not count a failure sent before the newest pass, however late it is judged", () => {
    const check = upCheck();
    for (const at of [900, 950, 999]) expect(check.judge(fail, at * ms, 0, 2000 * ms)).toBeUndefined();
    expect(check.state).toBe("up");
  });

  it("counts only the failures sent after a pass that is judged late", () => {
    const check = upCheck();
    check.judge(fail, 1100 * ms, 0, 1100 * ms);
    check.judge(fail, 1300 * ms, 0, 1300 * ms);
    expect(check.judge(pass, 1200 * ms, 150 * ms, 1350 * ms)).toBeUndefined();
    expect(check.judge(fail, 1400 * ms, 0, 1400 * ms)).toBeUndefined();
    expect(check.judge(fail, 1500 * ms, 0, 1500 * ms)).toMatchObject({
      to: "down",
      reason: "3 failures in 200ms: timeout",
    });
  });

  it("rides out failures that do not last as long as confirmFor", () => {
    const check = upCheck({ confirmForNs: 50 * ms });
    for (const at of [1100, 1110, 1120, 1149]) check.judge(fail, at * ms, 0, at * ms);
    expect(check.state).toBe("falling");
    expect(check.judge(refused, 1150 * ms, 0, 1150 * ms)).toMatchObject({
      to: "down",
      reason: "5 failures in 50.0ms: timeout, port unreachable",
    });
  });
});

describe("a check that is down", () => {
  it("rises on a pass, and is down again on any failure sent after it", () => {
    const check = downCheck();
    expect(check.judge(pass, 1100 * ms, ms, 1101 * ms)).toMatchObject({ from: "down", to: "rising" });
    expect(check.settled).toBe("down");
    expect(check.judge(fail, 1150 * ms, 0, 2150 * ms)).toMatchObject({ from: "rising", to: "down" });
  });

  it("does not rise on a pass sent before the newest failure", () => {
    expect(downCheck().judge(pass, 999 * ms, 500 * ms, 1500 * ms)).toBeUndefined();
  });

  it("starts its streak anew when a failure from between the passes is judged late", () => {
    const check = downCheck();
    check.judge(pass, 1100 * ms, ms, 1101 * ms);
    check.judge(pass, 1160 * ms, ms, 1161 * ms);
    expect(check.judge(fail, 1130 * ms, 0, 1180 * ms)).toBeUndefined();
    expect(check.judge(pass, 1200 * ms, ms, 1201 * ms)).toBeUndefined();
    expect(check.judge(pass, 1260 * ms, ms, 1261 * ms)).toMatchObject({ to: "up", reason: "3 passes in 100ms" });
  });

  it("does not come up by time alone: a pass must have been sent at the end of stableFor", () => {
    const check = downCheck();
    check.judge(pass, 1100 * ms, ms, 1101 * ms);
    check.judge(pass, 1110 * ms, ms, 1111 * ms);
    expect(check.tick(3000 * ms)).toBeUndefined();
    expect(check.state).toBe("rising");
  });
});

describe("a check without verdicts that decide", () => {
  it("goes unknown after unknownAfter, says why, and is lost until it decides again", () => {
    const check = upCheck();
    check.judge(unknown, 1200 * ms, 0, 1200 * ms);
    expect(check.dueNs).toBe(6001 * ms);
    expect(check.tick(6000 * ms)).toBeUndefined();
    expect(check.tick(6001 * ms)).toMatchObject({
      from: "up",
      to: "unknown",
      reason: "no pass or failure for 5.00s: EPERM",
    });
    expect([check.settled, check.lost, check.asking]).toEqual([undefined, true, "normal"]);
    check.judge(pass, 7000 * ms, ms, 7001 * ms);
    expect([check.state, check.lost]).toEqual(["rising", true]);
    check.judge(pass, 7100 * ms, ms, 7101 * ms);
    expect([check.state, check.lost]).toEqual(["up", false]);
  });

  it("is not lost where it had never decided", () => {
    const check = new Check(rules);
    check.judge(pass, 0, ms, ms);
    expect(check.tick(9000 * ms)).toMatchObject({ from: "rising", to: "unknown" });
    expect(check.lost).toBe(false);
  });

  it("goes unknown on an unknown verdict too, when it is due", () => {
    expect(upCheck().judge(unknown, 6001 * ms, 0, 6001 * ms)).toMatchObject({ to: "unknown" });
  });

  it("forgets the failures from before it went unknown", () => {
    const check = upCheck();
    for (const at of [1100, 1200]) check.judge(fail, at * ms, 0, at * ms);
    check.tick(9000 * ms);
    expect(check.judge(fail, 9100 * ms, 0, 9100 * ms)).toMatchObject({ from: "unknown", to: "falling" });
  });

  it("keeps a streak over unknowns in its midst", () => {
    const check = upCheck();
    for (const at of [1100, 1200]) {
      check.judge(fail, at * ms, 0, at * ms);
      check.judge(unknown, (at + 1) * ms, 0, (at + 1) * ms);
    }
    expect(check.judge(fail, 1300 * ms, 0, 1300 * ms)).toMatchObject({ to: "down" });
  });
});

describe("the rules of a check", () => {
  it.each([
    ["rise", 0],
    ["fall", 1.5],
    ["fall", Number.NaN],
    ["stableForNs", -1],
    ["unknownAfterNs", Number.NaN],
  ])("refuse %s = %d", (name, value) => {
    expect(() => new Check({ ...rules, [name]: value })).toThrow(RangeError);
  });
});
