// The compact tally of many targets against the obvious one of a list of rows.
import fc from "fast-check";
import { expect, it } from "vitest";
import { kinds, recentLength, Tally } from "../../src/watch/tally.js";

const targets = 5;
const rows = fc.array(
  fc.record({
    target: fc.nat(targets - 1),
    kind: fc.constantFrom(...kinds),
    rcode: fc.nat(15),
    rttNs: fc.integer({ min: 1, max: 2e9 }),
  }),
  { maxLength: 300 },
);

it("counts as one would by hand, target by target", () => {
  fc.assert(
    fc.property(rows, fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 }), (all, rise, fall) => {
      const tally = new Tally(targets, { rise, fall });
      const states = Array.from({ length: targets }, () => ({ state: "unknown", streak: 0, changedNs: 0 }));
      for (const [nowNs, { target, kind, rcode, rttNs }] of all.entries()) {
        const one = states[target]!;
        let changed = false;
        if (kind === "pass" || kind === "wrong")
          changed = tally.answered(target, rcode, rttNs, nowNs, kind === "wrong");
        else if (kind === "void") tally.voided(target);
        else changed = tally.unanswered(target, kind, nowNs);
        if (kind === "void") continue;
        one.streak = kind === "pass" ? Math.max(0, one.streak) + 1 : Math.min(0, one.streak) - 1;
        const next = one.streak >= rise ? "up" : -one.streak >= fall ? "down" : one.state;
        expect(changed).toBe(next !== one.state);
        if (changed) Object.assign(one, { state: next, changedNs: nowNs });
      }
      for (const [target, { state, streak, changedNs }] of states.entries()) {
        const own = all.filter((row) => row.target === target);
        const answered = own.filter(({ kind }) => kind === "pass" || kind === "wrong");
        for (const kind of kinds) expect(tally.count(target, kind)).toBe(own.filter((row) => row.kind === kind).length);
        for (const [rcode, count] of tally.rcodes(target))
          expect(answered.filter((row) => row.rcode === rcode)).toHaveLength(count);
        expect(tally.rcodes(target).reduce((sum, [, count]) => sum + count, 0)).toBe(answered.length);
        expect(tally.latency.count(target)).toBe(answered.length);
        const told = own.filter(({ kind }) => kind !== "void").slice(-recentLength);
        const recent = told.map(({ kind, rttNs }) =>
          kind === "pass" || kind === "wrong" ? Math.round(Math.fround(rttNs / 1e6) * 1e3) / 1e3 : null,
        );
        expect(tally.recent(target)).toEqual(recent);
        expect([tally.state(target), tally.streak(target), tally.changedNs(target)]).toEqual([
          state,
          streak,
          changedNs,
        ]);
      }
    }),
  );
});

it("believes in another site once two answers in a row name it, and in the first at once", () => {
  const tally = new Tally(1, { rise: 1, fall: 1 });
  const [a, b, c] = [2, 3, 4] as const;
  const told = [a, a, b, a, b, c, b, b, b, a, a].map((site) => tally.told(0, site));
  expect(told).toEqual([true, false, false, false, false, false, false, true, false, false, true]);
  expect(tally.site(0)).toBe(a);
});
