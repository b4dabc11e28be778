// Programs as checks: real processes, in groups of their own, of which none may be left.
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Finding } from "../../src/health/verdict.js";
import { prefixOf } from "../../src/route/prefix.js";
import type { CheckConfig } from "../../src/run/config.js";
import { ExecAsker } from "../../src/run/exec-asker.js";
import { PrefixCheck } from "../../src/run/prefix-check.js";
import { monotonicNs } from "../../src/units.js";
import { within } from "../support/daemon.js";

let folder = "";
let askers: ExecAsker[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "anyprobe-exec-"));
});
afterEach(() => {
  for (const asker of askers) asker.close();
  askers = [];
  rmSync(folder, { recursive: true });
});

interface Told {
  readonly finding: Finding;
  readonly sentNs: number;
}

function make(command: readonly string[], { timeoutMs = 10_000, isLocal = (): boolean => true } = {}) {
  const config = {
    query: { command, warning: "pass" },
    port: undefined,
    expect: {},
    timeoutMs,
  } as unknown as CheckConfig;
  const rules = { rise: 1, fall: 1, stableForMs: 0, confirm: { probes: 3, intervalMs: 1, forMs: 0 }, intervalMs: 100 };
  const check = new PrefixCheck("resolver", prefixOf("203.0.113.53"), { ...config, ...rules });
  const told: Told[] = [];
  const asker = new ExecAsker({
    slot: { check, place: "anycast", address: "203.0.113.53" },
    isLocal,
    tell: (finding, sentNs) => void told.push({ finding, sentNs }),
  });
  askers.push(asker);
  return { asker, told };
}

const shell = (script: string) => ["/bin/sh", "-c", script];

/** Asks once, and gives what came of it. */
async function run(command: readonly string[], options?: Parameters<typeof make>[1]): Promise<Finding> {
  const { asker, told } = make(command, options);
  asker.burst(1);
  return (await until(() => told[0])).finding;
}

async function until<T>(look: () => T | undefined, ms = 10_000): Promise<T> {
  const found = await within(ms, async () => look());
  if (found === undefined) throw new Error(`not so within ${ms} ms`);
  return found;
}

/** Processes, zombies left out, that have this word among their arguments. */
function running(word: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "latin1").split("\0").includes(word);
      } catch {
        return false;
      }
    })
    .map(Number);
}

const gone = (word: string) => until(() => (running(word).length === 0 ? true : undefined));
const there = (word: string, count = 1) => until(() => (running(word).length === count ? true : undefined));

