// anyprobe bench as a process: what it refuses, what it prints where, and how it ends.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Answerer } from "../../src/engine/answerer.js";
import type { LoadRecord, ResultRecord, TrialRecord } from "../../src/load/record.js";
import { freePort } from "../support/answerer.js";

const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "anyprobe-bench-"));
const at = (name: string) => join(directory, name);
let answerer: Answerer;
beforeAll(() => {
  answerer = Answerer.start({ address: "127.0.0.1" });
});
afterAll(() => {
  answerer.close();
  rmSync(directory, { recursive: true });
});

function start(...args: string[]) {
  const { NO_COLOR: _, FORCE_COLOR: __, ...env } = process.env;
  return spawn(process.execPath, ["--import", "tsx", main, "bench", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...env, XDG_CACHE_HOME: directory },
  });
}

async function ended(child: ReturnType<typeof start>) {
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { code, out, err };
}

const bench = (...args: string[]) => ended(start(...args));
const there = () => ["127.0.0.1", "-p", String(answerer.port), "--query", "www.example.com/A", "--no-calibrate"];
const recordsOf = (out: string) =>
  out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as LoadRecord);

describe("a wrong use ends with 64, before any query", () => {
  test.each<[string, string[], RegExp]>([
    ["no target", [], /expected the address of the target/],
    [
      "a name for a target",
      ["www.example.com", "--query", "a/A"],
      /target: expected an IPv4 or IPv6 address, got "www/,
    ],
    ["two targets", ["192.0.2.1", "-s", "192.0.2.2"], /expected the target once/],
    ["nothing to ask", ["127.0.0.1"], /expected what to ask, got nothing/],
    [
      "a question without a type",
      ["127.0.0.1", "--query", "www.example.com"],
      /expected a question as www\.example\.com\/A/,
    ],
    ["a type that is none", ["127.0.0.1", "--query", "a/NOPE"], /NOPE/],
    ["two modes", ["127.0.0.1", "--query", "a/A", "-Q", "5", "-q", "5"], /expected one of --rate, --closed/],
    ["two sources of queries", ["127.0.0.1", "--query", "a/A", "-d", "x"], /expected one of --queries, --query/],
    ["a limit that is none", ["127.0.0.1", "--slo", "p99<5%"], /expected a duration as 5ms in "p99<5%"/],
    ["an unknown rcode", ["127.0.0.1", "--slo", "servfial<1%"], /expected one of p50, .* got "servfial"/],
    ["a search without an objective", ["127.0.0.1", "--query", "a/A", "--slo", "none"], /expected an objective/],
    ["a rate of nothing", ["127.0.0.1", "-Q", "0"], /expected a rate as 50000/],
    ["steps without end", ["127.0.0.1", "--steps", "1:9:0.001"], /1-1000 rates/],
    [
      "a report that cannot be written",
      ["127.0.0.1", "--query", "a/A", "-o", "/nowhere/x"],
      /--output \/nowhere\/x: expected a file/,
    ],
    [
      "a report that would replace a directory",
      ["127.0.0.1", "--query", "a/A", "--html", "/tmp"],
      /--html \/tmp: expected a file/,
    ],
  ])("%s", async (_, args, message) => {
    const { code, out, err } = await bench(...args);
    expect(err).toMatch(message);
    expect(err.split("\n")).toHaveLength(2);
    expect([code, out]).toEqual([64, ""]);
  });
});

