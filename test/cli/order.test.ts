// The verbs of orders as processes, against a daemon that is the test: what they ask, print, and end with.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { AnyprobeError } from "../../src/errors.js";
import type { PrefixReport } from "../../src/run/status.js";
import { anyprobe } from "../support/command.js";
import { TestDaemon } from "../support/control.js";
import { prefixReport, statusOf } from "../support/status.js";

const prefix = "203.0.113.53/32";
const receipt = (verb: string) => ({ prefixes: [prefix], message: `${verb}: ${prefix}` });
const verbs = ["drain", "undrain", "withdraw", "announce", "hold", "freeze", "unfreeze"];

let daemon: TestDaemon;
let control: readonly string[];
let asked: [verb: string, args: object][] = [];
let refusal: string | undefined;
/** How the prefix stands, look by look; the last one stays. */
let looks: Partial<PrefixReport>[] = [];

beforeAll(async () => {
  daemon = new TestDaemon();
  control = ["--control", daemon.path];
  const take = (verb: string) => (args: object) => {
    asked.push([verb, args]);
    if (refusal !== undefined) throw new AnyprobeError("ERR_RUN_ORDER", refusal);
    return receipt(verb);
  };
  await daemon.listen({
    ...Object.fromEntries(verbs.map((verb) => [verb, take(verb)])),
    status: () => statusOf([prefixReport(looks.length > 1 ? looks.shift() : looks[0])]),
  });
});
afterAll(() => daemon[Symbol.dispose]());
beforeEach(() => {
  asked = [];
  refusal = undefined;
  looks = [{}];
});

describe("an order", () => {
  const all = ["--for", "90m", "--reason", "a new disk", "--force", "--no-wait"];
  const allArgs = { for_ms: 5_400_000, reason: "a new disk", force: true };
  it.each<[string, readonly string[], object]>([
    ["drain", ["resolver", "--no-wait"], { what: "resolver" }],
    ["drain", [prefix, "--no-wait", ...all], { what: prefix, ...allArgs }],
    ["undrain", ["2001:db8::53"], { what: "2001:db8::53" }],
    ["withdraw", ["resolver", ...all], { what: "resolver", ...allArgs }],
    ["announce", ["resolver", "--force"], { what: "resolver", force: true }],
    ["hold", ["resolver", "--reason", "bad disk"], { what: "resolver", reason: "bad disk" }],
    ["freeze", ["--reason", "größere Arbeiten"], { reason: "größere Arbeiten" }],
    ["unfreeze", [], {}],
  ])("%s %j is asked of the daemon, and told", async (verb, args, wanted) => {
    expect(await anyprobe(verb, ...args, ...control)).toEqual({ code: 0, out: `${verb}: ${prefix}\n`, err: "" });
    expect(asked).toEqual([[verb, wanted]]);
  });

  it("is one JSON object with --json", async () => {
    const { code, out } = await anyprobe("freeze", "--json", ...control);
    expect([code, JSON.parse(out)]).toEqual([0, receipt("freeze")]);
  });

  it("that the daemon refuses ends with 69 and the daemon's own words", async () => {
    refusal = "expected an order for 203.0.113.53/32, there is none";
    expect(await anyprobe("undrain", "resolver", ...control)).toEqual({
      code: 69,
      out: "",
      err: `anyprobe: ${refusal}\n`,
    });
    const { err } = await anyprobe("drain", "resolver", "--json", ...control);
    expect(JSON.parse(err)).toEqual({ error: { code: "ERR_RUN_ORDER", message: refusal, faults: [] } });
  });

  it("that nobody hears ends with 69", async () => {
    const { code, err } = await anyprobe("withdraw", "resolver", "--control", "/nonexistent.sock");
    expect(code).toBe(69);
    expect(err).toMatch(/^anyprobe: expected a daemon at \/nonexistent\.sock, got no socket there/);
  });

  const option = (flags: string, value: string) => `option '${flags}' argument '${value}' is invalid.`;
  const long = "x".repeat(501);
  it.each<[string, readonly string[], string]>([
    ["no target", ["drain"], "missing required argument 'what'"],
    [
      "announce without --force",
      ["announce", "resolver"],
      "expected --force, for clients may be sent to a dead service, got none; `anyprobe undrain` hands it back to its checks instead",
    ],
    [
      "a time that is none",
      ["freeze", "--for", "tomorrow"],
      `${option("--for <duration>", "tomorrow")} expected a duration as 30m or 1h, got "tomorrow"`,
    ],
    [
      "no time at all",
      ["freeze", "--for", "0s"],
      `${option("--for <duration>", "0s")} expected a duration as 30m or 1h, got "0s"`,
    ],
    [
      "a reason that rings",
      ["hold", "resolver", "--reason", "\x07"],
      `${option("--reason <text>", "\x07")} expected one line of text, got control characters`,
    ],
    [
      "a reason without end",
      ["hold", "resolver", "--reason", long],
      `${option("--reason <text>", long)} expected at most 500 characters, got 501`,
    ],
  ])("%s is a wrong use", async (_, args, message) => {
    expect(await anyprobe(...args, ...control)).toEqual({ code: 64, out: "", err: `anyprobe: ${message}\n` });
    expect(asked).toEqual([]);
  });
});

describe("anyprobe drain", () => {
  const order = (phase: string) => ({ kind: "drain", by: "root", reason: null, leftMs: null, phase }) as const;
  const held = { others: 0, needed: 1, held: true, reason: "no other endpoint would take the traffic, 1 must" };

  it("waits until it is withdrawn, and tells how it goes", async () => {
    looks = [
      { order: order("measuring") },
      { order: order("measuring") },
      { order: order("draining"), observed: "drained" },
      { order: order("drained"), observed: "withdrawn", verified: false, reason: "not acknowledged yet" },
      { order: order("drained"), observed: "withdrawn" },
    ];
    expect(await anyprobe("drain", "resolver", ...control)).toEqual({
      code: 0,
      out: [
        "drain: 203.0.113.53/32",
        "203.0.113.53/32: announced; measuring",
        "203.0.113.53/32: drained; draining",
        "203.0.113.53/32: withdrawn, not verified (not acknowledged yet); drained",
        "203.0.113.53/32: withdrawn",
        "",
      ].join("\n"),
      err: "",
    });
  });

  it("ends with 1 where the guard holds it", async () => {
    looks = [{ order: order("draining") }, { order: order("drained"), observed: "drained", guard: held }];
    const { code, out } = await anyprobe("drain", "resolver", ...control);
    expect(code).toBe(1);
    expect(out).toContain(`\n203.0.113.53/32: drained; held: ${held.reason}\n`);
    expect(out).toContain("\nthe order stands, and withdraws as soon as it can; `anyprobe undrain resolver` ends it\n");
  });

  it("gives JSON at its end", async () => {
    looks = [{ order: order("draining") }, { order: null }];
    const { code, out } = await anyprobe("drain", "resolver", "--json", ...control);
    const outcomes = [{ prefix, outcome: "ended", reason: "the order is over" }];
    expect([code, JSON.parse(out)]).toEqual([1, { ...receipt("drain"), outcomes }]);
  });
});