describe("a program", () => {
  it.each([0, 1, 2, 3, 127])("that exits with %d tells so", async (status) => {
    expect(await run(shell(`exit ${status}`))).toMatchObject({ outcome: "exited", exit: { status, line: "" } });
  });

  it("that a signal ends tells which", async () => {
    expect((await run(shell("kill -SEGV $$"))).exit?.status).toBe("SIGSEGV");
  });

  it.each([
    ["its first line", "printf 'DNS OK\\nmore\\n'", "DNS OK"],
    ["the first line of stderr where it writes nothing else", "echo 'no such host' >&2", "no such host"],
    ["stdout before stderr", "echo late >&2; echo OK", "OK"],
    ["what comes before performance data", "echo 'DNS OK - 11 ms | time=0.011s;;;0'", "DNS OK - 11 ms"],
    ["no control characters", "printf 'a\\tb\\033[31m\\001\\rc\\302\\205d\\342\\200\\256e'", "a b[31mcde"],
    ["at most 200 characters", `printf '%0300d' 0`, "0".repeat(200)],
    [
      "whole characters",
      `i=0; while [ $i -lt 300 ]; do printf '\\360\\237\\230\\200'; i=$((i+1)); done`,
      "😀".repeat(200),
    ],
    ["what it wrote without a newline", "printf OK", "OK"],
  ])("is quoted with %s", async (_name, script, line) => {
    expect((await run(shell(script))).exit?.line).toBe(line);
  });

  it("gets its arguments as they are written, and knows whom to ask", async () => {
    expect((await run(["/bin/echo", "$HOME *", "; exit 2"])).exit?.line).toBe("$HOME * ; exit 2");
    const told = 'echo "$ANYPROBE_SERVICE $ANYPROBE_PREFIX $ANYPROBE_ADDRESS $(pwd) $PATH"';
    expect((await run(shell(told))).exit?.line).toBe(
      `resolver 203.0.113.53/32 203.0.113.53 / ${process.env["PATH"]}`.slice(0, 200).trim(),
    );
  });

  it("hears nothing of what the service manager tells the daemon", async () => {
    process.env["NOTIFY_SOCKET"] = "/run/none";
    try {
      expect((await run(shell('echo "<$NOTIFY_SOCKET>"'))).exit?.line).toBe("<>");
    } finally {
      delete process.env["NOTIFY_SOCKET"];
    }
  });

  it("that is not there, not executable, or of no interpreter is told as not started", async () => {
    const file = join(folder, "check");
    writeFileSync(file, "#!/nonexistent/interpreter\n");
    expect(await run([join(folder, "missing")])).toMatchObject({ outcome: "not-started", errno: "ENOENT" });
    expect(await run([file])).toMatchObject({ outcome: "not-started", errno: "EACCES" });
    chmodSync(file, 0o755);
    expect(await run([file])).toMatchObject({ outcome: "not-started", errno: "ENOENT" });
  });

  it("may write as much as it likes", async () => {
    const before = process.memoryUsage().arrayBuffers;
    const finding = await run(
      shell("echo first; head -c 200000000 /dev/zero; head -c 200000000 /dev/zero >&2; exit 2"),
    );
    expect(finding.exit).toEqual({ status: 2, line: "first" });
    // What was read is garbage by then, some of it not collected yet.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(150e6);
  });

  it("is waited for from its start to its end", async () => {
    const before = monotonicNs();
    const { asker, told } = make(shell("sleep 0.05"));
    asker.burst(1);
    const { finding, sentNs } = await until(() => told[0]);
    expect(sentNs).toBeGreaterThanOrEqual(before);
    expect(finding.rttNs).toBeGreaterThan(50e6);
  });

  it("is not run while the address is another's", async () => {
    const file = join(folder, "ran");
    const finding = await run(["/usr/bin/touch", file], { isLocal: () => false });
    expect(finding.outcome).toBe("not-local");
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("a process group", () => {
  it("is killed whole when its time is over", async () => {
    // A program that waits for a child that sleeps: killed alone, it would leave the child.
    const finding = await run(shell("sleep 3601.25; true"), { timeoutMs: 500 });
    expect(finding).toMatchObject({ outcome: "timeout" });
    expect(finding.rttNs).toBeGreaterThanOrEqual(499e6);
    await gone("3601.25");
  });

  it("holds up nobody by a child that keeps the pipe, and ends with its program", async () => {
    const finding = await run(shell("sleep 3602.25 & echo OK"));
    expect(finding.exit).toEqual({ status: 0, line: "OK" });
    expect(finding.rttNs).toBeLessThan(5e9);
    await gone("3602.25");
  });

  it("that a child left holds up nobody by the pipe either", async () => {
    const finding = await run(shell("setsid sleep 3603.25 & while ! pgrep -f '^sleep 3603.25'; do :; done; echo OK"));
    expect(finding.outcome).toBe("exited");
    // It fled from its group: nobody but us knows of it.
    for (const pid of running("3603.25")) process.kill(pid, "SIGKILL");
    await gone("3603.25");
  });

  it("does not outlive its asker", async () => {
    const { asker, told } = make(shell("sleep 3604.25 & sleep 3604.25"));
    asker.burst(3);
    await there("3604.25", 2);
    asker.close();
    await gone("3604.25");
    await sleep(50);
    expect([told, running("3604.25")]).toEqual([[], []]);
  });
});

it("proves nothing by its timeout where this process stood still meanwhile", async () => {
  const { asker, told } = make(["/bin/sleep", "3609.25"], { timeoutMs: 100 });
  asker.burst(1);
  const untilNs = monotonicNs() + 400e6;
  while (monotonicNs() < untilNs);
  expect((await until(() => told[0])).finding.outcome).toBe("voided");
  await gone("3609.25");
});

it("takes it for its own trouble that there are no more files to open, over TCP too", () => {
  const fixture = fileURLToPath(new URL("fixtures/out-of-files.ts", import.meta.url));
  const argv = ["--import", import.meta.resolve("tsx"), fixture];
  const verdicts: unknown = JSON.parse(execFileSync(process.execPath, argv, { encoding: "utf8", timeout: 20_000 }));
  expect(verdicts).toEqual([
    { kind: "unknown", reason: "EMFILE" },
    { kind: "unknown", reason: "the program could not be started: EMFILE" },
  ]);
});

describe("an exec asker", () => {
  const log = () => readFileSync(join(folder, "log"), "utf8").trim().split("\n");
  const noting = (seconds: string) => shell(`echo begin >>${folder}/log; sleep ${seconds}; echo end >>${folder}/log`);

  it("never has two runs at once, and owes a burst no more than its length", async () => {
    const { asker, told } = make(noting("0.05"));
    asker.pace(10, 0);
    const owed = [asker.burst(3), asker.burst(3), asker.burst(2)];
    // The first run begins at once, so that of the second burst one more is needed for three to begin after it.
    expect(owed).toEqual([3, 1, 0]);
    await until(() => told[5]);
    asker.close();
    expect(log().slice(0, 10)).toEqual(Array.from({ length: 10 }, (_, i) => (i % 2 === 0 ? "begin" : "end")));
    for (const [i, { sentNs }] of told.slice(1).entries()) expect(sentNs).toBeGreaterThan(told[i]!.sentNs);
  });

  it("goes on at its pace after a run that hung", async () => {
    const { asker, told } = make(shell(`test -e ${folder}/once && exit 0; touch ${folder}/once; sleep 3605.25`), {
      timeoutMs: 300,
    });
    asker.pace(50, 0);
    await until(() => told[2]);
    expect(told.slice(0, 3).map(({ finding }) => finding.outcome)).toEqual(["timeout", "exited", "exited"]);
    asker.pace(0, 0);
  });

  it("that hangs holds up no other", async () => {
    const hanging = make(shell("sleep 3606.25"), { timeoutMs: 60_000 });
    const other = make(["/bin/true"]);
    hanging.asker.pace(20, 0);
    other.asker.pace(20, 0);
    await until(() => other.told[4]);
    expect(hanging.told).toEqual([]);
    hanging.asker.close();
    await gone("3606.25");
  });

  it("begins no run once it is closed", async () => {
    const { asker, told } = make(noting("0"));
    asker.pace(10, 0);
    asker.close();
    expect(asker.burst(3)).toBe(0);
    await sleep(60);
    expect([told, readdirSync(folder)]).toEqual([[], []]);
  });
});

it("has the programs that these tests run", () => {
  for (const program of ["setsid", "pgrep", "sleep"]) execFileSync("which", [program]);
});
