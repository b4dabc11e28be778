import { describe, expect, it } from "vitest";
import type { Finding } from "../../src/health/verdict.js";
import { prefixOf } from "../../src/route/prefix.js";
import type { RouteEvent } from "../../src/route/reconcile.js";
import {
  narrateDecision,
  narrateGuard,
  narrateObjective,
  narrateOrder,
  narrateRoute,
  narrateTransition,
  type OrderStory,
} from "../../src/run/narrate.js";
import { PrefixCheck } from "../../src/run/prefix-check.js";
import { dnsCheck } from "../support/check.js";
import { openJournal } from "../support/journal.js";

const prefix = prefixOf("203.0.113.53");
const second = prefixOf("203.0.113.54");
const ms = 1e6;
const config = { ...dnsCheck, rise: 1 };
const answered: Finding = { outcome: "answered", rcode: 0, errno: 0, rttNs: 140_000, answer: undefined };
const refused: Finding = { ...answered, outcome: "unreachable", errno: 111, rttNs: 50_000 };
const servfail: Finding = { ...answered, rcode: 2 };

/** Judges findings sent 1 s apart and told of 1 ms later, and tells of what each leads to. */
function live(findings: readonly Finding[], check = new PrefixCheck("resolver", prefix, config)) {
  const { journal, lines } = openJournal();
  for (const [i, finding] of findings.entries()) {
    const { transition } = check.judge(finding, i * 1000 * ms, (i * 1000 + 1) * ms);
    if (transition) narrateTransition(journal, check, transition);
  }
  return { journal, lines, last: journal.events(1)[0]! };
}

describe("narrateTransition", () => {
  it("logs the transition with its probes in words", () => {
    const { lines } = live([answered, refused, refused, refused]);
    expect(lines.at(-1)).toEqual({
      level: "warn",
      event: "check",
      service: "resolver",
      prefix,
      check: "dns health.example.com/A",
      from: "falling",
      to: "down",
      reason: "3 failures in 2.00s: port unreachable",
      causes: { pass: 1, "port unreachable": 3 },
      probes: [
        { sentAgo: "3.00s", rtt: "140us", verdict: "pass" },
        { sentAgo: "2.00s", rtt: "50.0us", verdict: "fail: port unreachable" },
        { sentAgo: "1.00s", rtt: "50.0us", verdict: "fail: port unreachable" },
        { sentAgo: "1.00ms", rtt: "50.0us", verdict: "fail: port unreachable" },
      ],
      latency: { p50: "140us", p99: "140us", count: 1 },
      msg: "resolver at 203.0.113.53/32: dns health.example.com/A is down (3 failures in 2.00s: port unreachable)",
    });
    expect(lines.map(({ level, to }) => [level, to])).toEqual([
      ["info", "up"],
      ["info", "falling"],
      ["warn", "down"],
    ]);
  });

  it("keeps its evidence as numbers", () => {
    const { last } = live([answered, refused, refused, refused]);
    expect(last).toMatchObject({ kind: "check", level: "warn", service: "resolver", prefix });
    expect(last.evidence).toEqual({
      check: "dns health.example.com/A",
      role: "gate",
      from: "falling",
      to: "down",
      reason: "3 failures in 2.00s: port unreachable",
      probes: [
        { agoNs: 3001 * ms, rttNs: 140_000, verdict: "pass" },
        { agoNs: 2001 * ms, rttNs: 50_000, verdict: "fail: port unreachable" },
        { agoNs: 1001 * ms, rttNs: 50_000, verdict: "fail: port unreachable" },
        { agoNs: 1 * ms, rttNs: 50_000, verdict: "fail: port unreachable" },
      ],
      causes: [
        { cause: "pass", count: 1 },
        { cause: "port unreachable", count: 3 },
      ],
      latency: { p50Ns: expect.any(Number), p99Ns: expect.any(Number), count: 1 },
    });
  });

  it("keeps no more than sixteen probes, and no cause as a key", () => {
    const { last } = live([...Array<Finding>(20).fill(answered), servfail, servfail, servfail]);
    const { probes, causes } = last.evidence as { probes: unknown[]; causes: unknown[] };
    expect(probes).toHaveLength(16);
    expect(causes).toEqual([
      { cause: "pass", count: 13 },
      { cause: "rcode SERVFAIL, expected NOERROR", count: 3 },
    ]);
  });

  it("says who answered where an NSID is expected and came", () => {
    const nsid = { ...config, expect: { nsid: "e1" } };
    const octets = (text: string) =>
      Buffer.from(
        `111181800001000000000001066865616c7468076578616d706c6503636f6d0000010001` +
          `000029100000000000000${(4 + text.length).toString(16)}0003000${text.length}${Buffer.from(text).toString("hex")}`,
        "hex",
      );
    const site = (...texts: string[]) => {
      const findings = texts.map((text) => ({ ...answered, answer: octets(text) }));
      return live(findings, new PrefixCheck("resolver", prefix, nsid)).last.evidence?.["site"];
    };
    expect(site("e1")).toBe("e1");
    expect(site("e2")).toBe(undefined);
  });

  it("has the announcement that was verified last", () => {
    const { journal } = openJournal();
    const check = new PrefixCheck("resolver", prefix, config);
    const tell = (finding: Finding, atMs: number) => {
      const { transition } = check.judge(finding, atMs * ms, atMs * ms);
      narrateTransition(journal, check, transition!);
      return journal.events(1)[0]!.evidence?.["announcement"];
    };
    expect(tell(answered, 1)).toBe(undefined);
    narrateRoute(journal, { kind: "settled", prefix, announcement: "announced", tookNs: 5 * ms });
    expect(tell(refused, 2)).toBe("announced");
  });
});

