// A short `npm run lab -- flood`, at a rate that a busy machine has.
import { describe, expect, test } from "vitest";
import { skipWithoutLab } from "../support/lab.js";
import { measureFlood } from "./flood.js";

describe.skipIf(skipWithoutLab())("a flood at the ports of a watch", () => {
  test("ends no probe, and takes nothing from the true targets", async () => {
    const terms = { targets: 50, intervalMs: 100, perSecond: 20_000, seconds: 2 };
    const { failures, figures } = await measureFlood(terms, () => {});
    expect(failures).toEqual([]);
    const { foreign, late, malformed } = figures.beside;
    for (const count of [foreign + late, malformed]) expect(count).toBeGreaterThan(1000);
  }, 60_000);
});
