// The scripts of docs/routers/exec.md as they are printed there, run by the driver, before stand-ins of exabgp and gobgp that
// keep a table and record what they are told.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ExecDriver } from "../../src/route/exec.js";
import { type Prefix, prefixOf } from "../../src/route/prefix.js";
import { within } from "../support/daemon.js";

const a = prefixOf("203.0.113.53");
const b = prefixOf("2001:db8::53");
const page = readFileSync(new URL("../../docs/routers/exec.md", import.meta.url), "utf8");
const scripts = [...page.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, script]) => script!);
let folder = "";
let server: ChildProcess | undefined;
const path = (name: string) => join(folder, name);
const log = () => (existsSync(path("log")) ? readFileSync(path("log"), "utf8").trim().split("\n") : []);

function install(name: string, script: string): string {
  writeFileSync(path(name), script);
  chmodSync(path(name), 0o755);
  return path(name);
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "anyprobe-recipe-"));
});
afterEach(() => {
  if (server) process.kill(-server.pid!, "SIGKILL");
  server = undefined;
  rmSync(folder, { recursive: true });
});

function make(script: string, timeoutMs = 10_000) {
  const file = install("recipe", script);
  const explain = () => ({ services: ["resolver"], reason: "a test", evidence: [] });
  return new ExecDriver({ command: [file], observe: [file], timeoutMs, deprefer: true, explain });
}

/** All rungs, up and down, of two prefixes; gives what was read back each time. */
async function walk(driver: ExecDriver) {
  const seen: string[][] = [];
  const look = async () => {
    const observed = await driver.observe([a, b]);
    seen.push([a, b].map((prefix) => observed.get(prefix)!.reason ?? observed.get(prefix)!.announcement));
  };
  await look();
  await driver.announce([a, b]);
  await look();
  for (const rung of ["degraded", "drained", "dead"] as const) {
    await driver.deprefer([a], rung);
    await look();
  }
  await driver.withdraw([a]);
  await look();
  await driver.withdraw([a, b]);
  await driver.announce([a]);
  await look();
  return seen;
}

const walked = [
  ["withdrawn", "withdrawn"],
  ["announced", "announced"],
  ["degraded", "announced"],
  ["drained", "announced"],
  ["dead", "announced"],
  ["withdrawn", "announced"],
  ["announced", "withdrawn"],
];

/** An exabgp that keeps a line for each route and answers as 4.2.21 does. */
const exabgp = `cd "$0" && exec 3<> exabgp.in 4<> exabgp.out
touch rib
while read -r line <&3; do
  echo "$line" >> log
  set -- $line
  case $line in
    *refuse*) echo error >&4; continue ;;
    announce*) grep -vF " $3 " rib > new; echo "neighbor 198.18.0.2 local-ip 198.18.0.1 family-allowed in-open ipv4 unicast $3 $4 $5 $6 $7" >> new; mv new rib ;;
    withdraw*) grep -vF " $3 " rib > new; mv new rib ;;
    show*) cat rib >&4 ;;
  esac
  echo done >&4
done`;

async function startExabgp() {
  execFileSync("mkfifo", [path("exabgp.in"), path("exabgp.out")]);
  server = spawn("sh", ["-c", exabgp, folder], { detached: true, stdio: "inherit" });
  await within(5000, async () => existsSync(path("rib")) || undefined);
}

describe("the recipe for exabgp", () => {
  const script = () => scripts[0]!.replace("pipes=/run/exabgp/exabgp", `pipes=${path("exabgp")}`);

  it("moves prefixes on all rungs and reads them back, several at once", async () => {
    await startExabgp();
    expect(await walk(make(script()))).toEqual(walked);
    const told = log().filter((line) => !line.startsWith("show"));
    expect(told).toContain(`announce route ${a} next-hop self med 0`);
    expect(told).toContain(`announce route ${a} next-hop self med 65535`);
    expect(told).toContain(`withdraw route ${b}`);
    expect(log()).toContain("show adj-rib out extensive");
  });

  it("says so when exabgp refuses, and when it is not there", async () => {
    await startExabgp();
    await expect(make(script()).announce(["refuse" as Prefix])).rejects.toThrow(
      "ended with status 1: exabgp refuses: announce route refuse next-hop self med 0",
    );
    rmSync(path("exabgp.in"));
    rmSync(path("exabgp.out"));
    mkdirSync(path("exabgp.out"));
    await expect(make(script()).announce([a])).rejects.toThrow("ended with status");
  });

  it("takes no answer for its own that was left by one that was killed", async () => {
    await startExabgp();
    const driver = make(script());
    await driver.announce([a]);
    writeFileSync(path("exabgp.out"), "error\n");
    await driver.announce([a]);
  });
});

describe("the recipe for GoBGP", () => {
  const gobgp = `#!/bin/sh
cd "$(dirname "$0")"; exec 9> lock; flock 9; touch rib; echo "$*" >> log
case "$*" in *refuse*) echo "invalid prefix" >&2; exit 1 ;; esac
case $3 in
  add) prefix=$6; [ "$5" = ipv6 ] && hop=:: || hop=0.0.0.0
    grep -vF "> $prefix " rib > new; printf '*> %-20s %-20s                      00:00:00   [{Origin: ?} {Med: %s}]\\n' "$prefix" $hop "$8" >> new; mv new rib ;;
  del) grep -vF "> $6 " rib > new; mv new rib ;;
  *) echo "   Network              Next Hop             AS_PATH              Age        Attrs"
    grep -F "$5 " rib foreign 2> /dev/null | sed 's/^[a-z]*://' | grep . || echo "Network not in table" ;;
esac
`;

  it("moves prefixes on all rungs and reads back its own path alone", async () => {
    install("gobgp", gobgp);
    writeFileSync(
      path("foreign"),
      `*> ${a}      198.18.0.9           65009                00:00:09   [{Origin: ?} {Med: 0}]\n`,
    );
    const driver = make(scripts[1]!.replace("#!/bin/sh\n", `#!/bin/sh\nPATH=${folder}:$PATH\n`));
    const reading = await driver.observe([a]);
    expect(reading.get(a)!.announcement).toBe("withdrawn");
    rmSync(path("log"));
    expect(await walk(driver)).toEqual(walked);
    expect(log()).toContain(`global rib add -a ipv4 ${a} med 40000`);
    expect(log()).toContain(`global rib add -a ipv6 ${b} med 0`);
    expect(log()).toContain(`global rib del -a ipv4 ${a}`);
    expect(log()).toContain(`global rib -a ipv6 ${b}`);
    await expect(driver.announce(["refuse" as Prefix])).rejects.toThrow("ended with status 1: invalid prefix");
  });
});
