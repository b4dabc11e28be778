import packet from "dns-packet";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Answer, decodeAnswer, encodeQuery, nameLabels } from "../../src/probe/dns.js";
import { answerBytes, type Message } from "./message.js";

function decode(message: Message): Answer {
  const answer = decodeAnswer(answerBytes(message));
  if ("malformed" in answer) throw new Error(answer.malformed);
  return answer;
}

/** patch overwrites octets from `at` on. */
function patch(bytes: Buffer, at: number, ...values: number[]): Buffer {
  bytes.set(values, at);
  return bytes;
}

const octet = (char: string) => char.repeat(63);

describe("a name", () => {
  it.each<[string, string[]]>([
    [".", []],
    ["com", ["com"]],
    ["example.com.", ["example", "com"]],
    ["_dns.Example.COM", ["_dns", "Example", "COM"]],
    ["\\097\\b.example", ["ab", "example"]],
    ["a\\\\b", ["a\\b"]],
    [
      `${octet("a")}.${octet("b")}.${octet("c")}.${"d".repeat(61)}`,
      [octet("a"), octet("b"), octet("c"), "d".repeat(61)],
    ],
  ])("%j is read into its labels", (name, labels) => {
    expect(nameLabels(name)).toEqual(labels);
  });

  it.each<[string, RegExp]>([
    ["", /expected a name/],
    ["..", /labels have 1-63 octets, got 0/],
    ["a..b", /labels have 1-63 octets, got 0/],
    [".a", /labels have 1-63 octets, got 0/],
    [`${octet("a")}a.com`, /labels have 1-63 octets, got 64/],
    [`${octet("a")}.${octet("b")}.${octet("c")}.${"d".repeat(62)}`, /at most 255 octets, got 256/],
    ["bücher.example", /xn--/],
    ["a b.example", /printable ASCII/],
    ["a\n.b", /printable ASCII/],
    ["a\\256b", /printable ASCII/],
    ["a\\.b.example", /a dot within a label/],
    ["a\\046b.example", /a dot within a label/],
    ["a\\", /backslash/],
    ["a\\12", /backslash/],
  ])("%j is refused", (name, message) => {
    expect(() => nameLabels(name)).toThrow(message);
  });
});

