import { expect, test } from "vitest";
import { FrrMemory } from "../../src/route/frr-memory.js";
import { planAnnounce, planDeprefer, planWithdraw } from "../../src/route/frr-plan.js";
import type { RouterState } from "../../src/route/frr-state.js";
import { wayText } from "../../src/route/frr-way.js";
import { readOspfConfig } from "../../src/route/ospf-config.js";
import { lets, readFilters } from "../../src/route/ospf-filters.js";
import { type Prefix, prefixOf } from "../../src/route/prefix.js";

const first = prefixOf("203.0.113.53");
const second = prefixOf("203.0.113.54");

interface Seen {
  readonly stubs?: ReadonlyMap<Prefix, number>;
  readonly externals?: readonly Prefix[];
}

function state(text: string, { stubs = new Map(), externals = [] }: Seen): RouterState {
  const devices = new Map([first, second].map((prefix) => [prefix, "lo"]));
  const lsas = new Map(externals.map((prefix) => [prefix, { metric: 20, metricType: 2 as const }]));
  return { config: readOspfConfig(text), stubs, externals: lsas, neighbors: [], devices, rivals: new Map() };
}

function remembering(...states: readonly [RouterState, nowNs?: number][]): FrrMemory {
  const memory = new FrrMemory();
  for (const [one, nowNs] of states) memory.learn(one, [first, second], nowNs);
  return memory;
}

const router = "router ospf\n redistribute connected route-map ANYCAST\n";
const map = "route-map ANYCAST permit 10\n match ip address prefix-list ANYCAST\nexit\n";

test("what is called is built first, and a prefix goes in one list before it leaves another", () => {
  const before = state(`${router}${map}`, { externals: [first, second] });
  const plan = planWithdraw(before, [first], remembering([before]));
  expect(plan.prepare).toContain("route-map ANYPROBE deny 10");
  expect(plan.prepare.at(-1)).toBe("route-map ANYPROBE permit 50");
  const call = ["route-map ANYCAST permit 10", "call ANYPROBE"];
  expect(plan.lines).toEqual([...call, `ip prefix-list ANYPROBE-WITHDRAWN permit ${first}`]);
  const built = plan.prepare.map((line) => (line.startsWith("route-map") ? line : ` ${line}`)).join("\n");
  const called = `${map.replace("exit", " call ANYPROBE\nexit")}${built}\nip prefix-list ANYPROBE-WITHDRAWN seq 5 permit ${first}\n`;
  const away = state(`${router}${called}`, { externals: [second] });
  const moved = planDeprefer(away, [first], "drained", remembering([before], [away]));
  expect(moved.prepare).toEqual([]);
  expect(moved.lines).toEqual([
    `ip prefix-list ANYPROBE-DRAINED permit ${first}`,
    `no ip prefix-list ANYPROBE-WITHDRAWN permit ${first}`,
  ]);
});

const only = `ip prefix-list ANYCAST seq 5 permit ${first}\n`;
const byTheLine = ["router ospf", "no redistribute connected"];

test.each([
  ["nothing else", `${only}${map}`, "`no redistribute connected`: nothing else can be redistributed"],
  ["another that is denied", `ip prefix-list ANYCAST seq 4 deny ${second}\n${only}${map}`, /nothing else can be/],
  ["no route-map at all", "", /nothing else is redistributed now, but others may come and would stay away: give it/],
])("a lone prefix leaves by the line where that lets out %s", (_, text, way) => {
  const at = state(`${text}${router.replace(text === "" ? " route-map ANYCAST" : "none", "")}`, { externals: [first] });
  expect(planWithdraw(at, [first], remembering([at])).lines).toEqual(byTheLine);
  expect(wayText(at, first, remembering([at]))).toMatch(way);
});

