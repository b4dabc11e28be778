// What becomes of a packet in nftables, by rulesets as `nft -j` writes them. That they are written so is seen in host.test.ts.
import { describe, expect, it } from "vitest";
import { type Answer, holds, type Match, type Packet } from "../../src/doctor/nft-match.js";
import { dropperOf, type Ruleset } from "../../src/doctor/nft-walk.js";

const query: Packet = {
  family: 4,
  protocol: "udp",
  device: undefined,
  source: undefined,
  sourcePort: undefined,
  destination: "203.0.113.53",
  destinationPort: 53,
  state: "new",
};
const payload = (protocol: string, field: string) => ({ payload: { protocol, field } });
const meta = (key: string) => ({ meta: { key } });
const match = (left: unknown, right: unknown, op = "=="): Match => ({ op, left, right });

describe("a match", () => {
  it.each<[string, Match, Answer]>([
    ["of the port", match(payload("udp", "dport"), 53), true],
    ["of another port", match(payload("udp", "dport"), 54), false],
    ["of any port but this", match(payload("udp", "dport"), 53, "!="), false],
    ["of another protocol's port", match(payload("tcp", "dport"), 53), false],
    ["of any port but one of another protocol", match(payload("tcp", "dport"), 22, "!="), false],
    ["of either protocol's port", match(payload("th", "dport"), { set: [22, { range: [50, 60] }] }), true],
    ["of a source port that may be any", match(payload("udp", "sport"), 53), undefined],
    ["of a source that may be any", match(payload("ip", "saddr"), { prefix: { addr: "10.0.0.0", len: 8 } }), undefined],
    ["of the address", match(payload("ip", "daddr"), "203.0.113.53"), true],
    ["of the address's network", match(payload("ip", "daddr"), { prefix: { addr: "203.0.113.0", len: 24 } }), true],
    ["of a range beside it", match(payload("ip", "daddr"), { range: ["203.0.113.54", "203.0.113.60"] }), false],
    ["of the other family", match(payload("ip6", "daddr"), "2001:db8::53"), false],
    ["of the protocol", match(meta("l4proto"), { set: ["tcp", "udp"] }), true],
    ["of the family", match(meta("nfproto"), "ipv6"), false],
    ["of lo, which it does not come by", match(meta("iif"), "lo"), false],
    ["of any device but lo", match(meta("iifname"), "lo", "!="), true],
    ["of a device that it may come by", match(meta("iifname"), "eth*"), undefined],
    ["of a mark", match(meta("mark"), 5), undefined],
    ["of its state", match({ ct: { key: "state" } }, ["established", "related"], "in"), false],
    ["of a set by name", match(payload("udp", "dport"), "@dns"), true],
    ["of a set that is not known", match(payload("udp", "dport"), "@other"), undefined],
    ["by an order that is not understood", match(payload("udp", "dport"), 100, "<"), undefined],
  ])("%s", (_, one, answer) => {
    expect(holds(one, query, (name) => (name === "dns" ? [53, { range: [5300, 5400] }] : undefined))).toBe(answer);
  });
});

type Expr = readonly Readonly<Record<string, unknown>>[];

/** A table with chains; `input` is the base chain. */
function ruleset(policy: string, chains: Readonly<Record<string, readonly Expr[]>>): Ruleset {
  const at = { family: "inet", table: "filter" };
  return {
    nftables: Object.entries(chains).flatMap(([name, rules]) => [
      { chain: { ...at, name, ...(name === "input" && { hook: "input", policy }) } },
      ...rules.map((expr, i) => ({ rule: { ...at, chain: name, handle: i + 1, expr } })),
    ]),
  };
}

const port = { match: match(payload("udp", "dport"), 53) };
const perhaps = { match: match(payload("ip", "saddr"), "198.18.0.1") };
const accept = { accept: null };
const drop = { drop: null };

describe("a packet", () => {
  const policy = "the policy of inet filter input";
  it.each<[string, Ruleset, string | undefined]>([
    ["is dropped by a rule", ruleset("accept", { input: [[port, drop]] }), "rule 1 of inet filter input"],
    ["is dropped by a policy", ruleset("drop", { input: [] }), policy],
    ["is let in before it is dropped", ruleset("drop", { input: [[port, accept], [drop]] }), undefined],
    ["may be let in", ruleset("drop", { input: [[perhaps, accept]] }), undefined],
    ["may be dropped", ruleset("accept", { input: [[perhaps, drop]] }), undefined],
    ["is dropped either way", ruleset("drop", { input: [[perhaps, drop]] }), policy],
    ["may be over a limit", ruleset("accept", { input: [[port, { limit: { rate: 1 } }, drop]] }), undefined],
    ["may be let in by what is not understood", ruleset("drop", { input: [[{ xt: null }, accept]] }), undefined],
    [
      "is let in by a chain",
      ruleset("drop", { dns: [[port, accept]], input: [[{ jump: { target: "dns" } }]] }),
      undefined,
    ],
    [
      "comes back from a chain",
      ruleset("drop", { dns: [[port, { return: null }], [accept]], input: [[{ jump: { target: "dns" } }]] }),
      policy,
    ],
    [
      "does not come back from goto",
      ruleset("drop", { other: [], input: [[{ goto: { target: "other" } }], [accept]] }),
      policy,
    ],
    [
      "is judged by a map",
      ruleset("accept", { input: [[{ vmap: { key: payload("udp", "dport"), data: { set: [[53, drop]] } } }]] }),
      "rule 1 of inet filter input",
    ],
    [
      "may be judged by a map that is not known",
      ruleset("drop", { input: [[{ vmap: { key: payload("udp", "dport"), data: "@ports" } }]] }),
      undefined,
    ],
    ["is not followed round in circles", ruleset("drop", { input: [[{ jump: { target: "input" } }]] }), undefined],
  ])("%s", (_, rules, by) => {
    expect(dropperOf(rules, query)).toBe(by);
  });
});
