// `anyprobe why` as text: the journal is told by what tells it in life, and read as it comes through the control socket.
import { readFileSync } from "node:fs";
import { stripVTControlCharacters } from "node:util";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ServiceReport } from "../../src/cli/why-check.js";
import { renderWhy, type WhyAnswer } from "../../src/cli/why-text.js";
import type { Finding } from "../../src/health/verdict.js";
import { prefixOf } from "../../src/route/prefix.js";
import type { Journal } from "../../src/run/journal.js";
import { narrateDecision, narrateOrder, narrateRoute, narrateTransition } from "../../src/run/narrate.js";
import { PrefixCheck } from "../../src/run/prefix-check.js";
import { type CheckReport, reportCheck } from "../../src/run/status.js";
import { dnsCheck } from "../support/check.js";
import { openJournal } from "../support/journal.js";

const prefix = prefixOf("203.0.113.53");
const ms = 1e6;
const killedMs = Date.UTC(2026, 10, 23, 1, 2, 3, 454);
const nowNs = 300e9;
/** CLOCK_MONOTONIC at the kill. */
const killedNs = 100e9;

const answered: Finding = { outcome: "answered", rcode: 0, errno: 0, rttNs: 140_000, answer: undefined };
const refused: Finding = { ...answered, outcome: "unreachable", errno: 111, rttNs: 50_000 };

/** Judges a probe that was sent `sentMs` after the kill and ended 0.1 ms later. */
function probe(journal: Journal, check: PrefixCheck, finding: Finding, sentMs: number): void {
  vi.setSystemTime(killedMs + sentMs);
  const sentNs = killedNs + sentMs * ms;
  const { transition } = check.judge(finding, sentNs, sentNs + 0.1 * ms);
  if (!transition) return;
  check.sinceNs = transition.atNs;
  narrateTransition(journal, check, transition);
}

/** A server that answered for a minute and was killed: told as the daemon tells it. */
function kill(journal: Journal, check = new PrefixCheck("resolver", prefix, dnsCheck)): PrefixCheck {
  for (let i = 60; i > 0; i--) probe(journal, check, answered, -1000 * i);
  narrateRoute(journal, { kind: "settled", prefix, announcement: "announced", tookNs: 3 * ms });
  for (const sentMs of [0.4, 1.4, 2.4]) probe(journal, check, refused, sentMs);
  return check;
}

function withdraw(journal: Journal): void {
  const reason = "dns health.example.com/A is down (3 failures in 2.00ms: port unreachable)";
  vi.setSystemTime(killedMs + 3);
  narrateDecision(journal, { prefix, from: "announced", to: "withdrawn", reason });
  const acted = { kind: "acted", driver: "frr", action: "withdraw", prefixes: [prefix], tookNs: 1.2 * ms } as const;
  narrateRoute(journal, acted);
  vi.setSystemTime(killedMs + 14);
  narrateRoute(journal, { kind: "settled", prefix, announcement: "withdrawn", tookNs: 12 * ms });
}

const withdrawn: Omit<ServiceReport, "checks"> = {
  service: "resolver",
  prefix,
  wanted: "withdrawn",
  observed: "withdrawn",
  verified: true,
  want: "withdrawn",
  drivers: [{ driver: "frr", observed: "withdrawn", verified: true }],
  order: null,
  guard: null,
  holdDownMs: 0,
  objective: null,
};
const upCheck: CheckReport = {
  ...reportCheck(new PrefixCheck("resolver", prefix, dnsCheck)),
  state: "up",
  sinceNs: 200e9,
  last: "pass",
};

