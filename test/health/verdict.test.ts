import { constants } from "node:os";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { errnoName, type Finding, judge, type Verdict } from "../../src/health/verdict.js";
import type { Expectation } from "../../src/probe/expectation.js";
import { outcomes } from "../../src/probe/outcome.js";
import type { Query } from "../../src/probe/query.js";

const query: Query = { name: "health.example.com", type: "A" };
const finding: Finding = { outcome: "answered", rcode: 0, errno: 0, rttNs: 1e6, answer: undefined };

describe("the verdict on a probe", () => {
  it.each<[string, Partial<Finding>, Verdict]>([
    ["no answer", { outcome: "timeout" }, { kind: "fail", reason: "timeout" }],
    ["a closed port", { outcome: "unreachable", errno: 111 }, { kind: "fail", reason: "port unreachable" }],
    [
      "a closed port, by name",
      { outcome: "unreachable", errno: "ECONNREFUSED" },
      { kind: "fail", reason: "port unreachable" },
    ],
    ["no host", { outcome: "unreachable", errno: 113 }, { kind: "fail", reason: "host unreachable" }],
    ["no net", { outcome: "unreachable", errno: 101 }, { kind: "fail", reason: "net unreachable" }],
    ["a firewall", { outcome: "unreachable", errno: 13 }, { kind: "fail", reason: "administratively prohibited" }],
    ["too big a packet", { outcome: "unreachable", errno: 90 }, { kind: "unknown", reason: "EMSGSIZE" }],
    ["a target that is not here", { outcome: "not-local" }, { kind: "unknown", reason: "not local" }],
    ["no permission", { outcome: "send-failed", errno: 1 }, { kind: "unknown", reason: "EPERM" }],
    ["an errno without a name", { outcome: "send-failed", errno: 999 }, { kind: "unknown", reason: "errno 999" }],
    ["a stall of the prober", { outcome: "voided" }, { kind: "unknown", reason: "prober stalled" }],
    ["a cancelled run", { outcome: "cancelled" }, { kind: "unknown", reason: "cancelled" }],
    ["a refused connection", { outcome: "refused" }, { kind: "fail", reason: "connection refused" }],
    [
      "a connection that ended early",
      { outcome: "closed" },
      { kind: "fail", reason: "connection closed before the answer" },
    ],
    ["another's answer", { outcome: "foreign" }, { kind: "fail", reason: "answer to another question" }],
    [
      "a program that is not there",
      { outcome: "not-started", errno: "ENOENT" },
      { kind: "unknown", reason: "the program could not be started: ENOENT" },
    ],
  ])("on %s", (_name, changes, verdict) => {
    expect(judge({ ...finding, ...changes }, query, {})).toEqual(verdict);
  });

  it("on an answer whose octets were not kept is by rcode and time, or unknown where its content matters", () => {
    expect(judge(finding, query, {})).toEqual({ kind: "pass" });
    expect(judge({ ...finding, rcode: 2 }, query, {})).toEqual({
      kind: "fail",
      reason: "rcode SERVFAIL, expected NOERROR",
    });
    expect(judge({ ...finding, rttNs: 812e6 }, query, { maxRttMs: 500 })).toEqual({
      kind: "fail",
      reason: "rtt 812ms, over 500ms",
    });
    expect(judge(finding, query, { nsid: "e1" })).toEqual({ kind: "unknown", reason: "answer not kept" });
    expect(judge({ ...finding, rcode: 99 }, { payload: new Uint8Array(1) }, {})).toEqual({ kind: "pass" });
  });

  it("on octets that are no DNS answer is a failure", () => {
    expect(judge({ ...finding, answer: new Uint8Array(3) }, query, {})).toEqual({
      kind: "fail",
      reason: "malformed answer: 3 octets, a header has 12",
    });
  });

  it("is unknown where the query itself makes no sense", () => {
    const answer = Uint8Array.of(0, 0, 0x81, 0x80, 0, 0, 0, 0, 0, 0, 0, 0);
    expect(judge({ ...finding, answer }, { name: ".", type: "NONSENSE" }, { minAnswers: 1 })).toMatchObject({
      kind: "unknown",
    });
  });

  it("is given for any finding, and never an exception", () => {
    const anyFinding: fc.Arbitrary<Finding> = fc.record({
      outcome: fc.constantFrom(...outcomes),
      rcode: fc.integer({ min: 0, max: 255 }),
      errno: fc.integer({ min: 0, max: 255 }),
      rttNs: fc.double(),
      answer: fc.option(fc.uint8Array({ maxLength: 80 }), { nil: undefined }),
    });
    const expectations: Expectation[] = [{}, { answers: ["192.0.2.1"] }, { nsid: "e1", flags: ["aa"], maxRttMs: 1 }];
    fc.assert(
      fc.property(anyFinding, fc.constantFrom(...expectations), (any, expectation) => {
        const verdict = judge(any, query, expectation);
        expect(["pass", "fail", "unknown"]).toContain(verdict.kind);
        if (verdict.kind === "pass") expect(any.outcome).toBe("answered");
        if (verdict.kind === "fail") expect(["answered", "timeout", "unreachable"]).toContain(any.outcome);
      }),
    );
  });
});

describe("the name of an errno", () => {
  it("is the one that the system has for it", () => {
    for (const name of ["EPERM", "EACCES", "ENOBUFS", "EADDRNOTAVAIL", "EINVAL", "EAGAIN"] as const)
      expect(errnoName(constants.errno[name])).toBe(name);
    expect([errnoName(64), errnoName(112), errnoName(0)]).toEqual(["ENONET", "EHOSTDOWN", "errno 0"]);
  });
});
