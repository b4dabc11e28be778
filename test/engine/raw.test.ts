// The raw transport, between two namespaces: what it tells is what the other end saw.
import { constants } from "node:os";
import { expect, test } from "vitest";
import { flag } from "../../src/engine/batch.js";
import { inNamespace } from "../support/namespace.js";

const fixture = new URL("./fixtures/raw.ts", import.meta.url);
const { ECONNREFUSED, EMSGSIZE } = constants.errno;
interface Told {
  readonly name: string;
  readonly outcome: string;
  readonly errno: number;
  readonly flags: number;
  readonly rttNs: number;
}

test("each probe goes from the next reserved port, and no ICMP error leaves for its answer", async () => {
  const { v4, v6, asked, unreachablesSent } = await inNamespace(fixture, "sweep");
  const ports = Array.from({ length: 128 }, (_, i) => 40_000 + (i % 64));
  for (const { tally, ports: told, counters } of [v4, v6]) {
    expect(tally).toEqual({ answered: 128 });
    expect(told).toEqual(ports);
    expect(counters).toMatchObject({
      sent: 128,
      rows: 128,
      late: 0,
      foreign: 0,
      malformed: 0,
      receiveDrops: 0,
      stampFallbacks: 0,
    });
  }
  expect(asked).toEqual([...ports.map((port) => `198.18.0.1 ${port}`), ...ports.map((port) => `2001:db8::1 ${port}`)]);
  expect(unreachablesSent).toBe(0);
});

test("each outcome is the true one, and what is no answer is counted", async () => {
  const { counters, rows, unreachablesSent } = await inNamespace(fixture, "outcomes");
  expect(rows).toHaveLength(40);
  expect(counters).toMatchObject({ sent: 40, rows: 40 });
  const truth: Record<string, string> = { echo: "answered", twice: "answered", dead: "unreachable" };
  for (const { name, outcome, errno, flags, rttNs } of rows as Told[]) {
    expect([name, outcome]).toEqual([name, truth[name] ?? "timeout"]);
    expect(errno).toBe(name === "dead" ? ECONNREFUSED : 0);
    if (outcome === "answered") expect(flags).toBe(flag.kernelStamp);
    if (outcome !== "timeout") expect(rttNs).toBeLessThan(100e6);
  }
  expect(counters).toMatchObject({ late: 8, foreign: 16, malformed: 8 });
  expect(unreachablesSent).toBe(0);
});

test("of an answer in fragments the first is enough, and says that there was more; a long query is not sent", async () => {
  for (const { answered, sent } of await inNamespace(fixture, "long")) {
    for (const row of answered)
      expect(row).toMatchObject({ outcome: "answered", flags: flag.kernelStamp | flag.cutShort });
    expect(sent).toMatchObject([{ outcome: "answered" }, { outcome: "send-failed", errno: EMSGSIZE }]);
  }
});

test("a probe goes from its own source; one that is not this host's is refused", async () => {
  const { tally, lacking, asked } = await inNamespace(fixture, "sources");
  expect(tally).toEqual({ answered: 20 });
  expect(lacking).toMatchObject({ errno: "EADDRNOTAVAIL", syscall: "bind" });
  expect([...new Set(asked)].sort()).toEqual([
    "198.18.0.1 41000",
    "198.18.0.1 41001",
    "198.18.0.7 41002",
    "198.18.0.7 41003",
    "198.18.0.8 41004",
    "198.18.0.8 41005",
    "2001:db8::1 41000",
    "2001:db8::1 41001",
    "2001:db8::7 41002",
    "2001:db8::7 41003",
  ]);
});

test("targets on this very host are asked likewise", async () => {
  expect(await inNamespace(fixture, "this host")).toEqual(
    [1, 2, 3].flatMap(() => [
      [0, "answered"],
      [1, "unreachable"],
    ]),
  );
});

test("plain UDP without an id is told apart by its port", async () => {
  expect(await inNamespace(fixture, "no ids")).toEqual({ tally: { answered: 12 }, ports: 4, asked: 12 });
});

test("a source that is taken away ends probes as send-failed, where no other can be chosen", async () => {
  const { result, asked } = await inNamespace(fixture, "source removed");
  expect(result).toEqual([
    ["answered", "send-failed"],
    ["answered", "answered"],
  ]);
  expect(asked.sort()).toEqual(["198.18.0.1", "198.18.0.7"]);
});

test("the mark rule holds for its packets", async () => {
  const { outcomes, asked } = await inNamespace(fixture, "mark");
  expect(outcomes).toEqual([
    ["answered", "answered"],
    ["send-failed", "send-failed"],
    ["timeout", "not-local"],
  ]);
  expect(asked).toBe(2);
});

test("ports that are taken are refused, and reserved ones are taken", async () => {
  const taken = { errno: "EADDRINUSE", syscall: "bind" };
  expect(await inNamespace(fixture, "ports")).toMatchObject({
    refused: taken,
    last: "none",
    twice: taken,
    again: "none",
  });
});

test("stop in the middle of 20,000 probes a second gives a row for each, with 2 shards", async () => {
  const { counters, tally, rows, unreachablesSent } = await inNamespace(fixture, "halfway");
  expect(counters.sent).toBeGreaterThan(2000);
  expect(counters.rows).toBe(counters.sent);
  expect(rows).toBe(counters.sent);
  for (const outcome of ["answered", "timeout", "unreachable"]) expect(tally[outcome]).toBeGreaterThan(100);
  expect(unreachablesSent).toBe(0);
});

test("without the capability it is refused, and says which is needed", async () => {
  expect(await inNamespace(fixture, "unprivileged", { unprivileged: true })).toEqual({
    errno: "EPERM",
    syscall: "socket SOCK_RAW",
    message: "socket SOCK_RAW failed with EPERM (needs CAP_NET_RAW)",
  });
});
