// A short `npm run lab -- flap`, five times as fast; and the formula that it is held against.
import { describe, expect, test } from "vitest";
import { skipWithoutLab } from "../support/lab.js";
import { measureFlap, mostOriginations } from "./flap.js";
import { serverMissing } from "./servers.js";

test("no more departures fit in a time than its hold-downs leave room for", () => {
  const rules = { holdDownMs: 5000, maxMs: 40_000 };
  expect(mostOriginations(1, rules)).toBe(2);
  expect(mostOriginations(5000, rules)).toBe(2);
  expect(mostOriginations(5001, rules)).toBe(4);
  // 5 + 10 + 20 + 40 + 40 + 40 + 40 + 40 + 40: nine whole ones and the one that begins after them.
  expect(mostOriginations(300_000, rules)).toBe(20);
});

describe.skipIf(skipWithoutLab() || skipWithoutLab(serverMissing("unbound")))("a server that flaps", () => {
  test("moves its route no more often than the hold-downs allow, and is announced at the end", async () => {
    const pace = { cycles: 36, cycleMs: 1000, deadMs: 400, recoveryMs: 1000 };
    const check = { stable_for: "100ms", interval: "20ms" };
    const damping = { holdDownMs: 1000, maxMs: 8000, forgetMs: 3000 };
    const { failures } = await measureFlap({ driver: "frr", ...pace, check, ...damping }, () => {});
    expect(failures).toEqual([]);
  }, 120_000);
});
