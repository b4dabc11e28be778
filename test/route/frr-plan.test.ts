import { expect, test } from "vitest";
import type { Rung } from "../../src/route/driver.js";
import { planAnnounce, planDeprefer, planWithdraw } from "../../src/route/frr-plan.js";
import { announcementOf, type Held, type Memory, type RouterState, type Way } from "../../src/route/frr-state.js";
import { readOspfConfig } from "../../src/route/ospf-config.js";
import { type Prefix, prefixOf } from "../../src/route/prefix.js";

const first = prefixOf("203.0.113.53");
const second = prefixOf("203.0.113.54");
const line = "redistribute connected route-map ANYCAST";
const lineAt = (metric: number) => `redistribute connected metric ${metric} route-map ANYCAST`;

interface Told {
  readonly ospf?: readonly string[];
  /** Lines of other sections. */
  readonly more?: readonly string[];
  readonly stubs?: readonly Prefix[];
  readonly externals?: readonly Prefix[];
  /** The metric type that another router announces the first prefix with. */
  readonly rival?: 1 | 2;
}

function state({ ospf = [], more = [], stubs = [], externals = [], rival }: Told): RouterState {
  return {
    config: readOspfConfig([...more, "router ospf", ...ospf.map((statement) => ` ${statement}`), ""].join("\n")),
    stubs: new Map(stubs.map((prefix) => [prefix, 0])),
    externals: new Map(externals.map((prefix) => [prefix, { metric: 20, metricType: 2 }])),
    neighbors: [],
    devices: new Map(),
    rivals: new Map(
      rival ? [[first, [{ routerId: "192.0.2.9", kind: "external", metric: 20, metricType: rival }]]] : [],
    ),
  };
}

interface Remembered {
  readonly held?: readonly [Prefix, Held][];
  readonly known?: readonly [Prefix, Way][];
  readonly wanted?: readonly [Prefix, Rung | "withdrawn"][];
  readonly unheeded?: readonly Prefix[];
  readonly devices?: readonly [Prefix, string][];
}

function memory({ held = [], known = [], wanted = [], unheeded = [], devices = [] }: Remembered = {}): Memory {
  const maps = { held: new Map(held), known: new Map(known), wanted: new Map(wanted), devices: new Map(devices) };
  return { ...maps, unheeded: new Set(unheeded) };
}

const ospf = (...lines: readonly string[]) => (lines.length === 0 ? [] : ["router ospf", ...lines]);

test.each<[string, Told, Prefix[], string[], RegExp?]>([
  ["its own statement", { ospf: [`network ${first} area 0.0.0.1`] }, [first], [`no network ${first} area 0.0.0.1`]],
  [
    "two statements in one batch",
    { ospf: [`network ${first} area 0`, `network ${second} area 1`] },
    [first, second],
    [`no network ${first} area 0`, `no network ${second} area 1`],
  ],
  [
    "all that is redistributed",
    { ospf: [line], externals: [first, second] },
    [first, second],
    ["no redistribute connected"],
  ],
  [
    "one of what is redistributed",
    { ospf: [line], externals: [first, second] },
    [first],
    [],
    /would take 203.0.113.54\/32 along/,
  ],
  [
    "a statement moves although the other prefix of the call cannot",
    { ospf: [`network ${first} area 0`, "network 203.0.113.54/31 area 0"], stubs: [first, second] },
    [first, second],
    [`no network ${first} area 0`],
    /203.0.113.54\/32 is announced by `network 203.0.113.54\/31 area 0`.*FRR 9.1/,
  ],
  [
    "another redistribution",
    { ospf: ["redistribute static"], externals: [first] },
    [first],
    [],
    /something other than/,
  ],
  ["nothing announces it", {}, [first], []],
])("withdraw: %s", (_, told, prefixes, lines, refusal) => {
  const plan = planWithdraw(state(told), prefixes, memory());
  expect(plan.lines).toEqual(ospf(...lines));
  expect([...plan.refusals.values()].join()).toMatch(refusal ?? /^$/);
});

test("withdraw: an address of an `ip ospf area` interface", () => {
  const config = readOspfConfig("interface lo\n ip ospf area 0\nexit\nrouter ospf\n");
  const plan = planWithdraw({ ...state({ stubs: [first] }), config }, [first], memory());
  expect(plan.refusals.get(first)).toMatch(/announced by `ip ospf area` on lo/);
});

