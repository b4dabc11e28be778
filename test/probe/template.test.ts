import { describe, expect, it } from "vitest";
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
