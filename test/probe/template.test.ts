import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeQuery } from "../../src/probe/dns.js";
import { compile } from "../../src/probe/template.js";

describe("a template", () => {
  it("of a DNS query has its id in front, as 0, and tells how long the question is", () => {
    const { bytes, idAt, questionLength } = compile({ name: "health.example.com", type: "A" });
    expect([idAt, bytes[0], bytes[1]]).toEqual([0, 0, 0]);
    expect(questionLength).toBe("health.example.com".length + 2 + 4);
    expect(Buffer.from(bytes.subarray(12, 12 + questionLength)).toString("latin1")).toBe(
      "\x06health\x07example\x03com\x00\x00\x01\x00\x01",
    );
  });

  it("of a query for the root has a question of five octets", () => {
    expect(compile({ name: ".", type: "NS" }).questionLength).toBe(5);
  });

  it("of a UDP payload is a copy of it, with an id only where one is wanted", () => {
    const payload = Uint8Array.of(1, 2, 3, 4);
    const template = compile({ payload });
    payload[0] = 9;
    expect(template).toEqual({ bytes: Uint8Array.of(1, 2, 3, 4), idAt: -1, questionLength: 0 });
    expect(compile({ payload, idAt: 2 }).idAt).toBe(2);
  });

  it.each([-1, 3, 0.5, Number.NaN])("has no room for an id at %d of four octets", (idAt) => {
    expect(() => compile({ payload: new Uint8Array(4), idAt })).toThrow(RangeError);
  });

  it("is no longer than a UDP datagram may be", () => {
    expect(compile({ payload: new Uint8Array(65_507) }).bytes).toHaveLength(65_507);
    expect(() => compile({ payload: new Uint8Array(65_508) })).toThrow(RangeError);
  });
});

describe("a template of a DNS message", () => {
  const message = encodeQuery({ name: "www.example.com", type: "AAAA", do: true }, 0);
  const changed = (at: number, ...octets: number[]) => {
    const copy = Buffer.from(message);
    copy.set(octets, at);
    return copy;
  };

  it("is a copy of it, whatever kind of array it is, with the id in front", () => {
    for (const wire of [Buffer.from(message), Uint8Array.from(message)]) {
      const template = compile({ wire });
      wire[20] = 0xff;
      expect({ ...template, bytes: Buffer.from(template.bytes) }).toEqual({
        bytes: Buffer.from(message),
        idAt: 0,
        questionLength: 17 + 4,
      });
    }
  });

  it("may have any opcode, and octets after its question", () => {
    expect(compile({ wire: Buffer.concat([changed(2, 0x28), Buffer.alloc(100)]) }).questionLength).toBe(21);
  });

  it.each<[string, Uint8Array, string]>([
    ["nothing", new Uint8Array(), "0 octets, a header has 12"],
    ["half a header", message.subarray(0, 11), "11 octets, a header has 12"],
    ["a header alone", message.subarray(0, 12), "a name that is cut off"],
    ["a response", changed(2, 0x81), "a response"],
    ["no question", changed(4, 0, 0), "0 questions"],
    ["two questions", changed(4, 0, 2), "2 questions"],
    ["a compressed name", changed(12, 0xc0), "a compressed name"],
    ["a name that is cut off", message.subarray(0, 20), "a name that is cut off"],
    ["a question that is cut off", message.subarray(0, 32), "a question that is cut off"],
    [
      "an overlong name",
      Buffer.concat([message.subarray(0, 12), Buffer.from(`\x3f${"a".repeat(63)}`.repeat(4)), Buffer.alloc(20)]),
      "a name of over 255 octets",
    ],
  ])("refuses %s", (_, wire, got) => {
    expect(() => compile({ wire })).toThrow(new TypeError(`expected a DNS query, got ${got}`));
  });

  it("takes the longest name there is, and none that is longer by one", () => {
    const labels = (last: number) =>
      Buffer.from(
        `\x3f${"a".repeat(63)}`.repeat(3).concat(String.fromCharCode(last), "b".repeat(last), "\0\0\x01\0\x01"),
      );
    const wire = (last: number) => Buffer.concat([message.subarray(0, 12), labels(last)]);
    expect(compile({ wire: wire(61) }).questionLength).toBe(255 + 4);
    expect(() => compile({ wire: wire(62) })).toThrow("a name of over 255 octets");
  });

  it("is no longer than a UDP datagram may be", () => {
    const wire = Buffer.concat([message, Buffer.alloc(65_508 - message.length)]);
    expect(() => compile({ wire })).toThrow("expected a payload of 0-65507 octets, got 65508");
    expect(compile({ wire: wire.subarray(0, -1) }).bytes).toHaveLength(65_507);
  });

  it("is refused or compiled, whatever the octets are", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (octets, likely) => {
        if (likely && octets.length > 6) octets.set([0, 0, 0, 1], 2);
        try {
          const { bytes, questionLength } = compile({ wire: octets });
          expect(questionLength).toBeGreaterThanOrEqual(5);
          expect(12 + questionLength).toBeLessThanOrEqual(bytes.length);
        } catch (error) {
          expect((error as Error).message).toMatch(/^expected a DNS query, got /);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
