import { expect, test } from "vitest";
import { announcersOf, type Database } from "../../src/route/announcers.js";
import { type Announcer, livingOf } from "../../src/route/link-state.js";
import { prefixOf } from "../../src/route/prefix.js";

const prefix = prefixOf("203.0.113.53");
const own = "192.0.2.1";
const stub = (routerId: string, metric = 0): Announcer => ({ routerId, kind: "stub", metric });
const external = (routerId: string, metric: number, metricType: 1 | 2 = 1): Announcer => ({
  routerId,
  kind: "external",
  metric,
  metricType,
});
const database = (announcers: readonly Announcer[], borders: readonly string[] = []): Database => ({
  routerId: own,
  borders,
  announcers: new Map([[prefix, announcers]]),
});

test("this router is none of the others", () => {
  expect(announcersOf(database([stub(own), stub("192.0.2.2")]), prefix)).toEqual({
    routerId: own,
    others: [stub("192.0.2.2")],
  });
  expect(announcersOf(database([stub(own)]), prefixOf("203.0.113.99")).others).toEqual([]);
});

test.each([
  [[stub("192.0.2.2", 5), stub("192.0.2.2", 3)], stub("192.0.2.2", 3)],
  [[external("192.0.2.2", 1), stub("192.0.2.2", 65_535)], stub("192.0.2.2", 65_535)],
  [[external("192.0.2.2", 1, 2), external("192.0.2.2", 9, 1)], external("192.0.2.2", 9, 1)],
])("a router that announces twice counts once, as the others prefer it: %j", (announcers, one) => {
  expect(announcersOf(database(announcers), prefix).others).toEqual([one]);
  expect(announcersOf(database(announcers.toReversed()), prefix).others).toEqual([one]);
});

test("border routers but this one make it blind, each named once", () => {
  expect(announcersOf(database([], [own]), prefix).blind).toBeUndefined();
  expect(announcersOf(database([], ["192.0.2.7", "192.0.2.7"]), prefix).blind).toBe(
    "unknown (other areas): 192.0.2.7 is an area border router",
  );
  expect(announcersOf(database([], ["192.0.2.7", own, "192.0.2.8"]), prefix).blind).toBe(
    "unknown (other areas): 192.0.2.7, 192.0.2.8 are area border routers",
  );
});

test("a corpse at the dead cost of its kind is not living", () => {
  const announcers = [stub("192.0.2.2", 65_535), external("192.0.2.3", 65_535), external("192.0.2.4", 16_777_214)];
  const living = livingOf(announcersOf(database(announcers), prefix), "dead");
  expect(living.map(({ routerId }) => routerId)).toEqual(["192.0.2.3"]);
});
