// Built-in mixes, and the one door to all sources.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cacheHit, cacheMiss, udpPayload } from "../../src/load/mix.js";
import { openQueries } from "../../src/load/open-queries.js";
import { encodeQuery, headerLength } from "../../src/probe/dns.js";
import type { Query, WireQuery } from "../../src/probe/query.js";
import { compile } from "../../src/probe/template.js";

const hexOf = (query: Query) => Buffer.from((query as WireQuery).wire).toString("hex");
const encoded = (name: string, type: string, form = {}) =>
  Buffer.from(encodeQuery({ ...form, name, type }, 0)).toString("hex");
/** The first label of a query's name, and all that follows it. */
function split(query: Query) {
  const { wire } = query as WireQuery;
  const end = headerLength + 1 + wire[headerLength]!;
  return {
    label: Buffer.from(wire.subarray(headerLength + 1, end)).toString(),
    rest: Buffer.from(wire.subarray(end)).toString("hex"),
  };
}

describe("names that are asked again and again", () => {
  it("are the one that is given", () => {
    const source = cacheHit({ name: "www.example.com", type: "AAAA", do: true });
    expect(source.repeats!.map(hexOf)).toEqual([encoded("www.example.com", "AAAA", { do: true })]);
    expect(source.summary).toBe("www.example.com AAAA");
  });

  it("are so many below it, in turn, for ever", async () => {
    const source = cacheHit({ name: "example.com", type: "A" }, 3);
    const all = ["h1", "h2", "h3"].map((label) => encoded(`${label}.example.com`, "A"));
    expect(source.repeats!.map(hexOf)).toEqual(all);
    expect(source.summary).toBe("3 names below example.com, A");
    const got: string[] = [];
    while (got.length < 7) got.push(...(await source.next(2)).map(({ query }) => hexOf(query)));
    expect(got.slice(0, 7)).toEqual([...all, ...all, all[0]]);
  });

  it.each([0, 65_537, 1.5, Number.NaN])("are not %d", (names) => {
    expect(() => cacheHit({ name: "example.com", type: "A" }, names)).toThrow(
      new RangeError(`expected 1-65536 names, got ${names}`),
    );
  });
});

describe("random names", () => {
  it("never come again, nor in another run, and are equally long", async () => {
    const seen = new Set<string>();
    const rest = new Set<string>();
    const lengths = new Set<number>();
    for (let run = 0; run < 2; run++) {
      const source = cacheMiss({ name: "example.com", type: "A", ednsSize: 0 });
      expect(source.repeats).toBeUndefined();
      for (let i = 0; i < 10; i++) {
        const asked = await source.next(5000);
        expect(asked).toHaveLength(5000);
        for (const { query } of asked) {
          seen.add(split(query).label);
          rest.add(split(query).rest);
          lengths.add((query as WireQuery).wire.length);
        }
      }
    }
    expect(seen.size).toBe(100_000);
    expect(lengths.size).toBe(1);
    const label = [...seen][0]!;
    expect(label).toMatch(/^m[0-9a-f]{10}[0-9a-z]{12}$/);
    const [whole, from] = [
      encoded(`${label}.example.com`, "A", { ednsSize: 0 }),
      2 * (headerLength + 1 + label.length),
    ];
    expect([...rest]).toEqual([whole.slice(from)]);
  });

  it("may lie below the root", async () => {
    const [asked] = await cacheMiss({ name: ".", type: "NS" }).next(1);
    expect(hexOf(asked!.query)).toBe(encoded(split(asked!.query).label, "NS"));
  });

  it.each([
    ["a..b", /labels have 1-63 octets/],
    [`${"abcdefghi.".repeat(25)}x`, /at most 255 octets/],
  ])("are refused at once below %s", (name, message) => {
    expect(() => cacheMiss({ name, type: "A" })).toThrow(message);
    expect(() => cacheHit({ name, type: "A" }, 2)).toThrow(message);
  });
});

describe("a UDP payload", () => {
  it("is sent again and again, with an id where the service echoes one", async () => {
    const payload = Buffer.from("ping");
    expect(udpPayload(payload).repeats).toEqual([{ payload }]);
    expect(udpPayload(payload, 2).repeats).toEqual([{ payload, idAt: 2 }]);
    expect(udpPayload(payload).summary).toBe("a UDP payload of 4 octets");
    expect(() => udpPayload(payload, 3)).toThrow(RangeError);
  });
});

describe("openQueries", () => {
  it("opens each kind of source without a file", async () => {
    const form = { rd: false };
    const hit = await openQueries({ kind: "hit", name: "a.example", type: "A", form });
    expect(hit.repeats!.map(hexOf)).toEqual([encoded("a.example", "A", form)]);
    const miss = await openQueries({ kind: "miss", name: "example", type: "A", form });
    expect((await miss.next(3)).map(({ query }) => compile(query).questionLength)).toHaveLength(3);
    const udp = await openQueries({ kind: "udp", payload: Buffer.from("x") });
    expect(udp.repeats).toHaveLength(1);
  });

  it("gives a source that can be asked, or says what is wrong with its name", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string(), fc.constantFrom("hit" as const, "miss" as const), async (name, kind) => {
        try {
          const source = await openQueries({ kind, name, type: "A" });
          for (const { query } of await source.next(2)) compile(query);
        } catch (error) {
          expect((error as Error).message).toMatch(/^name "/);
        }
      }),
    );
  });
});
