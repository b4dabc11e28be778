// A drain on real routers, under load: no query is lost on the way out and back. That the client would see a loss, a bare
// deletion of the address shows.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { skipWithoutLab } from "../support/lab.js";
import { deleteUnderLoad, drainUnderLoad } from "./drain.js";
import { Lab } from "./lab.js";
import { serverMissing } from "./servers.js";

const announces = ["network", "redistribute"] as const;

describe.skipIf(skipWithoutLab() || skipWithoutLab(serverMissing("unbound")))("a drain under 500 queries/s", () => {
  const labs = new Map<(typeof announces)[number], Lab>();
  beforeAll(async () => {
    const created = announces.map(async (announce) => labs.set(announce, await Lab.create({ announce, client: true })));
    await Promise.all(created);
  });
  afterAll(() => Promise.all([...labs.values()].map((lab) => lab.close())));

  test.each([
    ["network", "frr"],
    ["network", "address"],
    ["redistribute", "frr"],
  ] as const)(
    "loses no query, out and back (%s, %s driver)",
    async (announce, driver) => {
      const found = await drainUnderLoad(labs.get(announce)!, driver, 1);
      expect(found).toMatchObject({ lost: 0, answered_while_away: 0, not_back: 0 });
      // What was sent while this process stood still proves nothing; it must not be all.
      expect(found.sent - found.voided).toBeGreaterThan(500);
    },
    60_000,
  );

  test("a deletion of the address loses some", async () => {
    expect((await deleteUnderLoad(labs.get("network")!, 8)).lost).toBeGreaterThan(0);
  });
});
