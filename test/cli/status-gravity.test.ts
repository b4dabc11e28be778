import { describe, expect, it } from "vitest";
import { gravityOf } from "../../src/cli/status-gravity.js";
import type { PrefixReport } from "../../src/run/status.js";
import { prefixReport, statusOf } from "../support/status.js";

const guard = { others: 0, needed: 1, held: true, reason: "no other" };
const order = (kind: NonNullable<PrefixReport["order"]>["kind"]) => ({ kind, by: "root", reason: null, leftMs: null });
const away = { observed: "withdrawn", wanted: "withdrawn" } as const;

describe("gravityOf", () => {
  it.each<[string, Partial<PrefixReport>, number]>([
    ["announced as wanted", {}, 0],
    ["announced before anything is wanted", { wanted: "hold" }, 0],
    ["announced, and others would take over", { guard: { ...guard, others: 2, held: false, reason: null } }, 0],
    ["degraded", { observed: "degraded", wanted: "degraded" }, 1],
    ["drained", { observed: "drained", wanted: "drained", order: order("drain") }, 1],
    ["not read", { observed: "unknown" }, 1],
    ["not verified", { verified: false }, 1],
    ["on its way back", { observed: "degraded" }, 1],
    ["on its way out", { wanted: "withdrawn" }, 1],
    ["announced by an order", { order: order("announce") }, 1],
    ["about to be drained", { order: order("drain") }, 1],
    ["taken away by hand", { ...away, manual: { by: "pid 1", atNs: 0 } }, 1],
    ["taken away by hand, as an order", { ...away, order: order("manual") }, 1],
    ["on hold", { ...away, order: order("hold") }, 1],
    ["withdrawn", away, 2],
    ["withdrawn by an order", { ...away, order: order("withdraw") }, 2],
    ["drained and gone", { ...away, order: order("drain") }, 2],
    ["withdrawn, and waiting to come back", { observed: "withdrawn", holdDownMs: 1000 }, 2],
    ["a guarded corpse", { observed: "dead", wanted: "dead", guard }, 2],
    ["a guarded corpse without a rung", { guard }, 2],
    ["a corpse on its way", { observed: "dead" }, 2],
  ])("of a prefix that is %s", (_, changes, gravity) => {
    expect(gravityOf(statusOf([prefixReport(changes)]))).toBe(gravity);
  });

  it("is that of the worst prefix", () => {
    const degraded = prefixReport({ observed: "degraded" });
    expect(gravityOf(statusOf([prefixReport(), degraded, prefixReport()]))).toBe(1);
    expect(gravityOf(statusOf([degraded, prefixReport(away), prefixReport()]))).toBe(2);
  });

  it("is at least 1 under a freeze", () => {
    const frozen = { by: "root", reason: null, leftMs: null };
    expect(gravityOf(statusOf([prefixReport()], { frozen }))).toBe(1);
    expect(gravityOf(statusOf([prefixReport(away)], { frozen }))).toBe(2);
  });
});
