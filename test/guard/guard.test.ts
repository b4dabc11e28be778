// The last-endpoint guard against a fleet whose databases flood with a delay: whatever dies, and whenever, somebody stays.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Guard, type Sight } from "../../src/guard/guard.js";
import { type Rung, rungCosts } from "../../src/route/driver.js";
import type { Announcer } from "../../src/route/link-state.js";

const second = 1e9;
const stub = (routerId: string, metric = 0): Announcer => ({ routerId, kind: "stub", metric });
const sight = (atNs: number, others: readonly Announcer[], routerId = "192.0.2.1"): Sight => ({
  atNs,
  announcers: { routerId, others },
});

describe("with a rung", () => {
  it("looks again before it lets a prefix go, and then lets it", () => {
    const guard = new Guard(1, () => 0.5);
    expect(guard.admit(0, sight(0, [stub("192.0.2.2")]), "dead")).toMatchObject({
      admitted: false,
      held: false,
      others: 1,
    });
    expect(guard.lookNs).toBe(2.2 * second);
    expect(guard.admit(2.1 * second, sight(2.1 * second, [stub("192.0.2.2")]), "dead").admitted).toBe(false);
    expect(guard.admit(2.2 * second, sight(2.2 * second, [stub("192.0.2.2")]), "dead").admitted).toBe(true);
    expect(guard.lookNs).toBeUndefined();
  });

  it("does not decide by what it saw before it was to look", () => {
    const guard = new Guard(1, () => 0);
    guard.admit(0, sight(0, [stub("192.0.2.2")]), "dead");
    expect(guard.admit(5 * second, sight(1 * second, [stub("192.0.2.2")]), "dead").admitted).toBe(false);
  });

  it("holds the last one, says why, and lets it go once somebody lives again", () => {
    const guard = new Guard(1, () => 0);
    const corpse = stub("192.0.2.2", rungCosts.dead.stub);
    guard.admit(0, sight(0, [corpse]), "dead");
    expect(guard.admit(1.2 * second, sight(1.2 * second, [corpse]), "dead")).toEqual({
      admitted: false,
      held: true,
      others: 0,
      needed: 1,
      reason: "no other endpoint would take the traffic, 1 must",
    });
    const degraded = stub("192.0.2.2", rungCosts.degraded.stub);
    expect(guard.admit(2.4 * second, sight(2.4 * second, [degraded]), "dead").admitted).toBe(true);
  });

  it("counts for a drained one only who is better off: two that are drained at once both stay", () => {
    const guard = new Guard(1, () => 0);
    const drained = stub("192.0.2.2", rungCosts.drained.stub);
    guard.admit(0, sight(0, [drained]), "drained");
    expect(guard.admit(1.2 * second, sight(1.2 * second, [drained]), "drained").held).toBe(true);
    // A death outranks maintenance; it waits for itself, as others may have died with it.
    expect(guard.admit(2.4 * second, sight(2.4 * second, [drained]), "dead").admitted).toBe(false);
    expect(guard.admit(3.6 * second, sight(3.6 * second, [drained]), "dead").admitted).toBe(true);
  });
});

describe("at a rung that the router does not take", () => {
  it("waits until it is seen there, and then as long as ever", () => {
    const guard = new Guard(1, () => 0);
    const others = [stub("192.0.2.2")];
    for (const at of [0, 1, 2, 3])
      expect(guard.admit(at * second, sight(at * second, others), "dead", false).admitted).toBe(false);
    expect(guard.admit(4.1 * second, sight(4.1 * second, others), "dead", true).admitted).toBe(false);
    expect(guard.admit(4.2 * second, sight(4.2 * second, others), "dead", true).admitted).toBe(true);
  });

  it("goes by router ids after 5 s: of two corpses that look alive to each other one stays", () => {
    const admitted = (own: string, other: string) => {
      const guard = new Guard(1, () => 0);
      let admission = guard.admit(0, sight(0, [stub(other)], own), "dead", false);
      for (let at = 1; at <= 5; at++)
        admission = guard.admit(at * second, sight(at * second, [stub(other)], own), "dead", false);
      return admission.admitted;
    };
    expect(admitted("192.0.2.1", "192.0.2.2")).toBe(false);
    expect(admitted("192.0.2.2", "192.0.2.1")).toBe(true);
  });
});

