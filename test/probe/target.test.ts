import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addressBytes, canonicalAddress, familyOf, formatTarget } from "../../src/probe/target.js";

const notAddresses = [
  "",
  "localhost",
  "192.0.2",
  "192.0.2.256",
  "01.2.3.4",
  "[::1]",
  "fe80::1%lo",
  "1::2::3",
  "::1/128",
];

describe("an address", () => {
  it.each<[string, string]>([
    ["192.0.2.1", "c0000201"],
    ["0.0.0.0", "00000000"],
    ["::", "00000000000000000000000000000000"],
    ["::1", "00000000000000000000000000000001"],
    ["1::", "00010000000000000000000000000000"],
    ["2001:db8::53", "20010db8000000000000000000000053"],
    ["1:2:3:4:5:6:7:8", "00010002000300040005000600070008"],
    ["1:2:3:4:5:6:7::", "00010002000300040005000600070000"],
    ["::ffff:192.0.2.1", "00000000000000000000ffffc0000201"],
    ["64:ff9b::255.255.255.255", "0064ff9b0000000000000000ffffffff"],
    ["1:2:3:4:5:6:192.0.2.1", "000100020003000400050006c0000201"],
    ["2001:DB8::A", "20010db800000000000000000000000a"],
  ])("%s has its bytes in network order", (address, hex) => {
    expect(Buffer.from(addressBytes(address)).toString("hex")).toBe(hex);
    expect(familyOf(address)).toBe(hex.length === 8 ? 4 : 6);
  });

  it("has the same bytes in every spelling of it", () => {
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        const bytes = addressBytes(address);
        expect(bytes).toHaveLength(16);
        expect(addressBytes(canonicalAddress(address))).toEqual(bytes);
        expect(canonicalAddress(canonicalAddress(address))).toBe(canonicalAddress(address));
      }),
    );
  });

  it("has one canonical spelling for the same bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16));
        const long = groups.map((group) => group.padStart(4, "0").toUpperCase()).join(":");
        expect(canonicalAddress(long)).toBe(canonicalAddress(groups.join(":")));
        expect(addressBytes(canonicalAddress(long))).toEqual(bytes);
      }),
    );
  });

  it.each<[string, string]>([
    ["2001:0db8:0:0:0:0:0:53", "2001:db8::53"],
    ["2001:DB8::53", "2001:db8::53"],
    ["0:0:1:0:0:0:0:1", "0:0:1::1"],
    ["192.0.2.1", "192.0.2.1"],
  ])("%s is spelled %s (RFC 5952)", (address, canonical) => {
    expect(canonicalAddress(address)).toBe(canonical);
  });

  it.each(notAddresses)("is not %j", (text) => {
    for (const read of [familyOf, addressBytes, canonicalAddress]) expect(() => read(text)).toThrow(TypeError);
  });
});

describe("a target", () => {
  it("is written with its port, an IPv6 address in brackets", () => {
    expect(formatTarget({ address: "203.0.113.53", port: 53 })).toBe("203.0.113.53:53");
    expect(formatTarget({ address: "2001:db8::53", port: 5353 })).toBe("[2001:db8::53]:5353");
  });
});
