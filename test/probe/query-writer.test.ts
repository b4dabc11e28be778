import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeQuery } from "../../src/probe/dns.js";
import { type QueryForm, QueryWriter } from "../../src/probe/query-writer.js";

/** What `call` gives, or the words of what it throws. */
function outcome(call: () => Uint8Array): string {
  try {
    return Buffer.from(call()).toString("hex");
  } catch (error) {
    return (error as Error).message;
  }
}

const label = fc.oneof(
  fc.stringMatching(/^[a-zA-Z0-9_-]{1,20}$/),
  fc.string({ maxLength: 70 }),
  fc.constantFrom("", "\\097", "\\.", "\\\\", "*", "ü", "a b", "\0", "x".repeat(63), "x".repeat(64)),
);
const name = fc
  .tuple(fc.array(label, { maxLength: 8 }), fc.constantFrom("", "."))
  .map(([labels, end]) => labels.join(".") + end);
/** Names round the longest: 253 letters, and 254 with the last dot. */
const long = fc
  .tuple(fc.integer({ min: 245, max: 260 }), fc.constantFrom("", "."))
  .map(([length, end]) => "abcdefghi.".repeat(30).slice(0, length).replace(/\.$/, "x") + end);
const form = fc.record<QueryForm>(
  {
    class: fc.constantFrom("IN" as const, "CH" as const),
    rd: fc.boolean(),
    do: fc.boolean(),
    ednsSize: fc.constantFrom(512, 1232, 65_535),
    nsid: fc.boolean(),
    ecs: fc.constantFrom("198.51.100.0/24", "2001:db8::/48", "0.0.0.0/0"),
  },
  { requiredKeys: [] },
);

describe("a query writer", () => {
  it("gives what encodeQuery gives, octet for octet, and refuses what that refuses, in its words", () => {
    fc.assert(
      fc.property(
        form,
        fc.array(fc.oneof(name, long), { maxLength: 10 }),
        fc.constantFrom("A", "txt", "TYPE65280"),
        (form, names, type) => {
          const writer = new QueryWriter(form);
          for (const name of names) {
            expect(outcome(() => writer.write(name, type).wire)).toBe(
              outcome(() => encodeQuery({ ...form, name, type }, 0)),
            );
          }
        },
      ),
      { numRuns: 2000 },
    );
  });

  it("reads a name in the midst of a text", () => {
    const text = Buffer.from("  www.example.com. A");
    expect(Buffer.from(new QueryWriter({}).writeOctets(text, 2, 18, 1).wire)).toEqual(
      Buffer.from(encodeQuery({ name: "www.example.com", type: "A" }, 0)),
    );
  });

  it("leaves what it wrote as it was when it writes more, however much", () => {
    const writer = new QueryWriter({ ednsSize: 0 });
    const written = Array.from({ length: 5000 }, (_, i) => writer.write(`host-${i}.example.com`, "A").wire);
    written.forEach((wire, i) => {
      const expected = encodeQuery({ name: `host-${i}.example.com`, type: "A", ednsSize: 0 }, 0);
      expect(Buffer.compare(wire, expected)).toBe(0);
    });
  });

  it("gives each query a cookie of its own", () => {
    const writer = new QueryWriter({ cookie: true });
    const sample = encodeQuery({ name: "a.example", type: "A", cookie: true }, 0);
    const cookies = new Set<string>();
    for (let i = 0; i < 2000; i++) {
      const { wire } = writer.write("a.example", "A");
      expect(wire).toHaveLength(sample.length);
      expect(Buffer.compare(wire.subarray(0, -8), sample.subarray(0, -8))).toBe(0);
      cookies.add(Buffer.from(wire.subarray(-8)).toString("hex"));
    }
    expect(cookies.size).toBe(2000);
  });

  it("is refused a form that cannot be asked", () => {
    expect(() => new QueryWriter({ ednsSize: 0, do: true })).toThrow(/need EDNS/);
  });
});
