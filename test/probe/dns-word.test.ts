import { createRequire } from "node:module";
import { describe, expect, it } from "vitest";
import * as word from "../../src/probe/dns-word.js";

const dnsPacketTypes = createRequire(import.meta.url)("dns-packet/types") as { toString(type: number): string };

describe("DNS words", () => {
  it("name every type number, there and back", () => {
    for (let number = 1; number <= 65535; number++) expect(word.typeNumber(word.typeWord(number))).toBe(number);
  });

  it("agree with dns-packet wherever it has a name", () => {
    for (let number = 1; number <= 65535; number++) {
      const name = dnsPacketTypes.toString(number);
      if (!name.startsWith("UNKNOWN_")) expect(word.typeWord(number)).toBe(name);
    }
  });

  it("name every rcode, there and back", () => {
    for (let number = 0; number <= 4095; number++) expect(word.rcodeNumber(word.rcodeWord(number))).toBe(number);
    expect([word.rcodeWord(5), word.rcodeWord(16), word.rcodeWord(23), word.rcodeWord(12)]).toEqual([
      "REFUSED",
      "BADVERS",
      "BADCOOKIE",
      "RCODE12",
    ]);
  });

  it("name classes and flags, there and back", () => {
    for (const name of ["IN", "CH", "in"]) expect(word.classWord(word.classNumber(name))).toBe(name.toUpperCase());
    expect(word.classWord(4)).toBe("CLASS4");
    expect(word.flagWords(word.flagNumber(["aa", "tc", "rd", "ra", "ad", "cd"]))).toEqual([
      "aa",
      "tc",
      "rd",
      "ra",
      "ad",
      "cd",
    ]);
    expect(word.flagWords(0x8400)).toEqual(["aa"]);
  });

  it.each(["", "HTPS", "TYPE", "TYPE0", "TYPE65536", "UNKNOWN_65", "constructor"])("have no type %j", (name) => {
    expect(() => word.typeNumber(name)).toThrow(TypeError);
  });

  it("have no other class, and no rcode that is none", () => {
    expect(() => word.classNumber("HS")).toThrow(TypeError);
    for (const name of ["", "OK", "RCODE4096"]) expect(() => word.rcodeNumber(name)).toThrow(TypeError);
  });
});
