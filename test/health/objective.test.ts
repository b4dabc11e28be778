import { describe, expect, it } from "vitest";
import { Objective, type ObjectiveRules, type Sample } from "../../src/health/objective.js";
import { maxSamples } from "../../src/health/window.js";
import { nsPerMs, nsPerSecond } from "../../src/units.js";

const rules: ObjectiveRules = {
  latency: [{ percentile: 99, limitNs: 20 * nsPerMs }],
  loss: 0.005,
  rcodes: new Map([[2, 0.01]]),
  windowNs: 30 * nsPerSecond,
  fastWindowNs: 3 * nsPerSecond,
  fastBurn: 10,
  minSamples: 20,
};

/** One probe each 100 ms, from 100 ms on. */
const intervalNs = 100 * nsPerMs;

/** ask records `count` probes from the `from`th on; `what` says what came of each. Gives when the last was sent. */
function ask(objective: Objective, from: number, count: number, what: (index: number) => Partial<Sample> = () => ({})) {
  for (let index = from; index < from + count; index++)
    objective.record({ sentNs: (index + 1) * intervalNs, rttNs: nsPerMs, rcode: 0, ...what(index) });
  return (from + count) * intervalNs;
}

const lost = { rttNs: undefined, rcode: undefined };

describe("an objective", () => {
  it("that is kept has no reasons, and its figures", () => {
    const objective = new Objective(rules);
    const report = objective.report(ask(objective, 0, 400));
    expect(report).toMatchObject({ breached: false, reasons: [], samples: 300 });
    expect(report.figures).toEqual([
      {
        name: "p99",
        unit: "ns",
        limit: 20 * nsPerMs,
        slow: { windowNs: 30 * nsPerSecond, samples: 300, bad: 0, value: expect.closeTo(nsPerMs, -4), burns: false },
        fast: { windowNs: 3 * nsPerSecond, samples: 30, bad: 0, value: expect.closeTo(nsPerMs, -4), burns: false },
      },
      {
        name: "loss",
        unit: "fraction",
        limit: 0.005,
        slow: { windowNs: 30 * nsPerSecond, samples: 300, bad: 0, value: 0, burns: false },
        fast: { windowNs: 3 * nsPerSecond, samples: 30, bad: 0, value: 0, burns: false },
      },
      {
        name: "SERVFAIL",
        unit: "fraction",
        limit: 0.01,
        slow: { windowNs: 30 * nsPerSecond, samples: 300, bad: 0, value: 0, burns: false },
        fast: { windowNs: 3 * nsPerSecond, samples: 30, bad: 0, value: 0, burns: false },
      },
    ]);
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });

  it("says which percentile was too slow, over which window and how many probes", () => {
    const objective = new Objective(rules);
    // Four of 300, where three may be slow; far apart, so that no three seconds have more than one.
    const nowNs = ask(objective, 0, 300, (index) => (index % 75 === 0 ? { rttNs: 41.2 * nsPerMs } : {}));
    const { breached, reasons, figures } = objective.report(nowNs);
    const [slow] = figures;
    expect([breached, slow?.slow.bad]).toEqual([true, 4]);
    expect(slow!.slow.value! / nsPerMs).toBeGreaterThanOrEqual(41.2);
    expect(slow!.slow.value! / nsPerMs).toBeLessThan(41.2 * (1 + 1 / 128));
    expect(reasons).toEqual([expect.stringMatching(/^p99 41\.\dms above 20ms over 30s \(300 probes\)$/)]);
  });

  it("keeps a percentile that only just holds, and tells it no higher than its limit", () => {
    const objective = new Objective(rules);
    const nowNs = ask(objective, 0, 300, (index) => (index < 3 ? { rttNs: nsPerSecond } : { rttNs: 20 * nsPerMs }));
    const { breached, figures } = objective.report(nowNs);
    expect([breached, figures[0]!.slow.value]).toEqual([false, 20 * nsPerMs]);
  });

  it("allows exactly as many as its percentile says, though no float has that number", () => {
    const objective = new Objective({
      ...rules,
      latency: [{ percentile: 99.9, limitNs: 20 * nsPerMs }],
      windowNs: 100 * nsPerSecond,
      fastWindowNs: 100 * nsPerSecond,
    });
    const slow = (count: number) => (index: number) => (index < count ? { rttNs: nsPerSecond } : {});
    expect(objective.report(ask(objective, 0, 1000, slow(1))).breached).toBe(false);
    expect(objective.report(ask(objective, 1000, 1000, slow(1002))).reasons).toEqual([
      expect.stringMatching(/^p99\.9 1\.00s above 20ms over 1m40s \(1000 probes\)$/),
    ]);
  });

  it("counts a probe without an answer as slower than any, and as lost", () => {
    const objective = new Objective(rules);
    const nowNs = ask(objective, 0, 300, (index) => (index % 60 === 0 ? lost : {}));
    expect(objective.report(nowNs).reasons).toEqual([
      "p99 no answer, above 20ms over 30s (300 probes)",
      "loss 1.67% above 0.5% over 30s",
    ]);
  });

  it("sees a collapse in the short window, long before the long one is full of it", () => {
    const objective = new Objective(rules);
    objective.report(ask(objective, 0, 3000));
    // One of 30 is 3.3 %: more than 1 %, less than ten times as much; and 0.3 % of the long window.
    const before = objective.report(ask(objective, 3000, 1, () => ({ rcode: 2 })));
    expect(before.breached).toBe(false);
    const { reasons, figures } = objective.report(ask(objective, 3001, 2, () => ({ rcode: 2 })));
    expect(reasons).toEqual(["SERVFAIL 10% above 1% over 3s (fast)"]);
    expect(figures.map(({ slow, fast }) => [slow.burns, fast.burns])).toEqual([
      [false, false],
      [false, false],
      [false, true],
    ]);
  });

  it("says of a fast burn of a percentile that it is fast, and by how many probes", () => {
    const objective = new Objective(rules);
    ask(objective, 0, 3000);
    const nowNs = ask(objective, 3000, 3, () => ({ rttNs: 2.5 * nsPerSecond }));
    expect(objective.report(nowNs).reasons).toEqual([
      expect.stringMatching(/^p99 2\.5\ds above 20ms over 3s \(fast, 30 probes\)$/),
    ]);
  });

  it("takes all probes for a collapse where the bound allows so many that ten times as many cannot be", () => {
    const median = {
      ...rules,
      latency: [{ percentile: 50, limitNs: 5 * nsPerMs }],
      loss: undefined,
      rcodes: new Map(),
    };
    const objective = new Objective(median);
    ask(objective, 0, 300);
    const almost = objective.report(ask(objective, 300, 29, () => ({ rttNs: 9 * nsPerMs })));
    expect(almost.breached).toBe(false);
    const all = objective.report(ask(objective, 329, 1, () => ({ rttNs: 9 * nsPerMs })));
    expect(all.reasons).toEqual([expect.stringMatching(/^p50 9\.\d\dms above 5ms over 3s \(fast, 30 probes\)$/)]);
  });

  it("is breached by a single bad probe where the bound is 0", () => {
    const objective = new Objective({ ...rules, latency: [], loss: 0, rcodes: new Map() });
    expect(objective.report(ask(objective, 0, 300)).breached).toBe(false);
    expect(objective.report(ask(objective, 300, 1, () => lost)).reasons).toEqual(["loss 0.333% above 0% over 30s"]);
  });

  it("is over when neither window burns any more", () => {
    const objective = new Objective(rules);
    ask(objective, 0, 300);
    ask(objective, 300, 30, () => ({ rcode: 2 }));
    const breaches = Array.from({ length: 40 }, (_, second) => {
      const { breached, figures } = objective.report(ask(objective, 330 + second * 10, 10));
      const { slow, fast } = figures[2]!;
      expect(breached).toBe(slow.burns || fast.burns);
      return breached;
    });
    // After 27 s there are still 30 of them in 30 s; three seconds later at most three, which are 1 %.
    expect(breaches.lastIndexOf(true)).toBe(28);
    expect(breaches.indexOf(false)).toBe(29);
  });

  it("judges nothing by too few probes, and says so", () => {
    const objective = new Objective(rules);
    const nowNs = ask(objective, 0, 12, () => lost);
    expect(objective.report(nowNs)).toMatchObject({
      breached: false,
      samples: 12,
      reasons: ["too few probes to judge by: 12 over 30s, expected at least 20"],
    });
  });

  it("is not breached by a prober that stood still", () => {
    const objective = new Objective(rules);
    expect(objective.report(ask(objective, 0, 300, () => lost)).breached).toBe(true);
    const after = objective.report(1e6 * nsPerSecond);
    expect(after).toMatchObject({ breached: false, samples: 0 });
    expect(after.figures.map(({ slow }) => slow.value)).toEqual([null, null, null]);
  });

  it("keeps no more samples than it has room for, the newest", () => {
    const objective = new Objective({ ...rules, windowNs: 1e15 });
    for (let sentNs = 1; sentNs <= maxSamples + 1000; sentNs++)
      objective.record({ sentNs, rttNs: sentNs <= 1000 ? undefined : 1, rcode: 0 });
    const report = objective.report(1e9);
    expect([report.samples, report.figures[1]!.slow.bad]).toEqual([maxSamples, 0]);
  });

  it.each([
    [
      { fastWindowNs: 31 * nsPerSecond },
      "fast window: expected more than 0 and at most 30000000000 ns, got 31000000000",
    ],
    [{ fastBurn: 0.5 }, "fast burn: expected at least 1, got 0.5"],
    [{ rcodes: new Map(Array.from({ length: 31 }, (_, rcode) => [rcode, 0.1])) }, "expected at most 32 bounds, got 33"],
  ])("refuses %o", (wrong, message) => {
    expect(() => new Objective({ ...rules, ...wrong })).toThrow(new RangeError(message));
  });
});
