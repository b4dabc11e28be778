import { describe, expect, it } from "vitest";
import { Drain, type DrainPhase } from "../../src/run/drain.js";

const second = 1e9;
const tickNs = 200e6;

/** drain plays a drain tick by tick: the cost is seen up after `raisedS`; `rate` is packets/s at a time in s. It returns when it was gone, in s. */
function drain({
  boundS = 30,
  raisedS = 1.2,
  rate,
}: {
  boundS?: number;
  raisedS?: number;
  rate?: (s: number) => number;
}) {
  const drain = new Drain(0, boundS * second, rate !== undefined);
  const phases: DrainPhase[] = [drain.phase];
  let packets = 0;
  for (let nowNs = 0; nowNs < 200 * second; nowNs += tickNs) {
    packets += ((rate?.(nowNs / second) ?? 0) * tickNs) / second;
    const phase = drain.step(nowNs, rate && packets, nowNs >= raisedS * second);
    if (phase !== phases.at(-1)) phases.push(phase);
    if (phase === "gone") return { goneS: nowNs / second, phases };
  }
  return { goneS: undefined, phases };
}

describe("a drain", () => {
  it("measures the traffic first, and ends 2 s after it is gone", () => {
    const { goneS, phases } = drain({ rate: (s) => (s < 5 ? 500 : 0) });
    expect(phases).toEqual(["measuring", "draining", "gone"]);
    expect(goneS).toBeGreaterThanOrEqual(6.8);
    expect(goneS).toBeLessThan(7.8);
  });

  it("is not ended by traffic that is little, but more than a hundredth of what it was", () => {
    // Under 5/s, but 1 % of 100/s is 1/s.
    expect(drain({ boundS: 10, rate: (s) => (s < 3 ? 100 : 3) }).goneS).toBeCloseTo(11.2, 1);
  });

  it("is not ended by 5 packets/s, whatever it was before", () => {
    expect(drain({ boundS: 10, rate: (s) => (s < 3 ? 100_000 : 6) }).goneS).toBeCloseTo(11.2, 1);
  });

  it("of a prefix that nobody asks ends soon after the cost is up", () => {
    expect(drain({ rate: () => 0 }).goneS).toBeLessThan(4);
  });

  it("never ends before the cost is up, and ends without it after twice its time", () => {
    expect(drain({ boundS: 10, raisedS: 1000, rate: () => 0 }).goneS).toBeCloseTo(20, 1);
  });

  it("takes its whole time where nobody counts", () => {
    expect(drain({ boundS: 10 })).toMatchObject({ phases: ["draining", "gone"] });
    expect(drain({ boundS: 10 }).goneS).toBeCloseTo(11.2, 1);
  });
});
