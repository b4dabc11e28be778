// A short `npm run lab -- stress`.
import { describe, expect, test } from "vitest";
import { skipWithoutLab } from "../support/lab.js";
import { serverMissing } from "./servers.js";
import { caseNames, measureStress } from "./stress.js";

describe.skipIf(skipWithoutLab() || skipWithoutLab(serverMissing("unbound")))("stress of a host", () => {
  test("withdraws nothing and ends no order before its time", async () => {
    const { failures, figures } = await measureStress({ cases: caseNames, stallMs: 4000, rivalMs: 4000 }, () => {});
    expect(failures).toEqual([]);
    expect(Object.keys(figures)).toEqual(caseNames);
  }, 180_000);
});