test.each([
  ["", /ospfd has no `router ospf`/],
  ["router ospf vrf blue\n", /ospfd has `router ospf vrf blue`: only plain `router ospf` is supported/],
  ["router ospf 1\nexit\nrouter ospf 2\n", /`router ospf 1`, `router ospf 2`/],
])("a router without plain OSPF is refused: %j", (text, sentence) => {
  const none = { ...state({}), config: readOspfConfig(text) };
  expect(planWithdraw(none, [first], memory()).refusals.get(first)).toMatch(sentence);
  expect(planAnnounce(none, [first], memory()).refusals.get(first)).toMatch(sentence);
});

test("a prefix that is redistributed once its statement is gone is withdrawn by both, and comes back by both", () => {
  const taken = memory({ held: [[first, { network: "0" }]] });
  const plan = planWithdraw(state({ ospf: [line], externals: [first] }), [first], taken);
  expect(plan.lines).toEqual(ospf("no redistribute connected"));
  const way = { network: "0", redistribute: line };
  expect(plan.held.get(first)).toEqual(way);
  const back = planAnnounce(state({}), [first], memory({ held: [...plan.held], known: [[first, way]] }));
  expect(back.lines).toEqual(ospf(`network ${first} area 0`, line));
});

test.each<[string, Told, [Prefix, Way][], Prefix[], string[], RegExp?]>([
  ["the remembered area", {}, [[first, { network: "1" }]], [], [`network ${first} area 1`]],
  ["what stands already", { ospf: [`network ${first} area 1`] }, [[first, { network: "1" }]], [], []],
  ["the remembered line", {}, [[first, { redistribute: line }]], [], [line]],
  ["a line that is back already", { ospf: [line] }, [[first, { redistribute: line }]], [], []],
  [
    "a line that another prefix must stay without",
    {},
    [
      [first, { redistribute: line }],
      [second, { redistribute: line }],
    ],
    [second],
    [],
    /would announce 203.0.113.54\/32, wanted withdrawn, along/,
  ],
  ["a prefix that only lacks its address", { ospf: [line] }, [], [], []],
  ["a prefix that nothing ever announced", {}, [], [], [], /no statement that announces 203.0.113.53\/32/],
])("announce: %s", (_, told, known, withheld, lines, refusal) => {
  const wanted = withheld.map((prefix): [Prefix, "withdrawn"] => [prefix, "withdrawn"]);
  const plan = planAnnounce(state(told), [first], memory({ known, wanted }));
  expect(plan.lines).toEqual(ospf(...lines));
  expect([...plan.refusals.values()].join()).toMatch(refusal ?? /^$/);
});

const lo: [Prefix, string][] = [
  [first, "lo"],
  [second, "lo"],
];
const byNetwork = { ospf: [`network ${first} area 0`], stubs: [first] };
const byLine = { ospf: [line], externals: [first] };
const costAt = (cost: number) => ["interface lo", `ip ospf cost ${cost} 203.0.113.53`];
const noCost = ["interface lo", "no ip ospf cost 203.0.113.53"];

test.each<[string, Told, Remembered, string[], Held]>([
  ["the cost of its own address", byNetwork, {}, costAt(40_000), { device: "lo", cost: 0 }],
  [
    "from another rung, what was configured is kept",
    { ...byNetwork, more: ["interface lo", " ip ospf cost 20000 203.0.113.53"] },
    { held: [[first, { device: "lo", cost: 7 }]] },
    costAt(40_000),
    { device: "lo", cost: 7 },
  ],
  [
    "a cost of its own comes back later",
    { ...byNetwork, more: ["interface lo", " ip ospf cost 5", " ip ospf cost 7 203.0.113.53"] },
    {},
    costAt(40_000),
    { device: "lo", cost: 7 },
  ],
  [
    "from withdrawn: the cost first, so that it is announced at nothing else",
    {},
    { held: [[first, { network: "0" }]], known: [[first, { network: "0" }]] },
    [...costAt(40_000), "router ospf", `network ${first} area 0`],
    { network: "0", device: "lo", cost: 0 },
  ],
  ["the metric of its line", byLine, {}, ospf(lineAt(40_000)), { redistribute: line }],
  [
    "the metric of its line, from another rung",
    { ospf: [lineAt(20_000)], externals: [first] },
    { held: [[first, { redistribute: line }]] },
    ospf(lineAt(40_000)),
    { redistribute: line },
  ],
  [
    "the metric of its line, from withdrawn",
    {},
    { held: [[first, { redistribute: line }]], known: [[first, { redistribute: line }]] },
    ospf(lineAt(40_000)),
    { redistribute: line },
  ],
  [
    "metric and metric-type as configured",
    { ospf: ["redistribute connected metric 20 metric-type 1 route-map A"], externals: [first] },
    {},
    ospf("redistribute connected metric 40000 metric-type 1 route-map A"),
    { redistribute: "redistribute connected metric 20 metric-type 1 route-map A" },
  ],
])("deprefer: %s", (_, told, remembered, lines, held) => {
  const plan = planDeprefer(state(told), [first], "drained", memory({ devices: lo, ...remembered }));
  expect([...plan.refusals]).toEqual([]);
  expect(plan.lines).toEqual(lines);
  expect(plan.held).toEqual(new Map([[first, held]]));
});

