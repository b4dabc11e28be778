import { expect, test } from "vitest";
import type { UdpSocket } from "../../src/engine/netlink.js";
import { prefixOf } from "../../src/route/prefix.js";
import { Deadlocks, deadlocked } from "../../src/run/recovery.js";

const socket = (address: string, more: Partial<UdpSocket> = {}): UdpSocket => ({
  family: address.includes(":") ? 6 : 4,
  address,
  port: 53,
  connected: false,
  v6Only: false,
  ...more,
});

test.each([
  ["nothing listens: the server is down", "203.0.113.53", [], undefined],
  ["only a client's socket is there", "203.0.113.53", [socket("203.0.113.53", { connected: true })], undefined],
  ["it listens at the address", "203.0.113.53", [socket("127.0.0.1"), socket("203.0.113.53")], false],
  ["it listens at all addresses", "203.0.113.53", [socket("0.0.0.0")], false],
  ["it listens at all of both families", "203.0.113.53", [socket("::")], false],
  ["it listens at all of IPv6 only", "203.0.113.53", [socket("::", { v6Only: true })], true],
  ["it listens elsewhere", "203.0.113.53", [socket("198.18.1.2")], true],
  ["it listens at all of IPv4 only", "2001:db8::53", [socket("0.0.0.0")], true],
  ["it listens at all of IPv6", "2001:db8::53", [socket("::", { v6Only: true })], false],
  ["another service's server listens at its own address", "203.0.113.53", [socket("203.0.113.54")], undefined],
  ["it listens elsewhere, beside another service's", "203.0.113.53", [socket("203.0.113.54"), socket("::1")], true],
] as const)("%s (asked at %s)", (_, address, sockets, expected) => {
  expect(deadlocked(address, 53, new Set(["203.0.113.54"]), sockets)).toBe(expected);
});

test("a deadlock must be seen twice, is told once, and ends at once", () => {
  const deadlocks = new Deadlocks();
  const prefix = prefixOf("203.0.113.53");
  expect([true, true, true].map((dead) => deadlocks.note(prefix, dead))).toEqual([false, true, false]);
  expect(deadlocks.has(prefix)).toBe(true);
  expect(deadlocks.note(prefix, false)).toBe(false);
  expect(deadlocks.has(prefix)).toBe(false);
  expect([true, true].map((dead) => deadlocks.note(prefix, dead))).toEqual([false, true]);
});
