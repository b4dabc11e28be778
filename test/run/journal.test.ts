import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type JournalEvent, supersedes, type Telling } from "../../src/run/journal.js";
import { openJournal } from "../support/journal.js";

const prefix = "203.0.113.53/32";
const other = "203.0.113.54/32";
const note = (message: string): Telling => ({ kind: "note", message });
const check = (to: string, at = prefix, name = "dns a/A"): Telling => ({
  kind: "check",
  service: "resolver",
  prefix: at,
  message: `${name} is ${to}`,
  evidence: { check: name, to },
});
const messages = (events: readonly JournalEvent[]) => events.map(({ message }) => message);
const entered = (events: readonly JournalEvent[]) =>
  events.reduce<JournalEvent | undefined>((before, event) => (supersedes(event, before) ? event : before), undefined);
const copy = <Value>(value: Value): Value => JSON.parse(JSON.stringify(value));

describe("tell", () => {
  it("writes the log line and keeps the event", () => {
    const { journal, lines } = openJournal();
    journal.tell("warn", check("down"), { took: "1.20ms" });
    const told = { kind: "check", service: "resolver", prefix, message: "dns a/A is down" };
    expect(lines).toEqual([
      { level: "warn", event: "check", service: "resolver", prefix, took: "1.20ms", msg: "dns a/A is down" },
    ]);
    const evidence = { check: "dns a/A", to: "down" };
    expect(journal.events()).toEqual([{ seq: 1, atMs: expect.any(Number), level: "warn", ...told, evidence }]);
    expect(Math.abs(journal.events()[0]!.atMs - Date.now())).toBeLessThan(60_000);
  });
});

describe("events", () => {
  it("are the newest thousand, and fewer if fewer are asked for", () => {
    const { journal } = openJournal();
    for (let i = 1; i <= 1003; i++) journal.tell("info", note(`${i}`));
    expect(journal.events().map(({ seq }) => seq)).toEqual(Array.from({ length: 1000 }, (_, i) => i + 4));
    expect(messages(journal.events(2))).toEqual(["1002", "1003"]);
    expect(journal.events(0)).toEqual([]);
  });

  it("of a prefix are its own, those of several prefixes with it, and those of all", () => {
    const { journal } = openJournal();
    const several = (...prefixes: string[]) => ({ kind: "action", message: prefixes.join(), evidence: { prefixes } });
    journal.tell("info", check("up", other));
    journal.tell("info", note("frozen"));
    journal.tell("info", several(other, prefix));
    journal.tell("info", several(other));
    journal.tell("info", check("up"));
    expect(messages(journal.events(undefined, prefix))).toEqual(["frozen", `${other},${prefix}`, "dns a/A is up"]);
    expect(messages(journal.events(1, prefix))).toEqual(["dns a/A is up"]);
  });

  it("of a prefix hold what led to its present state, whatever else has happened since", () => {
    const { journal } = openJournal();
    journal.tell("warn", check("down"));
    const prefixes = [prefix, other];
    journal.tell("info", { kind: "action", message: "frr: withdraw", evidence: { driver: "frr", prefixes } });
    for (let i = 0; i < 2000; i++) journal.tell("info", check(i % 2 ? "up" : "down", other));
    expect(messages(journal.events(undefined, prefix))).toEqual(["dns a/A is down", "frr: withdraw"]);
    expect(messages(journal.events()).includes("frr: withdraw")).toBe(false);
  });

  it("of any history hold, for each check, driver and prefix, what led to its present state", () => {
    const states = ["unknown", "rising", "up", "falling", "down"];
    const arbitrary = fc.record({
      kind: fc.constantFrom("check", "route", "decision"),
      name: fc.constantFrom("a", "b"),
      at: fc.constantFrom(prefix, other),
      to: fc.constantFrom(...states),
      idle: fc.constantFrom(0, 0, 0, 400),
    });
    fc.assert(
      fc.property(fc.array(arbitrary, { maxLength: 40 }), (history) => {
        const { journal } = openJournal();
        const all: JournalEvent[] = [];
        for (const { kind, name, at, to, idle } of history) {
          const evidence = kind === "check" ? { check: name, to } : { to };
          journal.tell("info", { kind, prefix: at, message: `${kind} ${name} ${to}`, evidence });
          all.push(journal.events(1)[0]!);
          for (let i = 0; i < idle; i++) journal.tell("info", note("idle"));
        }
        for (const { kind, name, at } of history) {
          const same = all.filter(
            (event) =>
              event.kind === kind && event.prefix === at && (kind !== "check" || event.evidence?.["check"] === name),
          );
          const led = entered(same);
          const held = journal.events(undefined, at);
          if (led) expect(held).toContainEqual(led);
          expect(held.map(({ seq }) => seq)).toEqual([...new Set(held.map(({ seq }) => seq))].sort((a, b) => a - b));
        }
      }),
      { numRuns: 50 },
    );
  });
});

describe("supersedes", () => {
  const ledBy = (states: readonly string[]) => {
    const { journal } = openJournal();
    for (const to of states) journal.tell("info", check(to));
    return entered(journal.events())?.seq;
  };

  it.each([
    [["rising", "up"], 2],
    [["rising", "up", "falling", "up"], 2],
    [["rising", "up", "falling", "down", "rising", "down"], 4],
    [["rising", "up", "falling", "down", "rising"], 4],
    [["up", "unknown", "up"], 3],
    [["rising"], undefined],
  ])("says that %s came to where it is by transition %s", (states, seq) => {
    expect(ledBy(states)).toBe(seq);
  });
});

