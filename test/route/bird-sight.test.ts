// What the releases of BIRD write differently; the rest of the reading is tried on real ones in bird.test.ts.
import { expect, test } from "vitest";
import { exporterIn, observationIn, readSight } from "../../src/route/bird-sight.js";
import { prefixOf } from "../../src/route/prefix.js";

const prefix = prefixOf("203.0.113.53");

const routes = {
  "1.6": "203.0.113.53/32    dev lo [direct1 05:14:40] * (240)\n\tType: device unicast univ\n\tOSPF.metric2: 20\n",
  "2": "Table master4:\n203.0.113.53/32      unicast [direct1 05:14:40.464] * (240)\n\tdev lo\n\tOSPF.metric2: 20\n",
  "3": "Table master4:\n203.0.113.53/32      unicast [direct1 05:14:40.464] * (240)\n\tdev lo\n\tospf_metric2: 20\n",
};

test.each(Object.entries(routes))("BIRD %s tells what its filter lets out, and at which metric", (_, route) => {
  const state = "area 0.0.0.0\n\n\trouter 198.18.255.21\n\t\tdistance 0\n";
  const answers = [state, "198.18.255.1\t1\tFull/PtP\t3.2\tup0\t198.18.1.1\n", "", route];
  const sight = readSight({ kind: "OSPF", names: ["edge"] }, [prefix], answers);
  expect(sight).toMatchObject({ adjacent: true, leaving: false });
  expect([...sight.exported]).toEqual([[prefix, { metric: 20, metricType: 2 }]]);
});

test("a BIRD that has only just begun is Full before its own router-LSA links it to anybody: nothing is verified", () => {
  const state = "area 0.0.0.0\n\n\trouter 198.18.255.21\n\t\tdistance 0\n";
  const full = "198.18.255.1\t1\tFull/PtP\t3.2\tup0\t198.18.1.1\n";
  const reason = "its own router-LSA has no link to a neighbour yet";
  const observed = (state: string) =>
    observationIn(readSight({ kind: "OSPF", names: ["edge"] }, [prefix], [state, full, "", ""]), prefix);
  expect(observed(state)).toEqual({ announcement: "withdrawn", verified: false, reason });
  const linked = `${state}\n\trouter 198.18.255.1\n\t\tdistance 10\n`;
  expect(observed(linked)).toEqual({ announcement: "withdrawn", verified: true });
});

test("a route of the exporter itself is none that it exports", () => {
  const sight = readSight({ kind: "BGP", names: ["direct1"] }, [prefix], [routes[2]]);
  expect(sight.exported.size).toBe(0);
});

const line = (name: string, kind: string, state: string, family?: 4 | 6) =>
  `${name}  ${kind}  master4  ${state}  05:14:40.464\n${family === undefined ? "" : `  Channel ipv${family}\n    State: UP\n`}\n`;

test("what announces is the one OSPF protocol of the family, else the BGP sessions that are established", () => {
  const bgp = line("peer1", "BGP", "up", 4) + line("peer2", "BGP", "start", 4) + line("peer6", "BGP", "up", 6);
  expect(exporterIn(line("edge", "OSPF", "up", 4) + bgp, 4)).toEqual({ kind: "OSPF", names: ["edge"] });
  expect(exporterIn(line("edge", "OSPF", "up", 4) + bgp, 6)).toEqual({ kind: "BGP", names: ["peer6"] });
  expect(exporterIn(line("edge", "OSPF", "down", 4) + bgp, 4)).toEqual({ kind: "BGP", names: ["peer1"] });
  // BIRD 1 has no channels.
  expect(exporterIn(line("peer1", "BGP", "up"), 4)).toEqual({ kind: "BGP", names: ["peer1"] });
  expect(() => exporterIn(line("direct1", "Direct", "up", 4), 4)).toThrow("expected an OSPF protocol for IPv4");
  expect(() => exporterIn(line("a", "OSPF", "up", 4) + line("b", "OSPF", "up", 4), 4)).toThrow("got a, b");
});