describe("a query on the wire", () => {
  it("is what another decoder reads back", () => {
    const anyLabel = fc.stringMatching(/^[a-zA-Z0-9_-]{1,20}$/);
    const anyName = fc.array(anyLabel, { minLength: 1, maxLength: 8 }).map((labels) => labels.join("."));
    fc.assert(
      fc.property(anyName, fc.nat(0xffff), fc.boolean(), fc.boolean(), (name, id, rd, doBit) => {
        const read = packet.decode(Buffer.from(encodeQuery({ name, type: "AAAA", rd, do: doBit }, id)));
        expect(read).toMatchObject({
          id,
          type: "query",
          flag_rd: rd,
          questions: [{ name, type: "AAAA", class: "IN" }],
        });
        expect(read.additionals).toMatchObject([{ type: "OPT", udpPayloadSize: 1232, flag_do: doBit, options: [] }]);
      }),
    );
  });

  it("asks for types that dns-packet has no name for by their number", () => {
    const typeOf = (type: string) => Buffer.from(encodeQuery({ name: ".", type }, 0)).readUInt16BE(13);
    expect(["HTTPS", "svcb", "TYPE65280", "URI"].map(typeOf)).toEqual([65, 64, 65280, 256]);
  });

  const optionsOf = (query: Parameters<typeof encodeQuery>[0]) => {
    const [opt] = packet.decode(Buffer.from(encodeQuery(query, 0))).additionals as unknown as [
      { options: { code: number; data: Buffer }[] },
    ];
    return opt.options.map(({ code, data }) => [code, data.toString("hex")]);
  };
  const www = { name: "www.example.com", type: "A" };

  it.each([
    ["198.51.100.0/24", "00011800c63364"],
    ["198.51.100.77/20", "00011400c63360"],
    ["198.51.100.77/32", "00012000c633644d"],
    ["0.0.0.0/0", "00010000"],
    ["2001:db8::/48", "0002300020010db80000"],
    ["2001:db8:ffff::1/33", "0002210020010db880"],
  ])("tells the client subnet %s by its prefix alone", (ecs, octets) => {
    expect(optionsOf({ ...www, ecs })).toEqual([[8, octets]]);
  });

  it.each([
    "",
    "198.51.100.0",
    "198.51.100.0/33",
    "2001:db8::/129",
    "example/24",
    "::1%lo/64",
    "198.51.100.0/024 ",
    "/24",
  ])("refuses the client subnet %j", (ecs) => {
    expect(() => encodeQuery({ ...www, ecs }, 0)).toThrow(
      new TypeError(`expected a client subnet like 198.51.100.0/24, got "${ecs}"`),
    );
  });

  it("sends a client cookie of eight random octets, beside other options", () => {
    const cookies = Array.from({ length: 20 }, () => optionsOf({ ...www, cookie: true, nsid: true, ecs: "::/0" }));
    for (const options of cookies) {
      expect(options.slice(0, 2)).toEqual([
        [3, ""],
        [8, "00020000"],
      ]);
      expect(options[2]).toEqual([10, expect.stringMatching(/^[0-9a-f]{16}$/)]);
    }
    expect(new Set(cookies.map((options) => options[2]![1])).size).toBe(20);
  });

  it.each([{ cookie: true }, { ecs: "198.51.100.0/24" }])("refuses %j without EDNS", (given) => {
    expect(() => encodeQuery({ ...www, ednsSize: 0, ...given }, 0)).toThrow("do, nsid, cookie and ecs need EDNS");
  });

  it("asks for the NSID by an empty option, in class CH too", () => {
    const bytes = encodeQuery({ name: "id.server", type: "TXT", class: "CH", nsid: true, ednsSize: 512 }, 1);
    expect(Buffer.from(bytes).toString("hex")).toBe(
      `000101000001000000000001${"026964067365727665720000100003"}${"00002902000000000000040003" + "0000"}`,
    );
  });

  it("has no OPT record with an EDNS size of 0", () => {
    expect(encodeQuery({ name: ".", type: "NS", ednsSize: 0 }, 0)).toHaveLength(12 + 5);
  });

  it.each<[string, () => unknown]>([
    ["an unknown type", () => encodeQuery({ name: ".", type: "HTPS" }, 0)],
    ["an unknown class", () => encodeQuery({ name: ".", type: "A", class: "HS" as "IN" }, 0)],
    ["an id over 65535", () => encodeQuery({ name: ".", type: "A" }, 65536)],
    ["an EDNS size of 100", () => encodeQuery({ name: ".", type: "A", ednsSize: 100 }, 0)],
    ["DNSSEC OK without EDNS", () => encodeQuery({ name: ".", type: "A", do: true, ednsSize: 0 }, 0)],
  ])("is refused with %s", (_name, encode) => {
    expect(encode).toThrow(/expected|need/);
  });
});

