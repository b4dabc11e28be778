import { describe, expect, test } from "vitest";
import type { Address, Link } from "../../src/engine/netlink.js";
import { ConfigError } from "../../src/errors.js";
import { type Prefix, prefixOf } from "../../src/route/prefix.js";
import { pickSource } from "../../src/run/source.js";

const links: readonly Link[] = ["lo", "eth0", "eth1", "down0"].map((name, i) => ({
  ifindex: i + 1,
  name,
  kind: "",
  up: name !== "down0",
  loopback: name === "lo",
}));

function on(device: string, address: string, more: Partial<Address> = {}): Address {
  const family = address.includes(":") ? 6 : 4;
  const ifindex = links.find(({ name }) => name === device)!.ifindex;
  const lifetimes = { validS: Number.POSITIVE_INFINITY, preferredS: Number.POSITIVE_INFINITY };
  const label = family === 4 ? device : "";
  const prefixLength = family === 4 ? 24 : 64;
  return {
    family,
    device,
    ifindex,
    address,
    prefixLength,
    scope: 0,
    flags: 0x80,
    proto: 0,
    label,
    ...lifetimes,
    ...more,
  };
}

const localhost = [on("lo", "127.0.0.1", { scope: 254 }), on("lo", "::1", { scope: 254 })];
const anycast: readonly Prefix[] = ["203.0.113.53", "2001:db8::53"].map(prefixOf);
const anycastOnLo = [on("lo", "203.0.113.53", { label: "lo:0" }), on("lo", "2001:db8::53")];
const pick = (addresses: readonly Address[], family: 4 | 6 = 4, choice = "auto") =>
  pickSource(family, choice, anycast, [...localhost, ...anycastOnLo, ...addresses], links);

describe("auto", () => {
  test("picks a global address that is not on lo, per family", () => {
    const addresses = [on("eth0", "fe80::1", { scope: 253 }), on("eth0", "198.18.0.1"), on("eth0", "2001:db8:1::1")];
    expect(pick(addresses)).toEqual({ address: "198.18.0.1", why: "a global address of eth0" });
    expect(pick(addresses, 6)).toEqual({ address: "2001:db8:1::1", why: "a global address of eth0" });
  });

  test.each([
    ["on a device that is up", [on("down0", "198.18.9.1"), on("eth1", "198.18.1.1")], 4, "198.18.1.1"],
    ["on the first device", [on("eth1", "198.18.1.1"), on("eth0", "198.18.0.9")], 4, "198.18.0.9"],
    ["primary in its subnet", [on("eth0", "198.18.0.1", { flags: 0x81 }), on("eth0", "198.18.0.2")], 4, "198.18.0.2"],
    ["not temporary", [on("eth0", "2001:db8:1::a", { flags: 1 }), on("eth0", "2001:db8:1::b")], 6, "2001:db8:1::b"],
    [
      "without an alias label",
      [on("eth0", "198.18.0.1", { label: "eth0:1" }), on("eth0", "198.18.0.2")],
      4,
      "198.18.0.2",
    ],
  ] as const)("prefers one %s", (_, addresses, family, expected) => {
    expect(pick(addresses, family).address).toBe(expected);
    expect(pick(addresses.toReversed(), family).address).toBe(expected);
  });

  test.each([
    ["anycast", on("eth0", "203.0.113.53")],
    ["deprecated", on("eth0", "198.18.0.1", { flags: 0x20 })],
    ["tentative", on("eth0", "198.18.0.1", { flags: 0x40 })],
    ["a duplicate", on("eth0", "198.18.0.1", { flags: 0x08 })],
    ["of link scope", on("eth0", "198.18.0.1", { scope: 253 })],
  ])("never picks one that is %s", (_, address) => {
    expect(() => pick([address])).toThrow(ConfigError);
  });

  test("takes the router id on lo of an unnumbered host, not an address labelled as anycast ones are", () => {
    const addresses = [on("lo", "198.18.7.7", { label: "lo:1" }), on("lo", "198.18.255.1")];
    expect(pick(addresses)).toEqual({
      address: "198.18.255.1",
      why: "on lo, as no other device has a global IPv4 address",
    });
  });

  test("says which device is down where nothing else is left", () => {
    expect(pick([on("down0", "198.18.9.1")]).why).toBe("a global address of down0, which is down");
  });

  test("fails where there is none", () => {
    expect(() => pick([on("eth0", "198.18.0.1")], 6)).toThrow(
      "source.ipv6: expected this host to have a global IPv6 address that is not anycast, found none; " +
        "set source.ipv6 to an address of this host, or probe no IPv6 prefix",
    );
  });
});

describe("a configured source", () => {
  test("is taken as it is, in its one spelling", () => {
    expect(pick([on("eth1", "2001:db8:1::1")], 6, "2001:DB8:1:0::1")).toEqual({
      address: "2001:db8:1::1",
      why: "configured; on eth1",
    });
  });

  test.each([
    ["anycast", 4, "203.0.113.53", "which is one of the anycast prefixes"],
    ["not this host's", 4, "198.18.0.99", "expected an address of this host, got 198.18.0.99, which no device has"],
    ["of the other family", 6, "198.18.0.1", 'source.ipv6: expected an IPv6 address, got "198.18.0.1"'],
  ] as const)("that is %s is refused with the reason", (_, family, choice, message) => {
    expect(() => pick([on("eth0", "198.18.0.1")], family, choice)).toThrow(message);
    expect(() => pick([on("eth0", "198.18.0.1")], family, choice)).toThrow(
      expect.objectContaining({ code: "ERR_CONFIG_SOURCE" }),
    );
  });
});
