import { expect, test } from "vitest";
import type { Announcement } from "../../src/route/driver.js";
import { planFor } from "../../src/route/frr6-plan.js";
import type { Held6, Lowered, Memory6, Router6State, Way6 } from "../../src/route/frr6-state.js";
import { entryFor, readListEntry } from "../../src/route/ipv6-prefix-list.js";
import { deviceLets, mapLets, readOspf6Config } from "../../src/route/ospf6-config.js";
import { type Prefix, prefixOf } from "../../src/route/prefix.js";

const first = prefixOf("2001:db8::53");
const second = prefixOf("2001:db8::54");
const line = "redistribute connected metric 20 metric-type 1 route-map ANYCAST6";

/** What ospf6d says with these lines in its configuration; `stubs` and `externals` are in its LSAs. */
function router(
  lines: readonly string[],
  stubs: readonly Prefix[] = [],
  externals: readonly Prefix[] = [],
): Router6State {
  return {
    config: readOspf6Config([...lines, "router ospf6", " ospf6 router-id 198.18.255.11", "exit"].join("\n")),
    stubs: new Map(stubs.map((prefix) => [prefix, 10])),
    externals: new Map(externals.map((prefix) => [prefix, { metric: 20, metricType: 1 }])),
    rivals: new Map(),
    neighbors: [],
    attached: new Set(["lo"]),
    devices: new Map([first, second].map((prefix) => [prefix, "lo"])),
  };
}

const redistributing = (...lines: string[]) => [...lines, "router ospf6", ` ${line}`, "exit"];
const map = ["route-map ANYCAST6 permit 10", " match ipv6 address prefix-list ANYCAST6", " set tag 7", "exit"];
const anycast6 = [first, second].map((prefix, i) => `ipv6 prefix-list ANYCAST6 seq ${5 * (i + 1)} permit ${prefix}`);

function memory(
  known: readonly [Prefix, Way6][] = [],
  wanted: readonly [Prefix, Lowered][] = [],
  held: readonly [Prefix, Held6][] = [],
): Memory6 {
  return { held: new Map(held), known: new Map(known), wanted: new Map(wanted) };
}

const linesTo = (state: Router6State, target: Announcement, prefixes = [first], remembered = memory()) =>
  planFor(state, prefixes, target, remembered).lines;
const refusalTo = (state: Router6State, target: Announcement, remembered = memory()) =>
  planFor(state, [first], target, remembered).refusals.get(first);

test.each([
  ["permit any", true],
  ["permit 2001:db8::/32", undefined],
  ["permit 2001:db8::/32 le 128", true],
  ["deny 2001:db8::/32 ge 64", false],
  ["permit 2001:db8::/32 ge 64 le 96", undefined],
  ["permit 2001:db9::/32 le 128", undefined],
  ["deny 2001:db8::53/128", false],
  ["permit ::/0 le 128", true],
])("of a list with `%s` alone a host prefix gets %s", (rule, expected) => {
  const entry = readListEntry(`ipv6 prefix-list L seq 5 ${rule}`)!;
  expect(entryFor([entry], "L", first)?.permits).toBe(expected);
  expect(entryFor([entry], "M", first)).toBeUndefined();
});

test("a route-map decides by its first entry that matches, a list that is missing lets nothing out", () => {
  const { config } = router([
    ...anycast6.slice(0, 1),
    "route-map M deny 5",
    " match ipv6 address prefix-list NOWHERE",
    "exit",
    "route-map M permit 10",
    " match ipv6 address prefix-list ANYCAST6",
    "exit",
    "interface lo",
    " ipv6 ospf6 advertise prefix-list NOWHERE",
    "exit",
  ]);
  expect([first, second].map((prefix) => mapLets(config, "M", prefix))).toEqual([true, false]);
  expect(deviceLets(config, "lo", first)).toBe(false);
  expect(deviceLets(config, "up0", first)).toBe(true);
});

test("a list of ours that a write left behind halfway is begun anew", () => {
  const left = [`ipv6 prefix-list ANYPROBE_lo seq 5 deny ${second}`];
  expect(linesTo(router(left, [first, second]), "withdrawn")).toEqual([
    "no ipv6 prefix-list ANYPROBE_lo",
    "ipv6 prefix-list ANYPROBE_lo seq 4294967295 permit any",
    `ipv6 prefix-list ANYPROBE_lo seq 5 deny ${first}`,
    "interface lo",
    "ipv6 ospf6 advertise prefix-list ANYPROBE_lo",
  ]);
});

