// The guard on real routers: whatever dies together, R1 keeps a route, and the one that is alive gets all queries.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { skipWithoutLab } from "../support/lab.js";
import { Lab } from "./lab.js";
import { guarded, killBesideDegraded, killOneByOne, killTogether } from "./last-endpoint.js";
import { serverMissing } from "./servers.js";

describe.skipIf(skipWithoutLab() || skipWithoutLab(serverMissing("unbound")))("three endpoints under the guard", () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await Lab.create({ client: true });
  });
  afterAll(() => lab?.close());

  // With rungs all stay as corpses; without, all go but the one of lowest router id.
  test.each([
    ["frr", 3],
    ["address", 1],
  ] as const)(
    "R1 is never without a route, however they die (%s driver)",
    async (driver, stay) => {
      await lab.startDaemons(guarded(driver));
      expect(await killTogether(lab, 2)).toMatchObject({ routeless: 0, unheld: 0, stayed: { [stay]: 2 } });
      expect(await killOneByOne(lab)).toMatchObject({
        ...{ withdrawn: 2, held: 1, not_held: 0, hops: 1, routeless: 0 },
        status_exit_code: 2,
      });
      await lab.stopDaemons();
    },
    60_000,
  );

  test("a degraded endpoint gets every query beside two corpses that the guard holds", async () => {
    const { answers_before: before, ...found } = await killBesideDegraded(lab, "frr", 2);
    expect(before).not.toHaveProperty("e3");
    expect(found).toMatchObject({ dead: ["dead", "dead"], elsewhere: 0, lost_after: 0, routeless: 0 });
    expect(found.alone_ms).toBeLessThan(1000);
    expect(found.answers_after["e3"]).toBeGreaterThan(500);
  }, 60_000);
});