describe("narrateRoute", () => {
  const acted = { kind: "acted", driver: "frr", prefixes: [prefix], tookNs: 1.2 * ms } as const;
  const settled = { kind: "settled", prefix, tookNs: 12 * ms } as const;

  it.each<[RouteEvent, Record<string, unknown>]>([
    [
      { ...acted, action: "withdraw", prefixes: [prefix, second] },
      {
        level: "info",
        event: "action",
        driver: "frr",
        action: "withdraw",
        prefixes: [prefix, second],
        took: "1.20ms",
        msg: "frr: withdraw 203.0.113.53/32, 203.0.113.54/32",
      },
    ],
    [
      { ...acted, action: "deprefer", rung: "drained" },
      {
        level: "info",
        event: "action",
        driver: "frr",
        action: "deprefer",
        rung: "drained",
        prefixes: [prefix],
        took: "1.20ms",
        msg: "frr: deprefer 203.0.113.53/32 to drained",
      },
    ],
    [
      { ...acted, action: "deprefer", rung: "dead", error: new Error("no such statement") },
      {
        level: "error",
        event: "action",
        driver: "frr",
        action: "deprefer",
        rung: "dead",
        prefixes: [prefix],
        took: "1.20ms",
        error: "no such statement",
        msg: "frr could not deprefer 203.0.113.53/32 to dead: no such statement",
      },
    ],
    [
      { ...acted, driver: "none", action: "announce" },
      {
        level: "info",
        event: "action",
        driver: "none",
        action: "announce",
        prefixes: [prefix],
        took: "1.20ms",
        msg: "dry run: would announce 203.0.113.53/32",
      },
    ],
    [
      { ...settled, announcement: "withdrawn" },
      {
        level: "info",
        event: "route",
        prefix,
        announcement: "withdrawn",
        took: "12.0ms",
        msg: "203.0.113.53/32 is withdrawn (verified)",
      },
    ],
    [
      { kind: "manual", prefix, by: "pid 42" },
      {
        level: "warn",
        event: "manual",
        prefix,
        by: "pid 42",
        msg: "203.0.113.53/32 was taken away by pid 42: left alone until it is put back",
      },
    ],
    [
      { kind: "manual-ended", prefix, by: "pid 42" },
      {
        level: "info",
        event: "manual-ended",
        prefix,
        by: "pid 42",
        msg: "203.0.113.53/32 was put back by pid 42: managed again",
      },
    ],
    [
      { kind: "appeared", prefix, by: "pid 42" },
      {
        level: "warn",
        event: "appeared",
        prefix,
        by: "pid 42",
        msg: "203.0.113.53/32 was put back by pid 42 while it is to be withdrawn",
      },
    ],
    [
      { kind: "noticed", driver: "address", event: { kind: "expired", prefix } },
      {
        level: "error",
        event: "expired",
        prefix,
        msg: "the lease of 203.0.113.53/32 ran out: it was not refreshed in time",
      },
    ],
    [
      { kind: "noticed", driver: "frr", event: { kind: "lost", reason: "ospfd closed the connection" } },
      {
        level: "warn",
        event: "router",
        driver: "frr",
        kind: "lost",
        reason: "ospfd closed the connection",
        msg: "frr: router lost: ospfd closed the connection",
      },
    ],
  ])("logs %j", (event, line) => {
    const { journal, lines } = openJournal();
    narrateRoute(journal, event);
    expect(lines).toEqual([line]);
    const [kept] = journal.events();
    expect(kept).toMatchObject({ kind: line["event"], level: line["level"], message: line["msg"] });
    expect(journal.events(undefined, prefix)).toEqual([kept]);
  });

  it("keeps what was announced before and after", () => {
    const { journal } = openJournal();
    for (const announcement of ["announced", "dead", "withdrawn"] as const)
      narrateRoute(journal, { ...settled, announcement });
    narrateRoute(journal, { ...settled, prefix: second, announcement: "announced", reason: "dry run" });
    expect(journal.events().map(({ evidence }) => evidence)).toEqual([
      { to: "announced", tookNs: 12 * ms },
      { from: "announced", to: "dead", tookNs: 12 * ms },
      { from: "dead", to: "withdrawn", tookNs: 12 * ms },
      { to: "announced", tookNs: 12 * ms, reason: "dry run" },
    ]);
  });
});

