import { expect, test } from "vitest";
import { prefixOf } from "../../src/route/prefix.js";
import { PrefixCheck } from "../../src/run/prefix-check.js";
import { dnsCheck } from "../support/check.js";

const ms = 1e6;
const answered = { outcome: "answered", rcode: 0, errno: 0, rttNs: 1000, answer: undefined } as const;
const refused = { ...answered, outcome: "unreachable", errno: 111 } as const;
const make = () => new PrefixCheck("resolver", prefixOf("203.0.113.53"), dnsCheck);

test("counts verdicts, latencies, and what is left of a burst", () => {
  const check = make();
  check.confirming = 2;
  check.judge(answered, 10 * ms, 11 * ms);
  check.judge(refused, 20 * ms, 21 * ms);
  expect(check.verdicts).toEqual({ pass: 1, fail: 1, unknown: 0 });
  expect(check.latency.summary().count).toBe(1);
  expect(check).toMatchObject({ confirming: 0, passedNs: 10 * ms, judgedNs: 21 * ms });
  check.judge(answered, 30 * ms, 31 * ms);
  expect(check.confirming).toBe(0);
});

test("is asked fast while it is undecided", () => {
  const check = make();
  expect(check.intervalMs).toBe(1000);
  check.judge(answered, 1 * ms, 2 * ms);
  expect([check.check.state, check.intervalMs]).toEqual(["rising", 200]);
});

test("holds failures for unknown while its address has only just come back", () => {
  const check = make();
  check.bePatient(1000 * ms);
  for (const sentMs of [1001, 1500, 1999]) check.judge(refused, sentMs * ms, (sentMs + 1) * ms);
  expect(check.check.state).toBe("unknown");
  expect(check.last?.verdict).toEqual({
    kind: "unknown",
    reason: "port unreachable, but the address has only just come back",
  });
  check.judge(answered, 1999 * ms, 2000 * ms);
  expect(check.check.state).toBe("rising");
  for (const sentMs of [2000, 2001, 2002]) check.judge(refused, sentMs * ms, (sentMs + 1) * ms);
  expect(check.check.state).toBe("down");
});

test("starts over as if nothing had been decided", () => {
  const check = make();
  for (const sentMs of [1, 2, 3]) check.judge(refused, sentMs * ms, sentMs * ms);
  expect(check.check.settled).toBe("down");
  check.startOver();
  expect([check.check.state, check.check.settled, check.check.lost]).toEqual(["unknown", undefined, false]);
  expect(check.verdicts.fail).toBe(3);
});

test.each([
  ["203.0.113.53", 53, true],
  ["0.0.0.0", 53, true],
  ["::", 53, true],
  ["203.0.113.54", 53, false],
  ["203.0.113.53", 5353, false],
])("a socket at %s:%d may be the one that it asks: %s", (address, port, expected) => {
  expect(make().mayAsk({ address, port })).toBe(expected);
});

test("of a program may ask any socket at its address", () => {
  const command = { command: ["/bin/true"], warning: "pass" } as const;
  const check = new PrefixCheck("resolver", prefixOf("203.0.113.53"), { ...dnsCheck, port: undefined, query: command });
  const may = ["203.0.113.53", "0.0.0.0", "203.0.113.54"].map((address) => check.mayAsk({ address, port: 53 }));
  expect(may).toEqual([true, true, false]);
});

test("reads an answer anew as soon as one octet but the id differs", () => {
  const expected = { rcode: "NOERROR", answers: ["198.51.100.80"] };
  const check = new PrefixCheck("resolver", prefixOf("203.0.113.53"), { ...dnsCheck, expect: expected });
  const answer = (id: string, address: string) =>
    Buffer.from(
      `${id}81800001000100000000066865616c7468076578616d706c6503636f6d0000010001` +
        `c00c000100010000003c0004${address}`,
      "hex",
    );
  const kinds = [
    answer("1111", "c6336450"),
    answer("2222", "c6336450"),
    answer("3333", "c6336451"),
    answer("4444", "c6336450"),
    answer("5555", "c6336450").subarray(0, -1),
  ].map((octets, i) => check.judge({ ...answered, answer: octets }, i * ms, i * ms).verdict.kind);
  expect(kinds).toEqual(["pass", "pass", "fail", "pass", "fail"]);
});
