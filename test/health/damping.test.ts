import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Damping } from "../../src/health/damping.js";

const rules = { holdDownNs: 10, maxNs: 80, forgetNs: 1000 };

describe("damping", () => {
  it("lets the first announcement through", () => {
    expect(new Damping(rules).leftNs(0)).toBe(0);
  });

  it("holds a prefix down from its departure, twice as long each time, and no longer than the longest", () => {
    const damping = new Damping(rules);
    const waits: number[] = [];
    for (let at = 0; at < 600; at += 100) {
      damping.departed(at);
      waits.push(damping.leftNs(at));
      damping.returned(at + 90);
    }
    expect(waits).toEqual([10, 20, 40, 80, 80, 80]);
  });

  it("forgets after calm, which counts from the return and not from the departure", () => {
    const damping = new Damping(rules);
    damping.departed(0);
    damping.returned(900);
    damping.departed(1899);
    expect(damping.leftNs(1899)).toBe(20);
    damping.returned(2000);
    damping.departed(3000);
    expect(damping.leftNs(3000)).toBe(10);
  });

  it("begins anew, but does not double, where a prefix that is away gets worse", () => {
    const damping = new Damping(rules);
    damping.departed(0);
    damping.departed(5);
    expect(damping.leftNs(5)).toBe(10);
    expect(damping.leftNs(15)).toBe(0);
  });

  it("stays what it is over a restart at any moment", () => {
    const event = fc.record({
      afterNs: fc.integer({ min: 0, max: 500 }),
      kind: fc.constantFrom("departed", "returned"),
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), fc.nat(40), (events, restartAt) => {
        const steady = new Damping(rules);
        let restarted = new Damping(rules);
        let atNs = 0;
        for (const [i, { afterNs, kind }] of events.entries()) {
          atNs += afterNs;
          if (i === restartAt) restarted = new Damping(rules, restarted.record(atNs), atNs);
          for (const damping of [steady, restarted]) damping[kind as "departed" | "returned"](atNs);
          expect(restarted.leftNs(atNs)).toBe(steady.leftNs(atNs));
        }
      }),
    );
  });

  it("lets no more announcements through than the formula gives, whatever the service does", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 80 }), (spans) => {
        const damping = new Damping(rules);
        let atNs = 0;
        let returns = 0;
        for (const span of spans) {
          damping.departed(atNs);
          atNs += span;
          // It is announced as soon as it may be, and falls at once.
          const waitNs = damping.leftNs(atNs);
          atNs += waitNs;
          damping.returned(atNs);
          returns++;
        }
        // 10 + 20 + 40 + 80 + 80 + …: that long it takes at least.
        let leastNs = 0;
        for (let n = 0; n < returns; n++) leastNs += Math.min(80, 10 * 2 ** n);
        expect(atNs).toBeGreaterThanOrEqual(leastNs);
      }),
    );
  });

  it("remembers nothing that does not matter any more", () => {
    const damping = new Damping(rules);
    expect(damping.record(0)).toBeUndefined();
    damping.departed(0);
    damping.returned(50);
    expect(damping.record(60)).toEqual({ departures: 1, departedAgoNs: 60, returnedAgoNs: 10 });
    expect(damping.record(1050)).toBeUndefined();
  });
});