describe("narrateDecision", () => {
  const reason = "dns health.example.com/A is down (3 failures in 2.10ms: port unreachable)";

  it("says what is wanted and why", () => {
    const { journal, lines } = openJournal();
    const guard = { others: 2, needed: 1, held: false, reason: null };
    narrateDecision(journal, { prefix, from: "announced", to: "withdrawn", reason, guard, holdDownMs: 0 });
    const msg = `203.0.113.53/32: withdrawn wanted: ${reason}`;
    const states = { from: "announced", to: "withdrawn", reason, guard };
    expect(lines).toEqual([{ level: "warn", event: "decision", prefix, ...states, msg }]);
    expect(journal.events()).toMatchObject([{ kind: "decision", prefix, message: msg, evidence: states }]);
  });

  it.each([
    ["announced", 0, "info", "203.0.113.53/32: announced wanted: all is well"],
    ["withdrawn", 8000, "warn", "203.0.113.53/32: withdrawn wanted: all is well (for another 8.00s)"],
    ["hold", 0, "info", "203.0.113.53/32: nothing wanted: all is well"],
  ] as const)("of %s for another %d ms at the level that it deserves", (to, holdDownMs, level, msg) => {
    const { journal, lines } = openJournal();
    narrateDecision(journal, { prefix, from: "withdrawn", to, reason: "all is well", guard: null, holdDownMs });
    expect(lines).toMatchObject([{ level, msg }]);
    expect(lines[0]!["holdDownMs"]).toBe(holdDownMs || undefined);
  });
});

describe("narrateOrder", () => {
  const by = "root (pid 4711)";
  const drain: OrderStory = { kind: "drain", prefixes: [prefix], by, reason: null, forMs: null, action: "given" };

  it.each<[Partial<OrderStory>, string, string]>([
    [{}, "warn", "root (pid 4711) orders: drain 203.0.113.53/32"],
    [
      { prefixes: [prefix, second], forMs: 3600e3, reason: "new kernel" },
      "warn",
      "root (pid 4711) orders: drain 203.0.113.53/32, 203.0.113.54/32 for 1h0m: new kernel",
    ],
    [{ kind: "announce", forMs: 90e3 }, "warn", "root (pid 4711) orders: announce 203.0.113.53/32 for 1m30s"],
    [{ action: "ended" }, "info", "root (pid 4711) ended the drain of 203.0.113.53/32"],
    [
      { action: "ended", reason: "new kernel" },
      "info",
      "root (pid 4711) ended the drain of 203.0.113.53/32 (given for: new kernel)",
    ],
    [{ kind: "withdraw", action: "expired" }, "info", "the withdrawal of 203.0.113.53/32 is over: its time is up"],
  ])("of %j is told at %s", (changes, level, msg) => {
    const { journal, lines } = openJournal();
    narrateOrder(journal, { ...drain, ...changes });
    expect(lines).toMatchObject([{ level, event: "order", by, msg }]);
    const { kind: order, action, prefixes, reason, forMs } = { ...drain, ...changes };
    expect(journal.events(undefined, prefix)).toMatchObject([
      { kind: "order", evidence: { order, action, prefixes, by, reason, forMs } },
    ]);
  });
});

describe("narrateGuard", () => {
  it.each([
    [
      { held: true, others: 0, needed: 1, reason: null },
      "error",
      "203.0.113.53/32 is held by the last-endpoint guard: no other endpoint would take the traffic, 1 must",
    ],
    [
      { held: true, others: null, needed: 1, reason: "ospfd does not answer" },
      "error",
      "203.0.113.53/32 is held by the last-endpoint guard: ospfd does not answer",
    ],
    [
      { held: false, others: 2, needed: 1, reason: null },
      "info",
      "203.0.113.53/32 is no longer held by the last-endpoint guard: 2 other endpoints would take the traffic, 1 must",
    ],
  ])("tells %j at the level %s", (answer, level, msg) => {
    const { journal, lines } = openJournal();
    narrateGuard(journal, { prefix, ...answer });
    expect(lines).toEqual([{ level, event: "guard", prefix, ...answer, msg }]);
    expect(journal.events()).toMatchObject([{ level, kind: "guard", prefix, evidence: answer }]);
  });
});

describe("narrateObjective", () => {
  const reasons = ["p99 41.2ms above 20ms over 30s (300 probes)", "loss 3.1% above 0.5% over 30s"];
  it.each([
    [true, reasons, "warn", `its objective is breached: ${reasons.join("; ")}`],
    [false, [], "info", "its objective is met again"],
    [false, ["too few probes"], "info", "its objective is not breached any more: too few probes"],
  ])("tells breached %s because of %j", (breached, why, level, msg) => {
    const { journal, lines } = openJournal();
    narrateObjective(journal, "resolver", prefix, { breached, reasons: why, samples: 300, figures: [] });
    const facts = { service: "resolver", prefix, breached, reasons: why, samples: 300 };
    expect(lines).toEqual([{ level, event: "objective", ...facts, msg: `resolver at 203.0.113.53/32: ${msg}` }]);
  });
});
