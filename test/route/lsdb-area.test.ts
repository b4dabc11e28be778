import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { readAreas, readAsbrSummaries, readRouterId } from "../../src/route/lsdb-area.js";
import { prefixOf } from "../../src/route/prefix.js";
import { reachableFrom } from "../../src/route/reachability.js";

// Captured from FRR 8.4.4 at e1. transit: e1 is on a broadcast network with r1, the others on point-to-point links. areas:
// e2 has moved to area 1 and left its router-LSA behind in area 0; r1 is the border router.
const fixture = (name: string) => readFileSync(new URL(`fixtures/${name}`, import.meta.url), "utf8");
const [r1, e1, e2, e3] = ["198.18.255.1", "198.18.255.11", "198.18.255.12", "198.18.255.13"] as const;
const anycast = prefixOf("203.0.113.53");

test("links of both kinds, host stubs and the border bit", () => {
  const text = fixture("transit-router.json");
  expect(readRouterId(text)).toBe(e1);
  const [area, ...more] = readAreas(text, fixture("transit-network.json"));
  expect(more).toEqual([]);
  expect(area!.networks).toEqual(new Map([["198.18.1.2", [r1, e1]]]));
  expect(area!.routers.get(r1)).toEqual({
    border: false,
    routers: expect.arrayContaining([e2, e3]),
    networks: ["198.18.1.2"],
    stubs: new Map(),
  });
  expect(area!.routers.get(e3)!.stubs).toEqual(
    new Map([
      [anycast, 0],
      [prefixOf("203.0.113.54"), 0],
    ]),
  );
  expect([...reachableFrom(e1, area!)].toSorted()).toEqual([r1, e1, e2, e3]);
});

test("a router that moved to another area cannot be reached by the LSA that it left behind", () => {
  const [area] = readAreas(fixture("areas-router.json"), fixture("transit-network.json"));
  expect(area!.routers.get(e2)!.stubs.has(anycast)).toBe(true);
  expect([...reachableFrom(e1, area!)].toSorted()).toEqual([r1, e1, e3]);
  expect(area!.routers.get(r1)!.border).toBe(true);
  expect(readAsbrSummaries(fixture("areas-asbr-summary.json"))).toEqual([{ asbr: e2, border: r1 }]);
});

test("an LSA at the maximum age is none, whatever its kind", () => {
  const old = (name: string) => fixture(name).replaceAll(/"lsaAge": ?\d+/g, '"lsaAge":3600');
  const [area] = readAreas(old("transit-router.json"), old("transit-network.json"));
  expect(area).toEqual({ routers: new Map(), networks: new Map() });
  expect(readAsbrSummaries(old("areas-asbr-summary.json"))).toEqual([]);
});

test("later releases spell the attached routers right", () => {
  const text = fixture("transit-network.json").replaceAll("attchedRouters", "attachedRouters");
  const [area] = readAreas(fixture("transit-router.json"), text);
  expect(area!.networks.get("198.18.1.2")).toEqual([r1, e1]);
});
