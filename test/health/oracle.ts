// The rules of a check told once more, as plainly as can be: keep everything, and work it all out anew at each step. Slow
// and obvious on purpose; the check is held against it.
import type { CheckRules, CheckState } from "../../src/health/check.js";

export interface Step {
  readonly kind: "pass" | "fail" | "unknown" | "tick";
  readonly sentNs: number;
  readonly nowNs: number;
}

/** lastRun gives the last run of like results in send order; at one instant a failure comes before a pass. */
export function lastRun(steps: readonly Step[]): { kind: "pass" | "fail" | undefined; sentNs: number[] } {
  const decisive = steps.filter((step) => step.kind === "pass" || step.kind === "fail");
  const sorted = decisive.toSorted(
    (a, b) => a.sentNs - b.sentNs || (a.kind === b.kind ? 0 : a.kind === "fail" ? -1 : 1),
  );
  const kind = sorted.at(-1)?.kind as "pass" | "fail" | undefined;
  const start = sorted.findLastIndex((step) => step.kind !== kind) + 1;
  return { kind, sentNs: sorted.slice(start).map((step) => step.sentNs) };
}

/** replay gives the state after each step. */
export function replay(rules: CheckRules, steps: readonly Step[]): CheckState[] {
  let state: CheckState = "unknown";
  let settled: "up" | "down" | undefined;
  let history: Step[] = [];
  return steps.map((step) => {
    if (step.kind === "tick" || step.kind === "unknown") {
      const last = Math.max(...history.map(({ nowNs }) => nowNs));
      if (state !== "unknown" && step.nowNs - last >= rules.unknownAfterNs) {
        state = "unknown";
        settled = undefined;
        history = [];
      }
      return state;
    }
    history.push(step);
    const { kind, sentNs } = lastRun(history);
    const spanNs = sentNs.at(-1)! - sentNs[0]!;
    if (kind === "pass") {
      const enough = sentNs.length >= rules.rise && spanNs >= rules.stableForNs;
      state = settled === "up" || enough ? "up" : "rising";
    } else {
      const enough = sentNs.length >= rules.fall && spanNs >= rules.confirmForNs;
      state = settled === "down" || enough ? "down" : "falling";
    }
    if (state === "up" || state === "down") settled = state;
    return state;
  });
}
