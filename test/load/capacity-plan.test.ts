import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Endpoint, planCapacity, type Split } from "../../src/load/capacity-plan.js";

const site = (name: string, capacityQps: number, share?: number): Endpoint => ({
  name,
  capacityQps,
  atLeast: false,
  share,
});

/** Every subset of so many, by counting in binary. */
function subsets(n: number, k: number): number[][] {
  const found: number[][] = [];
  for (let bits = 0; bits < 2 ** n; bits++) {
    const taken = Array.from({ length: n }, (_, i) => i).filter((i) => (bits >> i) & 1);
    if (taken.length === k) found.push(taken);
  }
  return found;
}

/** The fullest that any endpoint gets, as a share of its capacity, by trying everything. */
function fullest(loads: readonly number[], capacities: readonly number[], k: number, split: Split): number {
  let most = 0;
  for (const gone of subsets(loads.length, k)) {
    const moved = gone.reduce((sum, i) => sum + loads[i]!, 0);
    loads.forEach((load, i) => {
      if (gone.includes(i)) return;
      const more = split === "one" ? moved : moved / (loads.length - k);
      most = Math.max(most, (load + more) / capacities[i]!);
    });
  }
  return most;
}

describe("planCapacity", () => {
  it("finds the worst withdrawal that trying all of them finds", () => {
    const sites = fc.array(fc.tuple(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: 100 })), {
      minLength: 1,
      maxLength: 8,
    });
    fc.assert(
      fc.property(sites, fc.integer({ min: 1, max: 5000 }), fc.nat(7), (list, peak, most) => {
        const survive = Math.min(most, list.length - 1);
        const weights = list.reduce((sum, [, weight]) => sum + weight, 0);
        const endpoints = list.map(([capacity, weight], i) => site(`e${i}`, capacity, weight / weights));
        const plan = planCapacity(endpoints, peak, survive);
        const loads = plan.endpoints.map(({ loadQps }) => loadQps);
        const capacities = list.map(([capacity]) => capacity);
        for (const { split, withdrawn, headroom, holdsQps, overloading, worst, fullest: name } of plan.withdrawals) {
          const used = fullest(loads, capacities, withdrawn, split);
          expect(1 - headroom).toBeCloseTo(used, 9);
          expect(holdsQps).toBeCloseTo(peak / used, 6);
          expect(worst).toHaveLength(withdrawn);
          expect(worst).not.toContain(name);
          expect(overloading!.of).toBe(subsets(list.length, withdrawn).length);
          expect(overloading!.count > 0).toBe(used > 1 + 1e-9);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("finds it among many too, and does not try to name all", () => {
    const endpoints = Array.from({ length: 300 }, (_, i) => site(`e${i}`, 1000 + i));
    const plan = planCapacity(endpoints, 240_000, 20);
    const last = plan.withdrawals.find(({ split, withdrawn }) => split === "even" && withdrawn === 20)!;
    // 800 each, and 20 of them over 280: the smallest is the fullest.
    expect(last).toMatchObject({ fullest: "e0", overloading: null });
    expect(last.loadQps).toBeCloseTo(800 + (20 * 800) / 280, 6);
  });

  it("shares the peak as told, the rest evenly", () => {
    const plan = planCapacity([site("a", 10, 0.5), site("b", 10), site("c", 10)], 8, 0);
    expect(plan.endpoints.map(({ loadQps }) => loadQps)).toEqual([4, 2, 2]);
  });

  it("counts the endpoints that are needed, and no more survive with fewer", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 1, max: 2000 }),
        fc.nat(3),
        (capacity, peak, survive) => {
          const { needed } = planCapacity(
            Array.from({ length: survive + 1 }, (_, i) => site(`e${i}`, capacity)),
            peak,
            survive,
          );
          const survives = (n: number, split: Split) =>
            n > survive &&
            planCapacity(
              Array.from({ length: n }, (_, i) => site(`e${i}`, capacity)),
              peak,
              survive,
            ).survives[split];
          for (const split of ["even", "one"] as const) {
            // Many endpoints make many withdrawals to try.
            if (needed[split] > 25) continue;
            expect(survives(needed[split], split)).toBe(true);
            expect(survives(needed[split] - 1, split)).toBe(false);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it("takes an endpoint that is full to the last query for held", () => {
    expect(planCapacity([site("a", 100), site("b", 100)], 100, 1).survives).toEqual({ even: true, one: true });
    expect(planCapacity([site("a", 100), site("b", 100)], 100.1, 1).survives).toEqual({ even: false, one: false });
  });

  it.each([
    [[], 0, "expected one endpoint or more, got none"],
    [[site("a", 1)], 1, "expected to survive 0-0 of 1 endpoints, got 1"],
    [[site("a", 1, 0.7), site("b", 1, 0.7)], 1, "expected shares of 100% in sum, got 140.0%"],
    [[site("a", 1, 0.2), site("b", 1, 0.2)], 1, "expected shares of 100% in sum, got 40.0%"],
  ])("refuses what makes no sense (%#)", (endpoints, survive, message) => {
    expect(() => planCapacity(endpoints, 1, survive)).toThrow(message);
  });
});
