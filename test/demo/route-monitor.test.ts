import { expect, test } from "vitest";
import { parseRouteLine } from "../../src/demo/route-monitor.js";

const stamp = "[2026-11-22T15:20:51.123456]";
const wallMs = new Date(2026, 10, 22, 15, 20, 51).getTime() + 123.456;

// Lines of iproute2 6.1 and FRR 8.4, with and without kernel nexthop objects.
test.each([
  ["203.0.113.53 nhid 14 via 198.18.1.2 dev e1 proto ospf metric 20 ", "203.0.113.53", ["198.18.1.2"]],
  [
    "203.0.113.53 proto ospf metric 20 \\\tnexthop via 198.18.1.2 dev e1 weight 1 \\\tnexthop via 198.18.2.2 dev e2 weight 1 ",
    "203.0.113.53",
    ["198.18.1.2", "198.18.2.2"],
  ],
  ["Deleted 203.0.113.53 nhid 14 via 198.18.1.2 dev e1 proto ospf metric 20 ", "203.0.113.53", []],
  ["198.18.1.0/24 dev e1 proto kernel scope link src 198.18.1.1 ", "198.18.1.0/24", []],
  ["default via 198.18.0.1 dev up0 ", "default", ["198.18.0.1"]],
  ["2001:db8::53 via fe80::1 dev e1 proto ospf metric 20 pref medium", "2001:db8::53", ["fe80::1"]],
])("reads %j", (line, destination, nextHops) => {
  const event = parseRouteLine(`${stamp} ${line}`)!;
  expect(event).toMatchObject({ destination, nextHops });
  expect(event.wallMs).toBeCloseTo(wallMs, 2);
});

test.each([
  "local 203.0.113.53 dev lo table local proto kernel scope host src 203.0.113.53 ",
  "Deleted broadcast 198.18.1.255 dev e1 table local proto kernel scope link src 198.18.1.1 ",
  "multicast ff00::/8 dev e1 table local proto kernel metric 256 pref medium",
])("leaves out %j", (line) => {
  expect(parseRouteLine(`${stamp} ${line}`)).toBeUndefined();
});

test("names the node behind a link-local gateway", () => {
  const line = `${stamp} 2001:db8::53 proto ospf metric 20 \\\tnexthop via fe80::1 dev e1 weight 1 \\\tnexthop via fe80::2 dev e9 weight 1 `;
  const addresses6 = new Map([["e1", "2001:db8:100:1::2"]]);
  expect(parseRouteLine(line, addresses6)!.nextHops).toEqual(["2001:db8:100:1::2", "fe80::2"]);
});