describe("without a rung", () => {
  it("lets all go at once but the announcers of lowest router id", () => {
    const admitted = (own: string, needed: number) => {
      const others = ["192.0.2.1", "192.0.2.2", "192.0.2.10"].filter((id) => id !== own).map((id) => stub(id));
      return new Guard(needed, () => 0).admit(0, sight(0, others, own), undefined).admitted;
    };
    expect(["192.0.2.1", "192.0.2.2", "192.0.2.10"].map((id) => admitted(id, 1))).toEqual([false, true, true]);
    expect(["192.0.2.1", "192.0.2.2", "192.0.2.10"].map((id) => admitted(id, 2))).toEqual([false, false, true]);
  });

  it("lets nobody go at once by an old sight", () => {
    const old = sight(-1, [stub("192.0.2.1")], "192.0.2.2");
    expect(new Guard(1).admit(0, old, undefined).admitted).toBe(false);
  });
});

it("holds where the database cannot be read, and says why", () => {
  const guard = new Guard(1, () => 0);
  const blind: Sight = { atNs: 1.2 * second, reason: "ospfd does not answer" };
  guard.admit(0, { ...blind, atNs: 0 }, "dead");
  const answer = guard.admit(1.2 * second, blind, "dead");
  expect(answer).toMatchObject({ admitted: false, held: true, others: null, reason: "ospfd does not answer" });
});

it("says that other areas cannot be seen, where that is so", () => {
  const guard = new Guard(1, () => 0);
  const reason = "unknown (other areas): 192.0.2.9 is an area border router";
  const alone = (atNs: number): Sight => ({ atNs, announcers: { routerId: "192.0.2.1", others: [], blind: reason } });
  guard.admit(0, alone(0), "dead");
  expect(guard.admit(1.2 * second, alone(1.2 * second), "dead").reason).toContain(reason);
});

it("asks anew where an admission was not used", () => {
  const guard = new Guard(1, () => 0);
  const others = [stub("192.0.2.2")];
  guard.admit(0, sight(0, others), "dead");
  expect(guard.admit(1.2 * second, sight(1.2 * second, others), "dead").admitted).toBe(true);
  expect(guard.admit(6.3 * second, sight(6.3 * second, []), "dead").admitted).toBe(false);
  expect(guard.admit(8 * second, sight(8 * second, []), "dead").held).toBe(true);
});

// --- a fleet ----------------------------------------------------------------------------------------------------------

/** How long a change takes to get into the databases of all. */
const floodNs = 20e6;
const stepNs = 10e6;
const endNs = 30 * second;

interface Change {
  readonly atNs: number;
  readonly metric: number | undefined;
}

/** One endpoint: what it has announced, and since when. */
class Endpoint {
  readonly changes: Change[] = [{ atNs: Number.NEGATIVE_INFINITY, metric: 0 }];
  readonly guard: Guard;

  constructor(
    readonly routerId: string,
    readonly diesNs: number,
    readonly rung: Rung | undefined,
    random: () => number,
  ) {
    this.guard = new Guard(1, random);
  }

  metricAt(atNs: number): number | undefined {
    return this.changes.findLast((change) => change.atNs <= atNs)!.metric;
  }

  step(nowNs: number, fleet: readonly Endpoint[]): void {
    if (nowNs < this.diesNs || this.metricAt(nowNs) === undefined) return;
    const others = fleet.flatMap((other) => {
      const metric = other === this ? undefined : other.metricAt(nowNs - floodNs);
      return metric === undefined ? [] : [stub(other.routerId, metric)];
    });
    const { admitted } = this.guard.admit(nowNs, sight(nowNs, others, this.routerId), this.rung);
    if (admitted) this.changes.push({ atNs: nowNs, metric: undefined });
    else if (this.rung) this.changes.push({ atNs: nowNs, metric: rungCosts[this.rung].stub });
  }
}

/** Deaths at once, or far enough apart for the network to know: what OSPF can tell in time. */
const deaths = fc.array(fc.constantFrom(0, 0, 0, 5, 10, 15), { minLength: 2, maxLength: 5 });

it.each(["dead" as const, undefined])("never leaves a prefix without an announcer, with rung %s", (rung) => {
  fc.assert(
    fc.property(deaths, fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), (diesS, stream) => {
      const random = () => stream.next().value as number;
      const fleet = diesS.map((dies, i) => new Endpoint(`192.0.2.${i + 1}`, dies * second, rung, random));
      for (let nowNs = 0; nowNs <= endNs; nowNs += stepNs) {
        for (const endpoint of fleet) endpoint.step(nowNs, fleet);
        expect(fleet.some((endpoint) => endpoint.metricAt(nowNs) !== undefined)).toBe(true);
      }
      // And no more corpses than that: whoever died while others lived has gone. With a rung the last stay all together.
      const last = diesS.filter((dies) => dies === Math.max(...diesS)).length;
      const left = fleet.filter((endpoint) => endpoint.metricAt(endNs) !== undefined);
      expect(left).toHaveLength(rung ? last : 1);
    }),
    { numRuns: 60 },
  );
});
