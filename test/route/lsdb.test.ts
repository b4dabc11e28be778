import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type Neighbor, readExternalLsas, readNeighbors, readRouterLsas } from "../../src/route/lsdb.js";
import {
  readDevices,
  readExternalAnnouncers,
  readExternalLsasText,
  readNeighborsText,
  readRouterLsasText,
} from "../../src/route/lsdb-text.js";
import {
  addressCost,
  areaOf,
  deviceCost,
  metricOf,
  metricTypeOf,
  readOspfConfig,
  routeMapOf,
  widerNetwork,
  withMetric,
} from "../../src/route/ospf-config.js";
import { prefixOf } from "../../src/route/prefix.js";

// Captured from FRR 8.4.4: an endpoint with network statements, one that redistributes, and that one after a withdrawal.
const fixture = (name: string) => readFileSync(new URL(`fixtures/${name}`, import.meta.url), "utf8");
const first = prefixOf("203.0.113.53");
const second = prefixOf("203.0.113.54");

describe.each([
  ["json", readRouterLsas, readExternalLsas, readNeighbors],
  ["txt", readRouterLsasText, readExternalLsasText, readNeighborsText],
] as const)("read from %s", (form, routerLsas, externalLsas, neighbors) => {
  test("host stubs of the router-LSA, and no wider ones", () => {
    const own = routerLsas(fixture(`network-router.${form}`));
    expect(own).toEqual({
      running: true,
      stubs: new Map([
        [first, 0],
        [second, 0],
      ]),
    });
    expect(routerLsas(fixture(`redistribute-router.${form}`)).stubs.size).toBe(0);
  });

  test("externals with metric and type", () => {
    const own = { metric: 20, metricType: 1 };
    expect(externalLsas(fixture(`redistribute-external.${form}`))).toEqual(
      new Map([
        [first, own],
        [second, own],
      ]),
    );
    expect(externalLsas(fixture(`network-external.${form}`)).size).toBe(0);
  });

  test("an LSA at the maximum age, which stays listed, is withdrawn", () => {
    expect(externalLsas(fixture(`withdrawn-external.${form}`)).size).toBe(0);
  });

  test("neighbours, and how many LSAs they have not acknowledged", () => {
    const full: Neighbor = { id: "198.18.255.1", full: true, retransmit: 0 };
    expect(neighbors(fixture(`network-neighbor.${form}`))).toEqual([full]);
    expect(neighbors(fixture(`unacknowledged-neighbor.${form}`))).toEqual([{ ...full, retransmit: 3 }]);
  });
});

test("the shape without self-originate is read as well", () => {
  expect([...readRouterLsas(fixture("all-router.json")).stubs.keys()].sort()).toEqual([first, second]);
  expect(readExternalLsas(fixture("all-external.json")).size).toBe(2);
});

test("a router without neighbours has none, in every shape", () => {
  expect(readNeighbors("{\n}\n")).toEqual([]);
  expect(readNeighbors('{"neighbors":{}}')).toEqual([]);
  expect(readNeighborsText("\nNeighbor ID Pri State Dead Time Address Interface RXmtL RqstL DBsmL\n")).toEqual([]);
});

test("a neighbour that is not Full, as old releases write it", () => {
  const text = '{"198.18.255.1":[{"state":"Exchange/DR","linkStateRetransmissionListCounter":2}]}';
  expect(readNeighbors(text)).toEqual([{ id: "198.18.255.1", full: false, retransmit: 2 }]);
  const line = "198.18.255.1      1 Init/DROther    3.514s 198.18.1.1      up0:198.18.1.2           0     0     0";
  expect(readNeighborsText(line)).toEqual([{ id: "198.18.255.1", full: false, retransmit: 0 }]);
});

