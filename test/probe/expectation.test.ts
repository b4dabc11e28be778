import { describe, expect, it } from "vitest";
import { type Expectation, judgeAnswer } from "../../src/probe/expectation.js";
import type { Query } from "../../src/probe/query.js";
import { answerBytes, type Message } from "./message.js";

const query: Query = { name: "health.example.com", type: "A" };
const address = (data: string) => ({ type: "A", data });
const nsid = (text: string) => ({ options: [{ code: 3, data: Buffer.from(text) }] });
const long = "x".repeat(200);

function judge(message: Message, expectation: Expectation, rttNs = 1e6): string | undefined {
  return judgeAnswer(answerBytes(message), query, expectation, rttNs);
}

describe("a DNS answer", () => {
  const soaQuery: Query = { name: "example.com", type: "SOA" };
  const soa = (serial: number, mname = "ns.example.com") => {
    const times = { refresh: 1, retry: 2, expire: 3, minimum: 4 };
    return { type: "SOA", data: { mname, rname: "host.example.com", serial, ...times } };
  };
  const judgeSoa = (message: Message, serial: number) =>
    judgeAnswer(answerBytes({ question: soaQuery, ...message }), soaQuery, { serial }, 1e6);

  it.each<[string, number, number]>([
    ["the same", 2026112301, 2026112301],
    ["a later one", 2026112302, 2026112301],
    ["one that went on past the end", 5, 2 ** 32 - 5],
    ["one just less than half the circle ahead", 2 ** 31 - 1, 0],
    ["zero of zero", 0, 0],
  ])("passes with the serial expected: %s", (_name, serial, expected) => {
    expect(judgeSoa({ answers: [soa(serial)] }, expected)).toBeUndefined();
  });

  it.each<[string, number, number]>([
    ["an earlier one", 2026112200, 2026112301],
    ["one from before the end of the circle", 2 ** 32 - 5, 5],
    ["one exactly half the circle away, which RFC 1982 leaves open", 2 ** 31, 0],
  ])("fails with a stale serial: %s", (_name, serial, expected) => {
    expect(judgeSoa({ answers: [soa(serial)] }, expected)).toBe(
      `stale serial ${serial}, expected at least ${expected}`,
    );
  });

  it("fails without a SOA record where a serial is expected, however odd its names are", () => {
    expect(judgeSoa({}, 7)).toBe("no SOA record, expected one with serial 7 at least");
    expect(judgeSoa({ flags: 0x200 }, 7)).toBe("truncated answer");
    expect(judgeSoa({ answers: [soa(6, "a b.example.com")] }, 7)).toBe("stale serial 6, expected at least 7");
    expect(judgeSoa({ answers: [soa(7, "a b.example.com")] }, 7)).toBeUndefined();
  });

  it.each<[string, Message, Expectation]>([
    ["NOERROR, where nothing is said", {}, {}],
    ["the rcode expected", { rcode: 3 }, { rcode: "NXDOMAIN" }],
    ["an rcode in small letters", { rcode: 5 }, { rcode: "refused" }],
    ["an extended rcode", { opt: { extendedRcode: 1 } }, { rcode: "BADVERS" }],
    ["enough answers", { answers: [address("192.0.2.1")] }, { minAnswers: 1 }],
    [
      "the answers expected, in another order",
      { answers: [address("192.0.2.2"), address("192.0.2.1")] },
      { answers: ["192.0.2.1", "192.0.2.2"] },
    ],
    [
      "the answer expected behind a CNAME",
      { answers: [{ type: "CNAME", data: "www.example.com" }, address("192.0.2.1")] },
      { answers: ["192.0.2.1"], minAnswers: 1 },
    ],
    ["no answers where none are expected", {}, { answers: [] }],
    ["its flags, and more", { flags: 0x5a0 }, { flags: ["aa", "ra"] }],
    ["its NSID", { opt: nsid("e1") }, { nsid: "e1" }],
    ["a truncated one, by its rcode", { flags: 0x200 }, { flags: ["tc"] }],
  ])("passes with %s", (_name, message, expectation) => {
    expect(judge(message, expectation)).toBeUndefined();
  });

  it.each<[Message, Expectation, string]>([
    [{ rcode: 2 }, {}, "rcode SERVFAIL, expected NOERROR"],
    [{ opt: { extendedRcode: 1 } }, {}, "rcode BADVERS, expected NOERROR"],
    [{}, { minAnswers: 1 }, "0 answers, expected at least 1"],
    [{ answers: [{ type: "CNAME", data: "a.example" }] }, { minAnswers: 1 }, "0 answers, expected at least 1"],
    [{ answers: [address("192.0.2.1")] }, { answers: ["198.51.100.80"] }, "answers 192.0.2.1, expected 198.51.100.80"],
    [{}, { answers: ["198.51.100.80"] }, "answers none, expected 198.51.100.80"],
    [
      { answers: [address("192.0.2.1"), address("192.0.2.1")] },
      { answers: ["192.0.2.1"] },
      "answers 192.0.2.1 192.0.2.1, expected 192.0.2.1",
    ],
    [{ flags: 0x80 }, { flags: ["aa", "ra", "ad"] }, "flag aa ad not set"],
    [{ opt: nsid("e2") }, { nsid: "e1" }, "nsid e2, expected e1"],
    [{}, { nsid: "e1" }, "nsid none, expected e1"],
    [{ opt: nsid(long) }, { nsid: "e1" }, `nsid ${"x".repeat(117)}..., expected e1`],
    [{ flags: 0x200, answers: [address("192.0.2.1")] }, { answers: ["192.0.2.1"] }, "truncated answer"],
    [{ flags: 0x200 }, { minAnswers: 1 }, "truncated answer"],
    [{ flags: 0x200, rcode: 2 }, { minAnswers: 1 }, "rcode SERVFAIL, expected NOERROR"],
  ])("%j, expecting %j, fails: %s", (message, expectation, reason) => {
    expect(judge(message, expectation)).toBe(reason);
  });

  it("fails when it is malformed", () => {
    expect(judgeAnswer(new Uint8Array(2), query, {}, 1)).toBe("malformed answer: 2 octets, a header has 12");
  });

  it("fails when it comes too late, and passes at the last moment", () => {
    expect(judge({}, { maxRttMs: 500 }, 500e6)).toBeUndefined();
    expect(judge({}, { maxRttMs: 500 }, 812e6)).toBe("rtt 812ms, over 500ms");
    expect(judge({ rcode: 2 }, { maxRttMs: 500 }, 812e6)).toBe("rcode SERVFAIL, expected NOERROR");
  });

  it.each<[string, unknown, string]>([
    ["AAAA", "2001:db8::1", "2001:0DB8:0::1"],
    ["NS", "NS1.example.com", "ns1.Example.com."],
    ["MX", { preference: 10, exchange: "mx.example.com" }, "10  mx.example.com."],
    ["TXT", ["hello ", "W\u00f6rld"], "hello W\u00f6rld"],
    ["DS", { keyTag: 1, algorithm: 5, digestType: 1, digest: Buffer.from("2bb183", "hex") }, "1 5 1 2bb1 83"],
    ["DNSKEY", { flags: 257, algorithm: 13, key: Buffer.from("a key") }, "257 3 13 YSBr ZXk="],
    [
      "SOA",
      { mname: "a.b", rname: "c.d", serial: 9, refresh: 2, retry: 3, expire: 4, minimum: 5 },
      "a.b. c.d. 9 2 3 4 5",
    ],
    ["UNKNOWN_65", Buffer.of(0, 1, 0), "\\# 3 000100"],
  ])("of type %s may be expected in another spelling", (type, data, text) => {
    const word = type.replace("UNKNOWN_", "TYPE");
    const bytes = answerBytes({ question: { name: "a.example", type }, answers: [{ type, data }] });
    expect(judgeAnswer(bytes, { name: "a.example", type: word }, { answers: [text] }, 1)).toBeUndefined();
    expect(judgeAnswer(bytes, { name: "a.example", type: word }, { answers: [`${text}x`] }, 1)).toMatch(/^answers /);
  });

  it("has the TXT expected when one of its records is that text, its strings joined", () => {
    const question = { name: "id.server", type: "TXT" };
    const bytes = answerBytes({
      question,
      answers: [
        { type: "TXT", data: ["other"] },
        { type: "TXT", data: ["ns", "1"] },
      ],
    });
    const judged = (txt: string) => judgeAnswer(bytes, { ...question, class: "CH" }, { txt }, 1);
    expect(judged("ns1")).toBeUndefined();
    expect(judged("NS1")).toBe("txt other ns1, expected NS1");
  });
});

describe("a UDP reply", () => {
  const payload = Uint8Array.of(1);
  const reply = { bytes: Uint8Array.of(0x40, 0x41, 0x42), mask: Uint8Array.of(0xff, 0x00, 0x0f) };
  const judged = (...octets: number[]) => judgeAnswer(Uint8Array.from(octets), { payload }, { reply }, 1);

  it("passes whatever it is, where nothing is expected of it", () => {
    expect(judgeAnswer(new Uint8Array(0), { payload }, {}, 1)).toBeUndefined();
  });

  it("passes where it is as expected under the mask, and may be longer", () => {
    expect(judged(0x40, 0xff, 0xf2)).toBeUndefined();
    expect(judged(0x40, 0, 0x42, 1, 2, 3)).toBeUndefined();
  });

  it("fails where it differs under the mask, or is too short", () => {
    expect(judged(0x40, 0, 0x41)).toBe("reply differs at octet 2: got 41, expected 42");
    expect(judged(0x40, 0)).toBe("reply of 2 octets, expected 3");
  });

  it("fails when it comes too late", () => {
    expect(judgeAnswer(payload, { payload }, { maxRttMs: 1 }, 2e6)).toBe("rtt 2.00ms, over 1.00ms");
  });
});