test("deprefer: all that is redistributed, by one line; the dead cost is the highest that the router takes", () => {
  const plan = planDeprefer(state({ ospf: [line], externals: [first, second] }), [first, second], "dead", memory());
  expect(plan.lines).toEqual(ospf(lineAt(16_777_214)));
});

test.each<[string, Told, Remembered, RegExp]>([
  [
    "another redistributed prefix stays announced",
    { ospf: [line], externals: [first, second] },
    {},
    /`redistribute connected metric \d+ route-map ANYCAST` would move 203.0.113.54\/32 along with 203.0.113.53\/32/,
  ],
  [
    "another redistributed prefix is on another rung",
    { ospf: [line], externals: [first, second] },
    { wanted: [[second, "degraded"]] },
    /would move 203.0.113.54\/32 along/,
  ],
  [
    "another redistributed prefix is to stay withdrawn",
    {},
    {
      known: [
        [first, { redistribute: line }],
        [second, { redistribute: line }],
      ],
      wanted: [[second, "withdrawn"]],
    },
    /would move 203.0.113.54\/32 along/,
  ],
  [
    "another router's metric-type differs",
    { ...byLine, rival: 1 },
    {},
    /192.0.2.9 announces 203.0.113.53\/32 with metric-type 1, this router with 2/,
  ],
  [
    "a route-map that sets the metric",
    { ...byLine, more: ["route-map ANYCAST permit 10", " set metric 30", " call OTHER"] },
    {},
    /a `set metric` beats that of `redistribute.*has a `call OTHER`, and an entry can call one map only/,
  ],
  [
    "a configured cost above that of a rung",
    { ...byNetwork, more: ["interface lo", " ip ospf cost 30000"] },
    {},
    /is configured at 30000: expected a cost below 20000/,
  ],
  [
    "a configured metric above that of a rung",
    { ospf: [lineAt(20_000)], externals: [first] },
    {},
    /is configured at 20000: expected a cost below 20000/,
  ],
  ["no device has its address", byNetwork, { devices: [] }, /ospfd runs on no device with the address/],
  ["a cost that ospfd does not heed", byNetwork, { unheeded: [first] }, /this release does not heed it/],
  ["nothing ever announced it", {}, {}, /no statement that announces 203.0.113.53\/32/],
])("deprefer is refused: %s", (_, told, remembered, sentence) => {
  const plan = planDeprefer(state(told), [first], "drained", memory({ devices: lo, ...remembered }));
  expect(plan.refusals.get(first)).toMatch(sentence);
  expect(plan.lines).toEqual([]);
});

test("prefixes of one line are depreferred one call after the other where they want the same rung", () => {
  const plan = planDeprefer(
    state({ ospf: [line], externals: [first, second] }),
    [first],
    "degraded",
    memory({ wanted: [[second, "degraded"]] }),
  );
  expect(plan.lines).toEqual(ospf(lineAt(20_000)));
});

const depreferred = { ...byNetwork, more: ["interface lo", " ip ospf cost 40000 203.0.113.53"] };

test.each([
  [0, noCost],
  [7, costAt(7)],
])("from a rung, the cost of before comes back: %d", (cost, lines) => {
  const remembered = memory({
    devices: lo,
    held: [[first, { device: "lo", cost }]],
    known: [[first, { network: "0" }]],
  });
  expect(planAnnounce(state(depreferred), [first], remembered).lines).toEqual(lines);
  const withdrawal = planWithdraw(state(depreferred), [first], remembered);
  expect(withdrawal.lines).toEqual(["router ospf", `no network ${first} area 0`, ...lines]);
  expect(withdrawal.held.get(first)).toEqual({ network: "0", device: "lo", cost });
});

test("from a rung, the line of before comes back", () => {
  const remembered = memory({ held: [[first, { redistribute: line }]], known: [[first, { redistribute: line }]] });
  const at = state({ ospf: [lineAt(40_000)], externals: [first] });
  expect(planAnnounce(at, [first], remembered).lines).toEqual(ospf(line));
  const withdrawal = planWithdraw(at, [first], remembered);
  expect(withdrawal.lines).toEqual(ospf("no redistribute connected"));
  expect(withdrawal.held.get(first)).toEqual({ redistribute: line });
});

test("a line that comes back for one brings none of ours that was away already, whatever was told of it", () => {
  const known: [Prefix, Way][] = [first, second].map((prefix) => [prefix, { redistribute: line }]);
  const none = state({ more: ["route-map ANYCAST permit 10", " match tag 7", "exit"] });
  const kept = ["route-map ANYCAST permit 10", "call ANYPROBE", `ip prefix-list ANYPROBE-WITHDRAWN permit ${second}`];
  expect(planAnnounce(none, [first], memory({ known })).lines).toEqual([...kept, ...ospf(line)]);
  expect(planAnnounce(none, [first, second], memory({ known })).lines).toEqual(ospf(line));
  expect(planAnnounce(none, [first], memory({ known: known.slice(0, 1) })).lines).toEqual(ospf(line));
});

test("announce is refused while another prefix of the line is to stay on its rung", () => {
  const held: [Prefix, Held][] = [
    [first, { redistribute: line }],
    [second, { redistribute: line }],
  ];
  const plan = planAnnounce(
    state({ ospf: [lineAt(40_000)], externals: [first, second] }),
    [first],
    memory({ held, known: held, wanted: [[second, "drained"]] }),
  );
  expect(plan.refusals.get(first)).toMatch(/would announce 203.0.113.54\/32, wanted drained, along/);
});

test.each([depreferred, { ospf: [lineAt(40_000)], externals: [first] }])(
  "announce says so where a rung's cost is all that is known: %j",
  (told) => {
    const way = told === depreferred ? { network: "0" } : { redistribute: lineAt(40_000) };
    const plan = planAnnounce(state(told), [first], memory({ devices: lo, known: [[first, way]] }));
    expect(plan.refusals.get(first)).toMatch(/is configured at 40000, the cost of a drained prefix/);
  },
);

test.each([
  [0, "announced"],
  [20_000, "degraded"],
  [20_001, "announced"],
  [40_000, "drained"],
  [65_535, "dead"],
] as const)("a stub of metric %d is %s, whatever external there is", (metric, announcement) => {
  const stubs = new Map([[first, metric]]);
  expect(announcementOf({ ...state({ externals: [first] }), stubs }, first)).toBe(announcement);
});

test.each([
  [20, "announced"],
  [40_000, "drained"],
  [65_535, "announced"],
  [16_777_214, "dead"],
] as const)("an external of metric %d is %s", (metric, announcement) => {
  const externals = new Map([[first, { metric, metricType: 2 as const }]]);
  expect(announcementOf({ ...state({}), externals }, first)).toBe(announcement);
});

test("a prefix that the operator's route-map does not let through is not put back, and it is said why", () => {
  const known: [Prefix, Way][] = [[first, { redistribute: line }]];
  const refusals = (...permitted: readonly Prefix[]) => {
    const lists = permitted.map((prefix, i) => `ip prefix-list ANYCAST seq ${i + 1} permit ${prefix}`);
    const map = ["route-map ANYCAST permit 10", " match ip address prefix-list ANYCAST", "exit"];
    return planAnnounce(state({ ospf: [line], more: [...lists, ...map] }), [first], memory({ known })).refusals;
  };
  const sentence = `the route-map ANYCAST of \`${line}\` does not let ${first} through: permit it there`;
  expect(refusals(second)).toEqual(new Map([[first, sentence]]));
  expect(refusals(first, second)).toEqual(new Map());
});