describe("what cannot be measured ends without a report", () => {
  test("a port where nobody listens: 69", async () => {
    const port = await freePort();
    const { code, out, err } = await bench(
      "127.0.0.1",
      "-p",
      String(port),
      "--query",
      "a.example/A",
      "-o",
      at("none.json"),
    );
    expect([code, out]).toEqual([69, ""]);
    expect(err).toMatch(/expected an answer from 127\.0\.0\.1:\d+, got none to 10 queries/);
    expect(existsSync(at("none.json"))).toBe(false);
  });

  test("a query file that is none: 65, one that is missing: 66", async () => {
    writeFileSync(at("bad.txt"), "; nothing but this\nwww.example.com NOPE\n");
    expect(await bench("127.0.0.1", "-d", at("bad.txt"))).toMatchObject({ code: 65, out: "" });
    expect(await bench("127.0.0.1", "-d", at("missing.txt"))).toMatchObject({ code: 66, out: "" });
  });

  test("a source address that is not this host's: 69, with the kernel's words", async () => {
    const { code, err } = await bench(...there(), "-Q", "100", "-l", "1", "-a", "203.0.113.77");
    expect(code).toBe(69);
    expect(err).toMatch(/EADDRNOTAVAIL/);
  });
});

describe("a run", () => {
  test("prints its report on stdout, its progress on stderr, and ends with 0", async () => {
    const files = ["-o", at("a.json"), "--csv", at("a.csv"), "--hgrm", at("a.hgrm"), "--html", at("a.html")];
    const { code, out, err } = await bench(...there(), "-Q", "1000", "-l", "1", ...files);
    expect(code).toBe(0);
    expect(out).toMatch(/Queries sent: +1,000\n/);
    expect(out).not.toContain("\u001b");
    expect(err).toMatch(/^trial 1 {2}1,000\/s .*n=1,000 {2}held$/m);
    const records = recordsOf(readFileSync(at("a.json"), "utf8"));
    expect(records.map(({ type }) => type)).toEqual(["start", "trial", "result"]);
    expect(readFileSync(at("a.csv"), "utf8").trimEnd().split("\n")).toHaveLength(2);
    expect(readFileSync(at("a.hgrm"), "utf8")).toMatch(/#\[Max/);
    expect(readFileSync(at("a.html"), "utf8")).toMatch(/^<!doctype html>/i);
  });

  test("ends with 1 where the objective was missed", async () => {
    const { code, out } = await bench(...there(), "-Q", "1000", "-l", "0.5", "--slo", "p50<0.1us");
    expect(code).toBe(1);
    expect(out).toMatch(/was missed/);
  });

  test("prints records with --json, and nothing else on stdout", async () => {
    const { code, out } = await bench(...there(), "--steps", "200,400", "-l", "1.5", "--json");
    const records = recordsOf(out);
    expect(code).toBe(0);
    expect(records[0]).toMatchObject({ type: "start", mode: "steps", settings: { steps: "200,400" } });
    expect(records.filter(({ type }) => type === "trial")).toHaveLength(2);
    expect(records.some(({ type }) => type === "progress")).toBe(true);
    expect(records.at(-1)).toMatchObject({ type: "result", objective_held: true });
  });

  test("measures its own ceiling once, and then knows it", async () => {
    const args = ["127.0.0.1", "-p", String(answerer.port), "--query", "www.example.com/A", "-Q", "500", "-l", "0.3"];
    const first = await bench(...args);
    expect(first.err).toMatch(/measuring what this host offers at most/);
    const second = await bench(...args, "--json");
    expect(second.err).not.toMatch(/measuring/);
    expect(recordsOf(second.out)[0]).toMatchObject({ ceiling: { qps: expect.any(Number) } });
  });
});

test("SIGINT ends it with the report so far", async () => {
  const child = start(...there(), "-Q", "500", "-l", "60", "--json", "-o", at("interrupted.json"));
  let seen = "";
  child.stdout.on("data", (data) => {
    seen += data;
  });
  while (!seen.includes('"progress"')) await sleep(20);
  child.kill("SIGINT");
  const [code] = await once(child, "close");
  const records = recordsOf(readFileSync(at("interrupted.json"), "utf8"));
  const [trial, result] = records.slice(-2) as [TrialRecord, ResultRecord];
  expect(trial).toMatchObject({ type: "trial", ended_early: "SIGINT", timeouts: 0 });
  expect(trial.answered).toBeGreaterThan(0);
  expect(result).toMatchObject({ type: "result", status: "interrupted" });
  expect(code).toBe(0);
});