test.each([
  ["another that is away", `${only}ip prefix-list ANYCAST seq 6 permit ${second}\n${map}`, `${second} may come`],
  ["a range", `ip prefix-list ANYCAST seq 5 permit 203.0.113.0/24 le 32\n${map}`, "others may come"],
  [
    "what a second entry matches by an interface",
    `${only}${map}route-map ANYCAST permit 20\n match interface lo\n`,
    "others may come",
  ],
])("a lone prefix leaves by our lists where its route-map lets out %s", (_, text, why) => {
  const at = state(`${text}${router}`, { externals: [first] });
  const lines = [
    ...planWithdraw(at, [first], remembering([at])).lines,
    ...planDeprefer(at, [first], "dead", remembering([at])).lines,
  ];
  expect(lines).toContain(`ip prefix-list ANYPROBE-WITHDRAWN permit ${first}`);
  expect(lines).toContain(`ip prefix-list ANYPROBE-DEAD permit ${first}`);
  expect(lines.filter((line) => line.includes("redistribute"))).toEqual([]);
  const late = "; it takes 5 s without `timers throttle lsa all 0`";
  expect(wayText(at, first, remembering([at]))).toBe(`prefix-lists that its route-map calls: ${why}${late}`);
});

const wider = "router ospf\n network 203.0.113.0/24 area 0\n";
const stubs = new Map([first, second].map((prefix) => [prefix, 0]));

test("under a wider statement a prefix is suppressed where the release knows how", () => {
  const at = state(`frr version 10.3\n${wider}`, { stubs });
  const memory = remembering([at]);
  const plan = planWithdraw(at, [first], memory);
  expect(plan.lines).toEqual(["interface lo", "ip ospf prefix-suppression 203.0.113.53"]);
  expect(wayText(at, first, memory)).toMatch(
    /prefix-suppression`: `network 203.0.113.0\/24 area 0` announces others too/,
  );
  memory.held.set(first, plan.held.get(first)!);
  const gone = state(`frr version 10.3\ninterface lo\n ip ospf prefix-suppression 203.0.113.53\n${wider}`, {});
  memory.learn(gone, [first, second]);
  expect(planAnnounce(gone, [first], memory).lines).toEqual([
    "interface lo",
    "no ip ospf prefix-suppression 203.0.113.53",
  ]);
  const dead = [
    "interface lo",
    "ip ospf cost 65535 203.0.113.53",
    "interface lo",
    "no ip ospf prefix-suppression 203.0.113.53",
  ];
  expect(planDeprefer(gone, [first], "dead", memory).lines).toEqual(dead);
});

test.each(["frr version 9.0.1\n", "frr version 8.4.4\n", ""])("before FRR 9.1 it is refused: %j", (version) => {
  const at = state(`${version}${wider}`, { stubs });
  expect(planWithdraw(at, [first], remembering([at])).refusals.get(first)).toMatch(/this release has no .*FRR 9.1/);
});

test("a cost that ospfd keeps out of its LSA is found out, and no rung from then on", () => {
  const own = `router ospf\n network ${first} area 0\n timers throttle lsa all 0\n`;
  const before = state(own, { stubs });
  const after = state(`interface lo\n ip ospf cost 40000 203.0.113.53\n${own}`, { stubs });
  const memory = remembering([before]);
  for (const [prefix, held] of planDeprefer(before, [first], "drained", memory).held) memory.held.set(prefix, held);
  memory.learn(after, [first], 0);
  memory.learn(after, [first], 0.9e9);
  expect(memory.unheeded.size).toBe(0);
  memory.learn(after, [first], 1.1e9);
  expect(planDeprefer(after, [first], "dead", memory).refusals.get(first)).toMatch(/this release does not heed it/);
  memory.forgetRun();
  expect(planDeprefer(after, [first], "dead", memory).refusals.size).toBe(0);
});

test.each([
  ["its own entry", `ip prefix-list A seq 5 permit ${first}`, "match ip address prefix-list A", true],
  [
    "a denial before it",
    `ip prefix-list A seq 5 deny ${first}\nip prefix-list A seq 6 permit any`,
    "match ip address prefix-list A",
    false,
  ],
  ["a range with it", "ip prefix-list A seq 5 permit 203.0.113.0/24 le 32", "match ip address prefix-list A", true],
  ["a range from /32 on", "ip prefix-list A seq 5 permit 203.0.113.0/24 ge 32", "match ip address prefix-list A", true],
  ["a network alone", "ip prefix-list A seq 5 permit 203.0.113.0/24", "match ip address prefix-list A", false],
  ["a list that does not exist", "", "match ip address prefix-list A", false],
  ["something else than lists", "", "match interface lo", true],
])("a route-map lets a prefix through: %s", (_, list, match, through) => {
  expect(lets(readFilters(`${list}\nroute-map M permit 10\n ${match}\n`), "M", first)).toBe(through);
});
