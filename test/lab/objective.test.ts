// A short `npm run lab -- objective`: a slow server is depreferred, not withdrawn, and returns when both its window and the
// hold-down let it.
import { describe, expect, test } from "vitest";
import { skipWithoutLab } from "../support/lab.js";
import { measureObjective } from "./objective.js";
import { serverMissing } from "./servers.js";

describe.skipIf(skipWithoutLab() || skipWithoutLab(serverMissing("unbound")))("a server that is too slow", () => {
  test("loses its traffic and not its address, until it was quick for a window and the hold-down is over", async () => {
    const times = { windowMs: 3000, holdDownMs: 5000, intervalMs: 20, slowForMs: [1000, 4000] };
    const { failures, figures } = await measureObjective({ announces: ["network"], runs: 2, ...times }, () => {});
    expect(failures).toEqual([]);
    expect(figures["network"]?.depreferred.runs).toBe(2);
  }, 120_000);
});