describe("an answer off the wire", () => {
  it("tells rcode, flags, question and NSID", () => {
    expect(decode({ flags: 0x0580, rcode: 3, opt: { options: [{ code: 3, data: Buffer.from("e1.ams") }] } })).toEqual({
      rcode: "NXDOMAIN",
      flags: ["aa", "rd", "ra"],
      question: { name: "health.example.com", type: "A", class: "IN" },
      answers: [],
      nsid: "e1.ams",
    });
  });

  it("tells an NSID that is not printable in hex, and an empty one as empty", () => {
    const nsidOf = (data: Buffer) =>
      decode({
        opt: {
          options: [
            { code: 10, data: Buffer.alloc(8) },
            { code: 3, data },
          ],
        },
      }).nsid;
    expect(nsidOf(Buffer.of(0, 0xff))).toBe("00ff");
    expect(nsidOf(Buffer.alloc(0))).toBe("");
    expect(decode({ opt: {} }).nsid).toBeUndefined();
  });

  it("tells an extended rcode", () => {
    expect(decode({ rcode: 0, opt: { extendedRcode: 1 } }).rcode).toBe("BADVERS");
    expect(decode({ rcode: 7, opt: { extendedRcode: 1 } }).rcode).toBe("BADCOOKIE");
  });

  it.each<[string, unknown, string]>([
    ["A", "192.0.2.1", "192.0.2.1"],
    ["AAAA", "2001:db8:0:0:0:0:0:1", "2001:db8::1"],
    ["NS", "ns1.example.com", "ns1.example.com"],
    ["CNAME", "www.example.com", "www.example.com"],
    ["PTR", "host.example.com", "host.example.com"],
    ["MX", { preference: 10, exchange: "mx.example.com" }, "10 mx.example.com"],
    ["TXT", ["v=spf1 ", Buffer.from("\x1b[2J\xff", "latin1")], "v=spf1 \\027[2J\\255"],
    ["SRV", { priority: 1, weight: 2, port: 53, target: "dns.example.com" }, "1 2 53 dns.example.com"],
    ["CAA", { flags: 0, tag: "issue", value: "ca.example.net" }, '0 issue "ca.example.net"'],
    ["DS", { keyTag: 60485, algorithm: 5, digestType: 1, digest: Buffer.from("2bb183", "hex") }, "60485 5 1 2BB183"],
    ["DNSKEY", { flags: 257, algorithm: 13, key: Buffer.from("key") }, "257 3 13 a2V5"],
    [
      "SOA",
      { mname: "ns1.example.com", rname: "admin.example.com", serial: 1, refresh: 2, retry: 3, expire: 4, minimum: 5 },
      "ns1.example.com admin.example.com 1 2 3 4 5",
    ],
    ["UNKNOWN_65", Buffer.of(0, 1, 0), "\\# 3 000100"],
    ["UNKNOWN_65280", Buffer.alloc(0), "\\# 0"],
  ])("tells %s records as text", (type, data, text) => {
    const word = type === "UNKNOWN_65" ? "HTTPS" : type.replace("UNKNOWN_", "TYPE");
    expect(decode({ answers: [{ type, data }] }).answers).toEqual([{ type: word, text }]);
  });

  it("shows a record that it cannot read as octets, and reads on behind it", () => {
    // An A record of three octets (rdlength 3), which dns-packet reads as four, and a good one after it.
    const good = answerBytes({
      answers: [
        { type: "UNKNOWN_1", data: Buffer.of(1, 2, 3) },
        { type: "A", data: "192.0.2.1" },
      ],
    });
    expect(decodeAnswer(good)).toMatchObject({
      answers: [
        { type: "A", text: "\\# 3 010203" },
        { type: "A", text: "192.0.2.1" },
      ],
    });
  });

  it("is not malformed by an odd record of another section", () => {
    const odd = { type: "UNKNOWN_44", data: Buffer.of(4, 9, 1, 2, 3) };
    expect(decode({ authorities: [odd] })).toMatchObject({ rcode: "NOERROR", answers: [] });
    expect(decode({ answers: [{ type: "UNKNOWN_48", data: Buffer.of(1, 1, 9, 13, 1) }] }).answers).toEqual([
      { type: "DNSKEY", text: "\\# 5 0101090d01" },
    ]);
  });

  it.each<[string, (bytes: Buffer) => Uint8Array, RegExp]>([
    ["shorter than a header", (bytes) => bytes.subarray(0, 11), /^11 octets, a header has 12$/],
    ["our own query, sent back", (bytes) => patch(bytes, 2, 0), /^a query, not a response$/],
    ["of another opcode", (bytes) => patch(bytes, 2, 0xa0), /^opcode 4, expected 0$/],
    ["cut off in a record", (bytes) => bytes.subarray(0, -1), /^cut off at octet \d+$/],
    ["of fewer records than it says", (bytes) => patch(bytes, 7, 2), /overflow/],
    ["with a name that points to itself", (bytes) => patch(bytes, 12, 0xc0, 12), /bad pointer/],
  ])("is malformed when it is %s", (_name, harm, reason) => {
    const bytes = harm(Buffer.from(answerBytes({ answers: [{ type: "A", data: "192.0.2.1" }] })));
    expect(decodeAnswer(bytes)).toEqual({ malformed: expect.stringMatching(reason) });
  });

  it("may be cut off anywhere behind its header when it is marked truncated", () => {
    const whole = answerBytes({ flags: 0x200, answers: [{ type: "A", data: "192.0.2.1" }], opt: {} });
    for (let length = 12; length <= whole.length; length++)
      expect(decodeAnswer(whole.subarray(0, length))).toMatchObject({ rcode: "NOERROR", flags: ["tc"] });
  });

  it("never makes the decoder throw or tell anything but printable ASCII, whatever its octets", () => {
    const base = answerBytes({
      answers: [
        { type: "TXT", data: ["x"] },
        { type: "SOA", data: { mname: "a.b", rname: "c.d", serial: 1, refresh: 2, retry: 3, expire: 4, minimum: 5 } },
        { type: "CAA", data: { flags: 0, tag: "issue", value: "v" } },
      ],
      opt: { options: [{ code: 3, data: Buffer.from("e1") }] },
    });
    const mutation = fc.array(fc.tuple(fc.nat(base.length - 1), fc.nat(255)), { maxLength: 6 });
    fc.assert(
      fc.property(mutation, fc.nat(base.length), (changes, length) => {
        const bytes = Uint8Array.from(base);
        for (const [at, value] of changes) bytes[at] = value;
        expect(JSON.stringify(decodeAnswer(bytes.subarray(0, length)))).toMatch(/^[\x20-\x7e]*$/);
      }),
      { numRuns: 5000 },
    );
  });
});
