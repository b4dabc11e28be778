import { expect, test } from "vitest";
import type { Announcement } from "../../src/route/driver.js";
import type { Kept } from "../../src/route/frr-lists.js";
import { planFor, wayTold } from "../../src/route/frr6-plan.js";
import type { Held6, Memory6, Router6State, Way6 } from "../../src/route/frr6-state.js";
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
  wanted: readonly [Prefix, Kept][] = [],
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

/** What stands in the operator's map while ours is called, and ours. */
const followers = ["WITHDRAWN", "DEAD", "DRAINED", "DEGRADED"].flatMap((kept, i) => [
  `route-map ANYCAST6 deny ${65_501 + i}`,
  `match ipv6 address prefix-list ANYPROBE6-${kept}`,
]);
const called = ["route-map ANYCAST6 permit 10", "call ANYPROBE6"];
const indented = (lines: readonly string[]) => lines.map((one) => (one.startsWith("route-map") ? one : ` ${one}`));

test("what is called is built first, then followed, and a prefix goes in one list before it leaves another", () => {
  const plan = planFor(router(redistributing(...anycast6, ...map), [], [first, second]), [first], "drained", memory());
  expect(plan.prepare.slice(0, 2)).toEqual([
    "route-map ANYPROBE6 deny 10",
    "match ipv6 address prefix-list ANYPROBE6-WITHDRAWN",
  ]);
  expect(plan.prepare.at(-1)).toBe("route-map ANYPROBE6 permit 50");
  expect(plan.lines).toEqual([...called, ...followers, `ipv6 prefix-list ANYPROBE6-DRAINED permit ${first}`]);
  const ours = [...indented(plan.prepare), "exit", `ipv6 prefix-list ANYPROBE6-DRAINED seq 5 permit ${first}`];
  const after = [...anycast6, ...map.slice(0, 1), " call ANYPROBE6", ...map.slice(1), ...indented(followers), ...ours];
  const state = router(redistributing(...after), [], [first, second]);
  expect(planFor(state, [first], "drained", memory())).toMatchObject({ prepare: [], lines: [] });
  expect(linesTo(state, "withdrawn")).toEqual([
    `ipv6 prefix-list ANYPROBE6-WITHDRAWN permit ${first}`,
    `no ipv6 prefix-list ANYPROBE6-DRAINED permit ${first}`,
  ]);
  expect(linesTo(state, "announced")).toEqual([
    "route-map ANYCAST6 permit 10",
    "no call",
    "no route-map ANYPROBE6",
    `no ipv6 prefix-list ANYPROBE6-DRAINED permit ${first}`,
    ...[65_501, 65_502, 65_503, 65_504].map((sequence) => `no route-map ANYCAST6 deny ${sequence}`),
  ]);
});

test("a follower that a write left behind halfway is written again, or taken away", () => {
  const half = [...map, "route-map ANYCAST6 deny 65501", "exit"];
  const state = router(redistributing(...anycast6, ...half), [], [first, second]);
  expect(linesTo(state, "withdrawn").slice(2, 4)).toEqual(followers.slice(0, 2));
  expect(linesTo(state, "announced")).toEqual(["no route-map ANYCAST6 deny 65501"]);
});

test("a prefix that an interrupted change has left in a list of ours is out of it before anything calls that", () => {
  const left = [`ipv6 prefix-list ANYPROBE6-WITHDRAWN seq 5 permit ${second}`];
  const state = router(redistributing(...anycast6, ...map, ...left), [], [first, second]);
  const { prepare, lines } = planFor(state, [first], "dead", memory());
  expect(prepare[0]).toBe(`no ipv6 prefix-list ANYPROBE6-WITHDRAWN permit ${second}`);
  expect(lines.at(-1)).toBe(`ipv6 prefix-list ANYPROBE6-DEAD permit ${first}`);
});

test("what is wanted elsewhere meanwhile stays where it is", () => {
  const state = router([...anycast6, ...map]);
  const away: [Prefix, Way6][] = [first, second].map((prefix) => [prefix, { redistribute: line }]);
  const lines = linesTo(state, "announced", [first], memory(away, [[second, "dead"]]));
  expect(lines.slice(-3)).toEqual([`ipv6 prefix-list ANYPROBE6-DEAD permit ${second}`, "router ospf6", line]);
});

test.each([
  ["no route-map", [], "redistribute connected", /it has no route-map/],
  ["a call", [...map.slice(0, 2), " call OTHER", "exit"], line, /has a `call OTHER`/],
  ["no room at its end", [...map, "route-map ANYCAST6 deny 65535", "exit"], line, /an entry 65535: renumber it below/],
  ["a jump", [...map.slice(0, 2), " on-match next", "exit"], line, /has an `on-match next`, by which it goes on/],
])("one of several is left where it is under %s", (_, lines, by, message) => {
  const redistribution = [...anycast6, ...lines, "router ospf6", ` ${by}`, "exit"];
  const plan = planFor(router(redistribution, [], [first, second]), [first], "withdrawn", memory());
  expect(plan).toMatchObject({ prepare: [], lines: [] });
  expect(plan.refusals.get(first)).toMatch(message);
  expect(plan.refusals.get(first)).toMatch(/would take 2001:db8::54\/128 along .* or use the address driver$/);
});

test("one whose map lets out another that is away leaves by our lists: that one may come", () => {
  const state = router(redistributing(...anycast6, ...map), [], [first]);
  const plan = planFor(state, [first], "withdrawn", memory());
  expect(plan.lines.slice(0, 2)).toEqual(called);
  expect(plan.lines).not.toContain("no redistribute connected");
  expect(wayTold(state, first, memory())).toMatch(
    /^prefix-lists that its route-map calls, .*: 2001:db8::54\/128 may come$/,
  );
});

test("a metric of its own beyond the rungs is not lowered", () => {
  const lines = [...map.slice(0, 2), " set metric 30000", "exit"];
  expect(refusalTo(router(redistributing(...anycast6, ...lines), [], [first]), "dead")).toMatch(/configured at 30000/);
});

test("a metric of the route-map beats that of the line, so even all of them go by the map", () => {
  const alone = [...anycast6.slice(0, 1), ...map.slice(0, 2), " set metric 30", "exit"];
  const state = router(redistributing(...alone), [], [first]);
  expect(linesTo(state, "dead")).toContain(`ipv6 prefix-list ANYPROBE6-DEAD permit ${first}`);
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
