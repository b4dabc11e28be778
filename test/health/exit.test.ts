import { expect, it } from "vitest";
import { type Exit, judgeExit } from "../../src/health/exit.js";
import type { Verdict } from "../../src/health/verdict.js";

it.each<[Exit, Verdict]>([
  [{ status: 0, line: "OK" }, { kind: "pass" }],
  [
    { status: 1, line: "WARNING - 80 ms" },
    { kind: "pass", note: "WARNING - 80 ms" },
  ],
  [
    { status: 1, line: "" },
    { kind: "pass", note: "warning" },
  ],
  [
    { status: 2, line: "CRITICAL - no answer" },
    { kind: "fail", reason: "CRITICAL - no answer" },
  ],
  [
    { status: 2, line: "" },
    { kind: "fail", reason: "critical" },
  ],
  [
    { status: 3, line: "UNKNOWN - bad arguments" },
    { kind: "unknown", reason: "UNKNOWN - bad arguments" },
  ],
  [
    { status: 3, line: "" },
    { kind: "unknown", reason: "unknown" },
  ],
  [
    { status: 4, line: "" },
    { kind: "unknown", reason: "exit status 4" },
  ],
  [
    { status: 127, line: "not found" },
    { kind: "unknown", reason: "exit status 127: not found" },
  ],
  [
    { status: "SIGSEGV", line: "OK" },
    { kind: "unknown", reason: "ended by SIGSEGV: OK" },
  ],
])("%j is %j", (exit, verdict) => {
  expect(judgeExit(exit, { warning: "pass" })).toEqual(verdict);
});

it("takes a warning for a failure where it is told to", () => {
  expect(judgeExit({ status: 1, line: "slow" }, { warning: "fail" })).toEqual({ kind: "fail", reason: "slow" });
  expect(judgeExit({ status: 1, line: "" }, { warning: "fail" })).toEqual({ kind: "fail", reason: "warning" });
  expect(judgeExit({ status: 0, line: "" }, { warning: "fail" })).toEqual({ kind: "pass" });
});
