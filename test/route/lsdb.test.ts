import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type Neighbor, readExternalLsas, readNeighbors, readRouterLsas } from "../../src/route/lsdb.js";
import { readExternalLsasText, readNeighborsText, readRouterLsasText } from "../../src/route/lsdb-text.js";
import { areaOf, readOspfConfig, widerNetwork } from "../../src/route/ospf-config.js";
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
    routers: ["router ospf"],
    routerId: "198.18.255.11",
    networks: [
      { prefix: "198.18.0.0/16", area: "0" },
      { prefix: first, area: "0" },
      { prefix: second, area: "0.0.0.0" },
    ],
    redistributeConnected: undefined,
    areaInterfaces: [],
    timers: { throttleLsaMs: 0, minArrivalMs: 0 },
  });
  expect(areaOf(config, second)).toBe("0.0.0.0");
  expect(areaOf(config, prefixOf("203.0.113.55"))).toBeUndefined();
});

test("the running configuration of redistribution", () => {
  const config = readOspfConfig(fixture("redistribute-running.txt"));
  expect(config.redistributeConnected).toBe("redistribute connected metric 20 metric-type 1 route-map ANYCAST");
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