describe("follow", () => {
  const take = async (iterator: AsyncIterator<JournalEvent>, count: number) => {
    const taken: JournalEvent[] = [];
    while (taken.length < count) taken.push((await iterator.next()).value);
    return taken;
  };

  it("gives what was told before, as much as is asked for, and what is told from then on", async () => {
    const { journal } = openJournal();
    for (const message of ["1", "2", "3"]) journal.tell("info", note(message));
    const follower = journal.follow(2);
    journal.tell("info", note("4"));
    expect(messages(await take(follower, 3))).toEqual(["2", "3", "4"]);
    const next = follower.next();
    journal.tell("info", note("5"));
    expect((await next).value.message).toBe("5");
  });

  it("tells a reader that falls behind how many events it lost, and goes on behind them", async () => {
    const { journal } = openJournal();
    const follower = journal.follow();
    for (let i = 1; i <= 1000; i++) journal.tell("info", note(`${i}`));
    const seen = await take(follower, 257);
    expect(seen.slice(0, 256).map(({ seq }) => seq)).toEqual(Array.from({ length: 256 }, (_, i) => i + 1));
    expect(seen[256]).toMatchObject({ kind: "gap", level: "warn", seq: 1000, evidence: { lost: 744 } });
    journal.tell("info", note("after"));
    expect((await follower.next()).value).toMatchObject({ seq: 1001, message: "after" });
  });

  it("loses nothing unsaid, however reading and telling take turns", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(400), fc.nat(400)), { maxLength: 12 }), async (turns) => {
        const { journal } = openJournal();
        const follower = journal.follow();
        let told = 0;
        let seen = 0;
        const read = async () => {
          const { seq, evidence } = (await follower.next()).value as JournalEvent;
          seen += Number(evidence?.["lost"] ?? 1);
          expect(seq).toBe(seen);
        };
        for (const [tells, reads] of turns) {
          for (let i = 0; i < tells; i++) journal.tell("info", note(`${++told}`));
          for (let i = 0; i < reads && seen < told; i++) await read();
        }
        while (seen < told) await read();
        expect(seen).toBe(told);
      }),
      { numRuns: 30 },
    );
  });

  it("ends at once when its reader leaves, also one that waits", async () => {
    const { journal } = openJournal();
    const follower = journal.follow();
    const waiting = follower.next();
    await follower.return!();
    expect(await waiting).toEqual({ done: true, value: undefined });
    journal.tell("info", note("unheard"));
    expect(await follower.next()).toEqual({ done: true, value: undefined });
  });

  it("holds up nobody: each reader has its own place", async () => {
    const { journal } = openJournal();
    const [idle, busy] = [journal.follow(), journal.follow()];
    for (let i = 1; i <= 600; i++) {
      journal.tell("info", note(`${i}`));
      expect((await busy.next()).value.seq).toBe(i);
    }
    expect((await idle.next()).value.seq).toBe(1);
  });
});

describe("the state file", () => {
  const valid = { seq: 7, atMs: 1_795_396_923_456, kind: "note", level: "info", message: "before" };

  it("gets the last hundred events, and the next daemon goes on from there", () => {
    const { journal } = openJournal();
    for (let i = 1; i <= 150; i++) journal.tell("info", i % 2 ? check(i % 4 === 1 ? "up" : "down") : note(`${i}`));
    const history = journal.history();
    expect(history.map(({ seq }) => seq)).toEqual(Array.from({ length: 100 }, (_, i) => i + 51));
    const next = openJournal();
    next.journal.restore(copy(history));
    expect(next.journal.events().slice(0, 100)).toEqual(copy(history));
    next.journal.tell("info", note("after"));
    expect(next.journal.events(2)).toMatchObject([
      { seq: 151, kind: "restored", message: "100 events of earlier runs are known" },
      { seq: 152, message: "after" },
    ]);
  });

  it("comes before what was told before it was read", () => {
    const { journal } = openJournal();
    journal.tell("warn", check("down"));
    journal.restore([valid]);
    expect(journal.events().map(({ seq, kind }) => [seq, kind])).toEqual([
      [7, "note"],
      [8, "restored"],
      [9, "check"],
    ]);
    expect(journal.events(undefined, prefix)).toEqual(journal.events());
  });

  it("of an earlier run leads to no present state", () => {
    const { journal } = openJournal();
    journal.restore([{ ...valid, kind: "route", prefix, evidence: { to: "announced" } }]);
    expect(journal.landmark("route", prefix)).toBe(undefined);
  });

  it.each([
    ["no object", 7],
    ["null", null],
    ["without a number", { ...valid, seq: undefined }],
    ["with half a number", { ...valid, seq: 7.5 }],
    ["with a number that is not the next", { ...valid, seq: 0 }],
    ["at no time", { ...valid, atMs: "today" }],
    ["at a time that no calendar has", { ...valid, atMs: 1e16 }],
    ["without a kind", { ...valid, kind: undefined }],
    ["of an unknown level", { ...valid, level: "fatal" }],
    ["of a service without a name", { ...valid, service: 7 }],
    ["of a prefix that is none", { ...valid, prefix: null }],
    ["without a message", { ...valid, message: undefined }],
    ["with evidence that is a list", { ...valid, evidence: [] }],
    ["with evidence that is a word", { ...valid, evidence: "it is so" }],
  ])("loses an entry %s, and keeps the others", (_, bad) => {
    const { journal } = openJournal();
    journal.restore([{ ...valid, seq: 6 }, bad, valid]);
    expect(journal.events().map(({ seq }) => seq)).toEqual([6, 7, 8]);
  });

  it.each([
    ["no list", { a: 1 }],
    ["nothing", undefined],
    ["an empty list", []],
  ])("that has %s is no history", (_, history) => {
    const { journal, lines } = openJournal();
    journal.restore(history);
    expect([journal.events(), lines]).toEqual([[], []]);
  });
});
