// The fast reader of identities against the one that reads everything, and against octets that are no answer at all.
import { encode } from "dns-packet";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { answer } from "../../src/demo/answerer.js";
import { decodeAnswer, encodeQuery } from "../../src/probe/dns.js";
import { placeOfNsid } from "../../src/watch/nsid.js";
import { Sites } from "../../src/watch/sites.js";

const query = encodeQuery({ name: "health.example.com", type: "A", nsid: true }, 1);
const textOf = (bytes: Uint8Array, start = 0, end = bytes.length) => {
  const place = placeOfNsid(bytes, start, end);
  return place && Buffer.from(bytes.subarray(place.at, place.at + place.length)).toString("latin1");
};

describe("placeOfNsid", () => {
  it("finds what the whole reader finds, wherever the answer stands in its block", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[ -~]{1,40}$/), fc.nat(50), fc.nat(50), (nsid, before, after) => {
        const octets = answer(query, { mode: "normal", nsid })!;
        const block = Buffer.concat([Buffer.alloc(before, 0xff), octets, Buffer.alloc(after, 0xff)]);
        expect(textOf(block, before, before + octets.length)).toBe(nsid);
        expect(decodeAnswer(octets)).toMatchObject({ nsid });
      }),
    );
  });

  it("finds none where none was told", () => {
    expect(textOf(answer(query, { mode: "normal" })!)).toBeUndefined();
    expect(
      textOf(Uint8Array.from(encode({ type: "response", questions: [{ type: "A", name: "a.example" }] }))),
    ).toBeUndefined();
  });

  it("agrees with the whole reader on every mutation of an answer that this still reads, and reads nothing outside", () => {
    const good = answer(query, { mode: "normal", nsid: "e1" })!;
    const mutation = fc.tuple(
      fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 4 }),
      fc.nat(good.length),
    );
    fc.assert(
      fc.property(mutation, ([changes, length]) => {
        const octets = Buffer.from(good);
        for (const [at, octet] of changes) octets[at] = octet;
        const cut = octets.subarray(0, length);
        // Beyond the end stands another identity, which must not be found.
        const block = Buffer.concat([cut, Buffer.from("zz".repeat(40))]);
        const found = textOf(block, 0, length);
        const whole = decodeAnswer(cut);
        if (!("malformed" in whole) && !whole.flags.includes("tc") && /^[ -~]+$/.test(found ?? "e1")) {
          const nsid = whole.nsid === "" ? undefined : whole.nsid;
          expect(found).toBe(nsid);
        }
        expect(found?.length ?? 0).toBeLessThanOrEqual(length);
      }),
      { numRuns: 2000 },
    );
  });

  it("ends on any octets", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (octets) => void placeOfNsid(octets, 0, octets.length)),
      { numRuns: 2000 },
    );
  });
});

describe("Sites", () => {
  it("gives each its number, and its name back", () => {
    const sites = new Sites();
    const bytes = Buffer.from("..e1e2\x00\xff", "latin1");
    const [one, two, odd] = [2, 4, 6].map((at) => sites.number("nsid", bytes, at, 2));
    expect([one, two, odd].map((site) => sites.name(site!))).toEqual(["e1", "e2", "00ff"]);
    expect(sites.number("nsid", bytes, 2, 2)).toBe(one);
    expect([
      sites.is(one!, "nsid", bytes, 2, 2),
      sites.is(one!, "nsid", bytes, 4, 2),
      sites.is(one!, "nsid", bytes, 2, 3),
    ]).toEqual([true, false, false]);
    expect(sites.name(0)).toBeUndefined();
  });

  it("takes all for one that come after very many", () => {
    const sites = new Sites();
    const bytes = Buffer.alloc(4);
    for (let i = 0; i < 70_000; i++) {
      bytes.writeUInt32BE(i);
      sites.number("nsid", bytes, 0, 4);
    }
    expect(sites.name(sites.number("nsid", bytes, 0, 4))).toBe("(others)");
    bytes.writeUInt32BE(7);
    expect(sites.name(sites.number("nsid", bytes, 0, 4))).toBe("00000007");
  });
});
