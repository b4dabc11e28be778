import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { readBirdState, readOspfProtocols } from "../../src/route/bird-state.js";
import { prefixOf } from "../../src/route/prefix.js";

// Captured from BIRD 2.0.12 at e3, as the fixtures of lsdb-area.test.ts from FRR at e1.
const fixture = (name: string) => readFileSync(new URL(`fixtures/${name}`, import.meta.url), "utf8");
const [r1, e1, e2, e3] = ["198.18.255.1", "198.18.255.11", "198.18.255.12", "198.18.255.13"] as const;
const anycast = prefixOf("203.0.113.53");
const stub = (routerId: string) => ({ routerId, kind: "stub", metric: 0 });
const external = { routerId: e2, kind: "external", metric: 30, metricType: 1 };
const own = { routerId: e3, kind: "external", metric: 10_000, metricType: 2 };

test("stubs and externals of all routers, and which of them is this one", () => {
  const { routerId, borders, announcers } = readBirdState(fixture("bird-transit.txt"));
  expect(routerId).toBe(e3);
  expect(borders).toEqual([]);
  expect(announcers.get(anycast)).toEqual([stub(e1), stub(e3), external, own]);
});

test("a router in another area counts by its external, not by the stub that it left behind", () => {
  const { borders, announcers } = readBirdState(fixture("bird-areas.txt"));
  expect(new Set(borders)).toEqual(new Set([r1]));
  expect(announcers.get(anycast)).toEqual([stub(e1), stub(e3), external, own]);
});

test("a router that no border router tells of cannot be reached, nor can one behind a border router that is gone", () => {
  const areas = fixture("bird-areas.txt");
  const untold = areas.replace(/\t\txrouter .*\n/, "");
  expect(readBirdState(untold).announcers.get(anycast)).toEqual([stub(e1), stub(e3), own]);
  const gone = areas.replace(`router ${r1}\n\t\tdistance 10`, `router ${r1}\n\t\tunreachable`);
  expect(readBirdState(gone)).toMatchObject({ borders: [] });
  expect(readBirdState(gone).announcers.get(anycast)).toEqual([stub(e1), stub(e3), own]);
});

test("routers that have no LSA in this area are listed apart", () => {
  const elsewhere = "\nother ASBRs\n\n\trouter 198.18.255.99\n\t\texternal 203.0.113.53/32 metric2 7\n";
  const told = `\t\txrouter 198.18.255.99 metric 10\n\n\trouter ${e1}\n`;
  const text = fixture("bird-areas.txt").replace(`\n\trouter ${e1}\n`, told) + elsewhere;
  const far = { routerId: "198.18.255.99", kind: "external", metric: 7, metricType: 2 };
  expect(readBirdState(text).announcers.get(anycast)).toContainEqual(far);
  expect(readBirdState(fixture("bird-areas.txt") + elsewhere).announcers.get(anycast)).not.toContainEqual(far);
});

test("what is no such state says so", () => {
  expect(() => readBirdState("edge: is not up\n")).toThrow(/expected this router at distance 0, got "edge: is not up"/);
});

test("the OSPF protocols that are up, by family", () => {
  const text = fixture("bird-protocols.txt");
  expect(readOspfProtocols(text)).toEqual([
    { name: "edge", family: 4 },
    { name: "six", family: 6 },
  ]);
  expect(readOspfProtocols(text.replace("master6    up", "master6    down"))).toEqual([{ name: "edge", family: 4 }]);
});