test("the running configuration of network statements", () => {
  const config = readOspfConfig(fixture("network-running.txt"));
  expect(config).toEqual({
    release: 8004,
    routers: ["router ospf"],
    routerId: "198.18.255.11",
    networks: [
      { prefix: "198.18.0.0/16", area: "0" },
      { prefix: first, area: "0" },
      { prefix: second, area: "0.0.0.0" },
    ],
    redistributeConnected: undefined,
    areaInterfaces: [],
    costs: [],
    suppressed: [],
    filters: { family: 4, maps: new Map(), lists: new Map() },
    metricMaps: [],
    timers: { throttleLsaMs: 0, minArrivalMs: 0 },
  });
  expect(areaOf(config, second)).toBe("0.0.0.0");
  expect(areaOf(config, prefixOf("203.0.113.55"))).toBeUndefined();
});

test("the running configuration of redistribution", () => {
  const config = readOspfConfig(fixture("redistribute-running.txt"));
  expect(config.redistributeConnected).toBe("redistribute connected metric 20 metric-type 1 route-map ANYCAST");
});

test("costs of addresses and of whole devices, and route-maps that set a metric", () => {
  const config = readOspfConfig(
    [
      "interface lo",
      " ip ospf cost 5",
      " ip ospf cost 40000 203.0.113.53",
      "exit",
      "interface up0",
      " ip ospf cost 10",
      "route-map A permit 10",
      " set metric 30",
      "route-map B permit 10",
      " set metric-type type-1",
      "",
    ].join("\n"),
  );
  expect(addressCost(config, "lo", first)).toBe(40_000);
  expect(addressCost(config, "lo", second)).toBeUndefined();
  expect(deviceCost(config, "lo")).toBe(5);
  expect(deviceCost(config, "eth0")).toBeUndefined();
  expect(config.metricMaps).toEqual(["A"]);
});

test.each([
  ["redistribute connected", undefined, 2, undefined, "redistribute connected metric 7"],
  [
    "redistribute connected metric 20 metric-type 1 route-map ANYCAST",
    20,
    1,
    "ANYCAST",
    "redistribute connected metric 7 metric-type 1 route-map ANYCAST",
  ],
  ["redistribute connected route-map A", undefined, 2, "A", "redistribute connected metric 7 route-map A"],
] as const)("%s", (line, metric, metricType, map, at7) => {
  expect(metricOf(line)).toBe(metric);
  expect(metricTypeOf(line)).toBe(metricType);
  expect(routeMapOf(line)).toBe(map);
  expect(withMetric(line, 7)).toBe(at7);
});

test("who announces a prefix as an external, of both types", () => {
  expect(readExternalAnnouncers(fixture("two-externals.txt"))).toEqual({
    routerId: "198.18.255.11",
    announcers: [
      { routerId: "198.18.255.12", kind: "external", metric: 20, metricType: 2 },
      { routerId: "198.18.255.13", kind: "external", metric: 30, metricType: 1 },
    ],
  });
  expect(readExternalAnnouncers(fixture("withdrawn-external.txt")).announcers).toEqual([]);
  expect(() => readExternalAnnouncers("% OSPF instance not found\n")).toThrow(/got "% OSPF instance not found"/);
});

test("the device of each host address, several on one", () => {
  expect(readDevices(fixture("interfaces.txt"))).toEqual(
    new Map([
      [first, "lo"],
      [second, "lo"],
    ]),
  );
});

test("an instance or VRF of its own is not mixed up with the plain one", () => {
  const config = readOspfConfig(
    "interface lo\n ip ospf area 0\nexit\nrouter ospf vrf blue\n network 203.0.113.53/32 area 0\nexit\nrouter ospf\nexit\n",
  );
  expect(config.routers).toEqual(["router ospf vrf blue", "router ospf"]);
  expect(config.networks).toEqual([]);
  expect(config.areaInterfaces).toEqual(["lo"]);
  expect(config.timers).toEqual({ throttleLsaMs: 5000, minArrivalMs: 1000 });
});

test.each([
  ["203.0.113.0/24", true],
  ["203.0.113.52/31", true],
  ["0.0.0.0/0", true],
  ["203.0.113.54/31", false],
  ["198.18.0.0/16", false],
  ["203.0.113.53/32", false],
])("network %s covers 203.0.113.53 together with others: %s", (prefix, covers) => {
  const config = readOspfConfig(`router ospf\n network ${prefix} area 1\n`);
  expect(widerNetwork(config, first)).toEqual(covers ? { prefix, area: "1" } : undefined);
});
