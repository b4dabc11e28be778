import { expect, test } from "vitest";
import { planAnnounce, planWithdraw, type RouterState, type Way } from "../../src/route/frr-plan.js";
import { readOspfConfig } from "../../src/route/ospf-config.js";
import { type Prefix, prefixOf } from "../../src/route/prefix.js";

const first = prefixOf("203.0.113.53");
const second = prefixOf("203.0.113.54");
const line = "redistribute connected route-map ANYCAST";

interface Told {
  readonly ospf?: readonly string[];
  readonly stubs?: readonly Prefix[];
  readonly externals?: readonly Prefix[];
}

function state({ ospf = [], stubs = [], externals = [] }: Told): RouterState {
  return {
    config: readOspfConfig(["router ospf", ...ospf.map((statement) => ` ${statement}`), ""].join("\n")),
    stubs: new Map(stubs.map((prefix) => [prefix, 0])),
    externals: new Map(externals.map((prefix) => [prefix, { metric: 20, metricType: 2 }])),
    neighbors: [],
  };
}

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
    /203.0.113.54\/32 is announced by `network 203.0.113.54\/31 area 0`/,
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
  const plan = planWithdraw(state(told), prefixes, new Map());
  expect(plan.lines).toEqual(lines);
  expect([...plan.refusals.values()].join()).toMatch(refusal ?? /^$/);
});

test("withdraw: an address of an `ip ospf area` interface", () => {
  const config = readOspfConfig("interface lo\n ip ospf area 0\nexit\nrouter ospf\n");
  const plan = planWithdraw({ ...state({ stubs: [first] }), config }, [first], new Map());
  expect(plan.refusals.get(first)).toMatch(/announced by `ip ospf area` on lo/);
});

test.each([
  ["", /ospfd has no `router ospf`/],
  ["router ospf vrf blue\n", /ospfd has `router ospf vrf blue`: only plain `router ospf` is supported/],
  ["router ospf 1\nexit\nrouter ospf 2\n", /`router ospf 1`, `router ospf 2`/],
])("a router without plain OSPF is refused: %j", (text, sentence) => {
  const none = { ...state({}), config: readOspfConfig(text) };
  expect(planWithdraw(none, [first], new Map()).refusals.get(first)).toMatch(sentence);
  expect(planAnnounce(none, [first], new Map(), new Set()).refusals.get(first)).toMatch(sentence);
});

test("a prefix that is redistributed once its statement is gone is withdrawn by both, and comes back by both", () => {
  const held = new Map<Prefix, Way>([[first, { network: "0" }]]);
  const plan = planWithdraw(state({ ospf: [line], externals: [first] }), [first], held);
  expect(plan.lines).toEqual(["no redistribute connected"]);
  expect(plan.ways.get(first)).toEqual({ network: "0", redistribute: line });
  const back = planAnnounce(state({}), [first], plan.ways, new Set());
  expect(back.lines).toEqual([`network ${first} area 0`, line]);
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
  const plan = planAnnounce(state(told), [first], new Map(known), new Set(withheld));
  expect(plan.lines).toEqual(lines);
  expect([...plan.refusals.values()].join()).toMatch(refusal ?? /^$/);
});
