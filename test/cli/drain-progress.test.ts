import { describe, expect, it } from "vitest";
import { Progress } from "../../src/cli/drain-progress.js";
import type { DrainOutcome } from "../../src/cli/drain-wait.js";
import type { PrefixReport } from "../../src/run/status.js";
import { nsPerMs } from "../../src/units.js";
import { prefixReport } from "../support/status.js";

const prefix = "203.0.113.53/32";
const order = { kind: "drain", by: "root", reason: null, leftMs: null } as const;
const at = (observed: PrefixReport["observed"], phase: string) =>
  prefixReport({ observed, order: { ...order, phase } });

/** told gives the lines of a progress that takes these looks, each at its time in ms. */
function told(...looks: readonly [atMs: number, report: PrefixReport | undefined, outcome?: DrainOutcome][]): string[] {
  const lines: string[] = [];
  const progress = new Progress(prefix, (line) => lines.push(line));
  for (const [atMs, report, outcome] of looks) progress.note(report, outcome, atMs * nsPerMs);
  return lines;
}

describe("Progress", () => {
  it("tells a step at once, and a count that goes on once a second", () => {
    const lines = told(
      [0, at("announced", "500/s")],
      [250, at("announced", "499/s")],
      [500, at("drained", "498/s")],
      [750, at("drained", "100/s")],
      [1499, at("drained", "20/s")],
      [1500, at("drained", "9/s")],
      [1600, prefixReport({ observed: "withdrawn" }), { prefix, outcome: "withdrawn", reason: null }],
    );
    expect(lines).toEqual([
      `${prefix}: announced; 500/s`,
      `${prefix}: drained; 498/s`,
      `${prefix}: drained; 9/s`,
      `${prefix}: withdrawn`,
    ]);
  });

  it("tells nothing twice", () => {
    expect(told([0, at("drained", "0/s")], [5000, at("drained", "0/s")])).toEqual([`${prefix}: drained; 0/s`]);
  });

  it("says what is missing of a withdrawal", () => {
    const report = prefixReport({ observed: "withdrawn", verified: false });
    expect(told([0, report], [9, { ...report, reason: "no adjacency" }])).toEqual([
      `${prefix}: withdrawn, not verified (not yet)`,
      `${prefix}: withdrawn, not verified (no adjacency)`,
    ]);
  });

  it("says why it stays", () => {
    const report = at("drained", "9/s");
    expect(
      told(
        [0, report, { prefix, outcome: "held", reason: "the last" }],
        [1, report],
        [2, undefined, { prefix, outcome: "ended", reason: null }],
      ),
    ).toEqual([`${prefix}: drained; held: the last`, `${prefix}: drained; 9/s`, `${prefix}: unknown; ended`]);
  });
});