function linesOf(journal: Journal, status: readonly ServiceReport[], changes: Partial<WhyAnswer> = {}): string[] {
  const answer = { prefix, status, events: journal.events(undefined, prefix), frozen: null, ...changes };
  const received = JSON.parse(JSON.stringify(answer)) as WhyAnswer;
  const text = renderWhy(received, false, nowNs, killedMs + 200_000);
  expect(stripVTControlCharacters(renderWhy(received, true, nowNs, killedMs + 200_000))).toBe(text);
  const lines = text.split("\n");
  expect(lines.pop()).toBe("");
  expect(lines.length).toBeLessThanOrEqual(25);
  return lines;
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe("renderWhy", () => {
  it("tells a withdrawal from the routers back to the probes", () => {
    const { journal } = openJournal();
    const check = kill(journal);
    withdraw(journal);
    const guard = { others: 2, needed: 1, held: false, reason: null };
    const lines = linesOf(journal, [{ ...withdrawn, guard, holdDownMs: 8000, checks: [reportCheck(check)] }]);
    expect(lines).toEqual([
      "203.0.113.53/32 is withdrawn; verified since 2026-11-23 01:02:03.468Z (3m19s ago).",
      "frr shows it as withdrawn, verified. It was told to withdraw it at 2026-11-23 01:02:03.457Z, which took 1.20ms.",
      "It is to be withdrawn, decided at 2026-11-23 01:02:03.457Z: dns health.example.com/A is down (3 failures in 2.00ms: port unreachable).",
      "The last-endpoint guard lets it be withdrawn: 2 other endpoints would take the traffic, 1 must.",
      "Hold-down: it is not announced for another 8.00s, however well it is.",
      "resolver wants it withdrawn.",
      "  dns health.example.com/A is down.",
      "    At 2026-11-23 01:02:03.456Z, with the prefix announced, it went from falling to down: 3 failures in 2.00ms: port unreachable.",
      "    The probes that this rests on, oldest first: 13 × pass, sent 13.0s to 1.00s before; 3 × port unreachable, sent 2.10ms to 100us before.",
      "    Answers until then: p50 140us, p99 140us (60).",
    ]);
  });

  it("is as docs/operations.md shows it", () => {
    const { journal } = openJournal();
    const check = kill(journal);
    withdraw(journal);
    const guard = { others: 2, needed: 1, held: false, reason: null };
    const lines = linesOf(journal, [{ ...withdrawn, guard, checks: [reportCheck(check)] }]);
    const page = readFileSync(new URL("../../docs/operations.md", import.meta.url), "utf8");
    expect(page).toContain(`\`\`\`\n${lines.join("\n")}\n\`\`\``);
  });

  it("goes on telling so when thousands of other things have happened", () => {
    const { journal } = openJournal();
    const check = kill(journal);
    withdraw(journal);
    const status = [{ ...withdrawn, checks: [reportCheck(check)] }];
    const before = linesOf(journal, status);
    for (let i = 0; i < 3000; i++) journal.tell("info", { kind: "route", prefix: "203.0.113.99/32", message: "flaps" });
    expect(linesOf(journal, status)).toEqual(before);
  });

  it("names the transition that led to the state, not a doubt that came to nothing", () => {
    const { journal } = openJournal();
    const check = kill(journal);
    withdraw(journal);
    probe(journal, check, answered, 5000);
    probe(journal, check, refused, 6000);
    const lines = linesOf(journal, [{ ...withdrawn, checks: [reportCheck(check)] }]);
    expect(lines).toContain("  dns health.example.com/A is down.");
    expect(lines.filter((line) => line.includes("it went from"))).toEqual([
      "    At 2026-11-23 01:02:03.456Z, with the prefix announced, it went from falling to down: 3 failures in 2.00ms: port unreachable.",
    ]);
  });

  it("says of a check in doubt what its last probe came to", () => {
    const { journal } = openJournal();
    const check = kill(journal);
    probe(journal, check, answered, 5000);
    const lines = linesOf(journal, [{ ...withdrawn, checks: [reportCheck(check)] }]);
    expect(lines).toContain("  dns health.example.com/A is rising for 3m14s; its last probe: pass.");
  });

  it("says that an earlier run of the daemon decided, where this one has not yet", () => {
    const earlier = openJournal();
    kill(earlier.journal);
    withdraw(earlier.journal);
    const { journal } = openJournal();
    journal.restore(JSON.parse(JSON.stringify(earlier.journal.history())));
    const fresh = reportCheck(new PrefixCheck("resolver", prefix, dnsCheck));
    const lines = linesOf(journal, [{ ...withdrawn, wanted: "hold", want: "hold", checks: [fresh] }]);
    expect(lines).toEqual([
      "203.0.113.53/32 is withdrawn; verified.",
      "frr shows it as withdrawn, verified. It was told to withdraw it at 2026-11-23 01:02:03.457Z, which took 1.20ms.",
      "Nothing is wanted of it yet: it stays as it is until its checks have decided. Before, it was to be withdrawn: dns health.example.com/A is down (3 failures in 2.00ms: port unreachable).",
      "resolver has not decided, and wants it as it is.",
      "  dns health.example.com/A is unknown.",
    ]);
  });

  it("tells what a router refused", () => {
    const { journal } = openJournal();
    const check = kill(journal);
    vi.setSystemTime(killedMs + 5);
    const error = new Error("ospfd refused `no network 203.0.113.53/32 area 0`");
    const acted = { kind: "acted", driver: "frr", action: "deprefer", rung: "dead", prefixes: [prefix] } as const;
    narrateRoute(journal, { ...acted, tookNs: 1 * ms, error });
    const drivers = [{ driver: "frr", observed: "announced", verified: false, reason: "no adjacency" }] as const;
    const stuck = { ...withdrawn, wanted: "dead", observed: "announced", drivers } as const;
    const report = { ...stuck, verified: false, reason: "no adjacency", checks: [reportCheck(check)] };
    expect(linesOf(journal, [report]).slice(0, 3)).toEqual([
      "203.0.113.53/32 is announced; not verified: no adjacency.",
      "frr shows it as announced, not verified: no adjacency. It could not deprefer it to dead at 2026-11-23 01:02:03.459Z: ospfd refused `no network 203.0.113.53/32 area 0`.",
      "It is to be dead. It is not so yet.",
    ]);
    expect(linesOf(journal, [{ ...stuck, reason: "frr cannot deprefer", checks: [] }])[2]).toBe(
      "It is to be dead. It is not so yet: frr cannot deprefer.",
    );
  });

  it.each<[string, Partial<ServiceReport>, string]>([
    [
      "unknown",
      { observed: "unknown", reason: "not read yet" },
      "203.0.113.53/32: how it stands cannot be read: not read yet.",
    ],
    ["drained", { observed: "drained" }, "203.0.113.53/32 is drained (announced at a cost of 40000 and up); verified."],
    ["not verified", { verified: false }, "203.0.113.53/32 is withdrawn; not verified yet."],
    [
      "a dry run",
      { drivers: [{ driver: "none", observed: "withdrawn", verified: true }], reason: "dry run: nothing was changed" },
      "203.0.113.53/32 would be withdrawn: dry run: nothing was changed.",
    ],
  ])("begins with how it stands: %s", (_, changes, line) => {
    expect(linesOf(openJournal().journal, [{ ...withdrawn, checks: [], ...changes }])[0]).toBe(line);
  });

  const by = "root (pid 4711)";
  it.each<[ServiceReport["order"], string]>([
    [
      { kind: "drain", by, reason: "new kernel", leftMs: 3_500_000, phase: "12 packets/s, 500/s before" },
      "root (pid 4711) ordered it drained at 2026-11-23 01:02:03.454Z for another 58m20s (12 packets/s, 500/s before): new kernel.",
    ],
    [
      { kind: "announce", by, reason: null, leftMs: null },
      "root (pid 4711) ordered it announced, whatever its checks say, until it is ended.",
    ],
    [
      { kind: "manual", by: "pid 42", reason: null, leftMs: null },
      "pid 42 took it away by hand: it is left alone until it is put back.",
    ],
  ])("names who ordered %j", (order, line) => {
    const { journal } = openJournal();
    vi.setSystemTime(killedMs);
    narrateOrder(journal, { kind: "drain", prefixes: [prefix], by, reason: null, forMs: 3600e3, action: "given" });
    expect(linesOf(journal, [{ ...withdrawn, order, checks: [] }])).toContain(line);
  });

  it.each([
    [
      { held: true, others: 0, needed: 1, reason: "no other endpoint would take the traffic, 1 must" },
      "The last-endpoint guard keeps it from being withdrawn: no other endpoint would take the traffic, 1 must.",
    ],
    [
      { held: false, others: 1, needed: 1, reason: "looking again before it goes (1 other endpoint seen)" },
      "The last-endpoint guard is not done: looking again before it goes (1 other endpoint seen).",
    ],
    [
      { held: false, others: null, needed: 1, reason: "ospfd does not answer" },
      "The last-endpoint guard cannot see who else announces it: ospfd does not answer.",
    ],
  ])("tells the guard's answer %j", (guard, line) => {
    expect(linesOf(openJournal().journal, [{ ...withdrawn, guard, checks: [] }])).toContain(line);
  });

  it.each([
    ["announced", 2, "would let it be withdrawn: 2 other endpoints would take the traffic, 1 must."],
    ["announced", 0, "would not let it be withdrawn: no other endpoint would take the traffic, 1 must."],
    ["withdrawn", 2, "lets it be withdrawn: 2 other endpoints would take the traffic, 1 must."],
    ["withdrawn", 0, "has nothing to hold any more: no other endpoint would take the traffic, 1 must."],
  ] as const)("tells what the guard thinks of one that is to be %s beside %d others", (wanted, others, answer) => {
    const guard = { others, needed: 1, held: false, reason: null };
    const lines = linesOf(openJournal().journal, [{ ...withdrawn, wanted, observed: wanted, guard, checks: [] }]);
    expect(lines).toContain(`The last-endpoint guard ${answer}`);
  });

  it("tells the reason of now, where it is not that of the decision", () => {
    const { journal } = openJournal();
    vi.setSystemTime(killedMs);
    narrateDecision(journal, { prefix, from: "announced", to: "withdrawn", reason: "drain ordered by root" });
    const decided = "It is to be withdrawn, decided at 2026-11-23 01:02:03.454Z";
    const wantedNow = (because: string) => linesOf(journal, [{ ...withdrawn, because, checks: [] }])[2];
    expect(wantedNow("drain ordered by root")).toBe(`${decided}: drain ordered by root.`);
    expect(wantedNow("its check is down")).toBe(`${decided}, by now for another reason: its check is down.`);
  });

  it("does not count what was verified before a removal by hand", () => {
    const { journal } = openJournal();
    vi.setSystemTime(killedMs);
    narrateRoute(journal, { kind: "settled", prefix, announcement: "announced", tookNs: ms });
    narrateRoute(journal, { kind: "manual", prefix, by: "pid 42" });
    const announced = {
      ...withdrawn,
      wanted: "announced",
      observed: "announced",
      want: "announced",
      checks: [],
    } as const;
    expect(linesOf(journal, [announced])[0]).toBe("203.0.113.53/32 is announced; verified.");
    vi.setSystemTime(killedMs + 1000);
    narrateRoute(journal, { kind: "settled", prefix, announcement: "announced", tookNs: ms });
    expect(linesOf(journal, [announced])[0]).toMatch(/; verified since 2026-11-23 01:02:04\.454Z /);
  });

  it("tells of a freeze before all that it stops", () => {
    const frozen = { by: "root", reason: "storm", leftMs: 1_200_000 };
    const lines = linesOf(openJournal().journal, [{ ...withdrawn, checks: [] }], { frozen });
    expect(lines[1]).toBe("anyprobe is frozen by root for another 20m0s (storm): no route or address is touched.");
  });

  it.each([
    [
      { breached: true, reasons: ["p99 41.2ms above 20ms over 30s (300 probes)"] },
      "is breached: p99 41.2ms above 20ms over 30s (300 probes).",
    ],
    [{ breached: false, reasons: [] }, "is met (300 probes)."],
    [{ breached: false, reasons: ["too few probes"] }, "is not breached: too few probes."],
  ])("tells how the objective stands: %j", (state, text) => {
    const objective = { samples: 300, figures: [], ...state };
    const lines = linesOf(openJournal().journal, [{ ...withdrawn, objective, checks: [] }]);
    expect(lines.at(-1)).toBe(`  Its objective ${text}`);
  });

  it("begins with the service and the check that want it worst", () => {
    const name = (name: string, changes: Partial<CheckReport> = {}) => ({ ...upCheck, name, ...changes });
    const resolver = { ...withdrawn, want: "announced", checks: [name("a")] } as const;
    const mirror = {
      ...withdrawn,
      service: "mirror",
      checks: [name("c", { role: "alert", state: "down" }), name("d"), name("e", { state: "down" })],
    } as const;
    const lines = linesOf(openJournal().journal, [resolver, mirror]);
    expect(lines.slice(3)).toEqual([
      "mirror wants it withdrawn.",
      "  e is down for 1m40s.",
      "  d is up for 1m40s.",
      "  c (alert) is down for 1m40s.",
      "resolver wants it announced.",
      "  a is up for 1m40s.",
    ]);
  });

  it("takes each service's transitions for its own", () => {
    const { journal } = openJournal();
    const check = kill(journal);
    const lines = linesOf(journal, [{ ...withdrawn, service: "mirror", checks: [reportCheck(check)] }]);
    expect(lines.filter((line) => line.includes("it went from"))).toEqual([]);
  });

  it("stops after 25 lines and says so", () => {
    const checks = Array.from({ length: 40 }, (_, i) => ({ ...upCheck, name: `check ${i}` }));
    const lines = linesOf(openJournal().journal, [{ ...withdrawn, checks }]);
    expect(lines).toHaveLength(25);
    expect(lines.at(-1)).toBe("… and more: anyprobe status");
  });

  it("shows the newest runs of probes that came and went", () => {
    const { journal } = openJournal();
    const check = new PrefixCheck("resolver", prefix, dnsCheck);
    for (let i = 0; i < 12; i++) probe(journal, check, i % 2 ? refused : answered, i * 10);
    for (let i = 12; i < 15; i++) probe(journal, check, refused, i * 10);
    const lines = linesOf(journal, [{ ...withdrawn, checks: [reportCheck(check)] }]);
    expect(lines).toContainEqual(
      expect.stringMatching(
        /oldest first: …; 1 × pass, .*; 1 × port unreachable, .*; 1 × pass, .*; 3 × port unreachable, sent [^;]*\.$/,
      ),
    );
  });

  it("prints nothing that moves a cursor", () => {
    const reason = "ospfd said \u001b[2J";
    const lines = linesOf(openJournal().journal, [{ ...withdrawn, verified: false, reason, checks: [] }]);
    expect(lines[0]).toBe("203.0.113.53/32 is withdrawn; not verified: ospfd said \ufffd[2J.");
  });
});
