import { stripVTControlCharacters } from "node:util";
import { expect, it } from "vitest";
import { renderEvent } from "../../src/cli/event-text.js";
import type { JournalEvent } from "../../src/run/journal.js";

const general: JournalEvent = {
  seq: 1,
  atMs: Date.UTC(2026, 10, 23, 1, 2, 3, 456),
  level: "warn",
  kind: "note",
  message: "frozen by root",
};
const event: JournalEvent = {
  ...general,
  kind: "check",
  service: "resolver",
  prefix: "203.0.113.53/32",
  message: "resolver at 203.0.113.53/32: dns a/A is down (1 failure: timeout)",
};

it.each<[string, JournalEvent, string]>([
  [
    "a prefix",
    event,
    "2026-11-23 01:02:03.456Z  warn   203.0.113.53/32     resolver: dns a/A is down (1 failure: timeout)",
  ],
  [
    "a prefix that the message begins with",
    { ...event, level: "info", message: "203.0.113.53/32 is withdrawn (verified)" },
    "2026-11-23 01:02:03.456Z  info   203.0.113.53/32     is withdrawn (verified)",
  ],
  [
    "a prefix that begins the prefix that the message begins with",
    { ...event, prefix: "203.0.113.5", message: "203.0.113.53/32 is withdrawn" },
    "2026-11-23 01:02:03.456Z  warn   203.0.113.5         203.0.113.53/32 is withdrawn",
  ],
  [
    "an IPv6 prefix",
    { ...event, level: "error", prefix: "2001:db8::53/128", message: "2001:db8::53/128: withdrawn wanted: it is dead" },
    "2026-11-23 01:02:03.456Z  error  2001:db8::53/128    withdrawn wanted: it is dead",
  ],
  ["the daemon", general, "2026-11-23 01:02:03.456Z  warn   -                   frozen by root"],
  [
    "several prefixes",
    {
      ...general,
      message: "frr: withdraw a, b",
      evidence: { prefixes: ["a", "b"] },
    },
    "2026-11-23 01:02:03.456Z  warn   -                   frr: withdraw a, b",
  ],
  [
    "one of a list of prefixes",
    {
      ...general,
      message: "frr: withdraw 203.0.113.53/32",
      evidence: { prefixes: ["203.0.113.53/32"] },
    },
    "2026-11-23 01:02:03.456Z  warn   203.0.113.53/32     frr: withdraw 203.0.113.53/32",
  ],
])("an event of %s is one line", (_, told, line) => {
  expect(renderEvent(told, false)).toBe(line);
  expect(stripVTControlCharacters(renderEvent(told, true))).toBe(line);
});

it("has colours where they are wanted", () => {
  expect(renderEvent(event, true)).toContain("\u001b[33mwarn \u001b[39m");
});

it("is one line on any terminal, whatever a server sent", () => {
  const message = "txt \u001b[2J\u0007\r\nforged\u2028line\u202e\u0085, expected e1";
  expect(renderEvent({ ...event, message }, false)).toMatch(
    / {2}txt \ufffd\[2J\ufffd{3}forged\ufffdline\ufffd\ufffd, expected e1$/,
  );
});
