// The most telling of the faults that `npm run lab -- faults` plants under the daemon.
import { describe, expect, test } from "vitest";
import { skipWithoutLab } from "../support/lab.js";
import { faultKinds, plantAll } from "./faults.js";
import { killedDaemon } from "./faults-scenario.js";

const telling: Readonly<Record<string, readonly string[]>> = {
  "frr network": ["ospfd killed while withdrawn", "daemon killed"],
};

describe.skipIf(skipWithoutLab())("a service dies and comes back while its way to the router is broken", () => {
  test("nothing that is said to be verified is otherwise at R1, what failed is done later, nothing else moves", async () => {
    const kinds = faultKinds.filter(({ name }) => name in telling);
    const outcomes = await plantAll(
      kinds,
      (kind, scenarios) => [...scenarios, killedDaemon(2)].filter(({ name }) => telling[kind]!.includes(name)),
      () => {},
    );
    const planted = Object.entries(telling).flatMap(([kind, names]) =>
      [...names, "afterwards"].map((n) => `${kind} ${n}`),
    );
    expect(outcomes.flatMap(({ name, trouble }) => trouble.map((text) => `${name}: ${text}`))).toEqual([]);
    expect(outcomes.map(({ name }) => name)).toEqual(planted);
  }, 90_000);
});
