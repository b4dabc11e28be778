import { describe, expect, it } from "vitest";
import { Streak } from "../../src/health/streak.js";

/** A streak after results in order of arrival, as `f5 p6`: what it was of, and when it was sent. */
function streakOf(arrivals: string): Streak {
  const streak = new Streak();
  for (const [kind, ...sentNs] of arrivals.split(" ")) {
    if (kind === "p") streak.pass(Number(sentNs.join("")));
    else streak.fail(Number(sentNs.join("")));
  }
  return streak;
}

describe("a streak", () => {
  it.each<[string, "pass" | "fail", number, number]>([
    ["p1", "pass", 1, 0],
    ["p1 p5 p3", "pass", 3, 4],
    ["f1 f5 f3", "fail", 3, 4],
    ["f1 f2 p3", "pass", 1, 0],
    ["p1 p2 f3", "fail", 1, 0],
    // Late passes void the failures sent before them, and no others.
    ["f1 f3 f5 p4", "fail", 1, 0],
    ["f1 f3 f5 p2 f4", "fail", 3, 2],
    ["f1 f5 p2 p1", "fail", 1, 0],
    // Late failures are void, and the passes sent before them do not count.
    ["p1 p3 p5 f4", "pass", 1, 0],
    ["p1 p3 p5 f2 p4", "pass", 3, 2],
    ["p1 p5 f3 p2", "pass", 1, 0],
    // At one instant the pass is later.
    ["f5 p5", "pass", 1, 0],
    ["p5 f5", "pass", 1, 0],
    ["f5 f6 p5", "fail", 1, 0],
    ["p5 p6 f5", "pass", 2, 1],
  ])("after %s is of kind %s, %d long, over %d ns", (arrivals, kind, length, spanNs) => {
    const streak = streakOf(arrivals);
    expect({ kind: streak.kind, length: streak.length, spanNs: streak.spanNs }).toEqual({ kind, length, spanNs });
  });

  it("is of no kind before the first result", () => {
    const { kind, length, spanNs } = new Streak();
    expect({ kind, length, spanNs }).toEqual({ kind: undefined, length: 0, spanNs: 0 });
  });

  it("forgets its members when it settles, but not what they were", () => {
    const streak = streakOf("f1 p2 p3");
    streak.settle();
    expect([streak.kind, streak.length]).toEqual(["pass", 0]);
    streak.fail(2);
    expect([streak.kind, streak.length]).toEqual(["pass", 0]);
    streak.fail(4);
    expect([streak.kind, streak.length]).toEqual(["fail", 1]);
  });

  it("covers the probes sent since its first member", () => {
    const streak = streakOf("f1 p2 f3 f5");
    expect([2, 3, 4, 6].map((sentNs) => streak.covers(sentNs))).toEqual([false, true, true, true]);
    expect(new Streak().covers(1)).toBe(false);
  });
});
