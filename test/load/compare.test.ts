import { describe, expect, it } from "vitest";
import { type Report, reportOf } from "../../src/load/answer.js";
import { type Comparison, compare } from "../../src/load/compare.js";
import type { LoadRecord } from "../../src/load/record.js";
import { loadRecords, type Shape } from "./records.js";

const made = (shape: Shape): Report => reportOf(loadRecords({ knee: 30_000, seconds: 2, ...shape }))!;
const edited = (shape: Shape, type: string, change: (record: never) => object) =>
  reportOf(
    loadRecords({ knee: 30_000, seconds: 2, ...shape }).map((record) =>
      record.type === type ? { ...record, ...change(record as never) } : record,
    ) as LoadRecord[],
  )!;
const verdicts = ({ changes }: Comparison) =>
  Object.fromEntries(changes.map(({ figure, verdict }) => [figure, verdict]));
const rate = { mode: "rate", rates: [10_000] } as const;

describe("compare", () => {
  it("sees no difference between a report and itself", () => {
    const all = compare(made({}), made({}));
    expect(new Set(Object.values(verdicts(all)))).toEqual(new Set(["no difference seen", "not judged"]));
    expect(all.unlike).toEqual([]);
  });

  it("sees none between two runs of one server that differ by chance alone", () => {
    const all = compare(made({ ...rate, seed: 1 }), made({ ...rate, seed: 2 }), 0.05);
    expect(Object.values(verdicts(all))).not.toContain("worse");
    expect(Object.values(verdicts(all))).not.toContain("better");
  });

  it("sees a slower server as worse, and the other way round as better", () => {
    const [fast, slow] = [made({ medianMs: 0.35 }), made({ knee: 24_000, medianMs: 0.5, seed: 5 })];
    expect(verdicts(compare(fast, slow))).toMatchObject({ capacity: "worse", p50: "worse", p99: "worse" });
    expect(verdicts(compare(slow, fast))).toMatchObject({ capacity: "better", p50: "better", p99: "better" });
  });

  it("judges loss by its interval", () => {
    const lossy = (lost: number) =>
      edited(rate, "trial", ({ sent }: { sent: number }) => ({ answered: sent - lost, timeouts: lost }));
    expect(verdicts(compare(lossy(0), lossy(100)))["loss"]).toBe("worse");
    expect(verdicts(compare(lossy(100), lossy(0)))["loss"]).toBe("better");
    expect(verdicts(compare(lossy(3), lossy(4)))["loss"]).toBe("no difference seen");
  });

  it("calls no change better or worse that is smaller than the noise", () => {
    const [a, b] = [made({ ...rate }), made({ ...rate, medianMs: 0.36 })];
    expect(verdicts(compare(a, b, 0.01))["p50"]).toBe("worse");
    expect(verdicts(compare(a, b, 0.2))["p50"]).toBe("no difference seen");
  });

  it("knows that a capacity that the generator limited is only a lower bound", () => {
    const limited = made({ ceiling: 20_000 });
    const [capacity] = compare(made({}), limited).changes;
    // It holds 18,600 or more, which may be better or worse.
    expect(capacity).toMatchObject({
      figure: "capacity",
      after: { value: null, lower: 18_600, upper: null },
      change: null,
      verdict: "no difference seen",
    });
    expect(verdicts(compare(made({ knee: 5000 }), limited))["capacity"]).toBe("better");
  });

  it("compares latencies only at the same load", () => {
    const all = compare(made({ ...rate, rates: [10_000] }), made({ ...rate, rates: [12_000] }));
    expect(all.changes).toEqual([]);
    expect(all.notes).toContain(
      "Latency, loss and CPU are not compared: no trial of one offered the load of a trial of the other.",
    );
  });

  it("says what is not alike, and what may matter", () => {
    const a = made({});
    const b = made({ objective: "p99<9ms", queries: "other.txt", host: "gen2.example.net" });
    const { unlike, notes } = compare(a, b);
    expect(unlike).toEqual([
      "The objective differs: loss<0.1%, p99<5ms, then p99<9ms.",
      "The source of queries differs: queries.txt (1,000 queries), then other.txt.",
    ]);
    expect(notes).toContain("The generator's host differs: gen1.example.net, then gen2.example.net.");
  });
});