test("a list of theirs without room before the entry is refused, to be renumbered", () => {
  const full = [
    "interface lo",
    " ipv6 ospf6 advertise prefix-list OURS",
    "exit",
    "ipv6 prefix-list OURS seq 1 permit any",
  ];
  expect(refusalTo(router(full, [first]), "withdrawn")).toMatch(/`ipv6 prefix-list OURS` has no sequence number left/);
});

test("one of several gets an entry that sets what the map sets, and only the metric otherwise", () => {
  const state = router(redistributing(...anycast6, ...map), [], [first, second]);
  expect(linesTo(state, "drained")).toEqual([
    `ipv6 prefix-list ANYPROBE-drained seq 5 permit ${first}`,
    "route-map ANYCAST6 permit 2",
    "match ipv6 address prefix-list ANYPROBE-drained",
    "set tag 7",
    "set metric 40000",
  ]);
});

test("from one rung to another the entry moves, and leaves nothing behind", () => {
  const ours = [
    "route-map ANYCAST6 permit 3",
    " match ipv6 address prefix-list ANYPROBE-dead",
    " set tag 7",
    " set metric 16777214",
    "exit",
  ];
  const list = `ipv6 prefix-list ANYPROBE-dead seq 5 permit ${first}`;
  const state = router(redistributing(...anycast6, list, ...ours, ...map), [], [first, second]);
  expect(linesTo(state, "dead")).toEqual([]);
  expect(linesTo(state, "withdrawn")).toEqual([
    "no route-map ANYCAST6 permit 3",
    "no ipv6 prefix-list ANYPROBE-dead",
    `ipv6 prefix-list ANYPROBE-withdrawn seq 5 permit ${first}`,
    "route-map ANYCAST6 deny 4",
    "match ipv6 address prefix-list ANYPROBE-withdrawn",
  ]);
  expect(linesTo(state, "announced")).toEqual(["no route-map ANYCAST6 permit 3", "no ipv6 prefix-list ANYPROBE-dead"]);
});

test("what is wanted elsewhere meanwhile stays where it is", () => {
  const state = router([...anycast6, ...map]);
  const away: [Prefix, Way6][] = [first, second].map((prefix) => [prefix, { redistribute: line }]);
  expect(linesTo(state, "announced", [first], memory(away, [[second, "dead"]]))).toEqual([
    `ipv6 prefix-list ANYPROBE-dead seq 5 permit ${second}`,
    "route-map ANYCAST6 permit 3",
    "match ipv6 address prefix-list ANYPROBE-dead",
    "set tag 7",
    "set metric 16777214",
    "router ospf6",
    line,
  ]);
});

test.each([
  ["no room before it", ["route-map ANYCAST6 permit 4", "exit"], /begins at 4: renumber it to begin at 5 or later/],
  ["calls", [...map.slice(0, 2), " call OTHER", "exit"], /does more in its entry 10 than match and set/],
  ["sets that differ", [...map, "route-map ANYCAST6 permit 20", " set tag 8", "exit"], /set different things/],
  ["a metric of its own beyond the rungs", [...map.slice(0, 2), " set metric 30000", "exit"], /is configured at 30000/],
])("a route-map with %s is not lowered", (_, lines, message) => {
  expect(refusalTo(router(redistributing(...anycast6, ...lines), [], [first, second]), "dead")).toMatch(message);
});

test("a metric of the route-map beats that of the line, so even all of them go by the map", () => {
  const state = router(redistributing(...anycast6, ...map.slice(0, 2), " set metric 30", "exit"), [], [first]);
  expect(linesTo(state, "dead")).toContain("route-map ANYCAST6 permit 3");
  expect(linesTo(state, "withdrawn")).toEqual(["router ospf6", "no redistribute connected"]);
});

test("another metric-type elsewhere, another origin and nothing at all are each refused with what to do", () => {
  const rival = { routerId: "198.18.255.12", kind: "external", metric: 20, metricType: 2 } as const;
  const state = router(redistributing(...anycast6, ...map), [], [first]);
  expect(refusalTo({ ...state, rivals: new Map([[first, [rival]]]) }, "dead")).toMatch(/give all endpoints the same/);
  expect(refusalTo(router([], [], [first]), "withdrawn")).toMatch(/something other than/);
  expect(refusalTo(router([]), "announced")).toMatch(/put `ipv6 ospf6 area …` on the device/);
  expect(linesTo(router([]), "withdrawn")).toEqual([]);
});
