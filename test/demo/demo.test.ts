import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
// A stage is a process of the built program.
import { setting } from "../../dist/demo/demo.js";
import { openPrivateScene } from "../../dist/demo/private-scene.js";
import { Story } from "../../dist/demo/story.js";
import { faultsOf, rulesOf, type Step } from "../../src/demo/timeline.js";
import { monotonicNs } from "../../src/units.js";
import { skipWithoutLab } from "../support/lab.js";

const program = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const isRoot = process.getuid?.() === 0;
/** User nobody, with nothing of root's and no home of its own. */
const asNobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];

interface Report {
  readonly schema_version: number;
  readonly ok: boolean;
  readonly faults: readonly string[];
  readonly timeline: readonly { event: string; at_ms: number; detail: string; took_ms?: number; table?: string }[];
  readonly latency: { count: number; p50_ns: number; max_ns: number; spread: readonly { count: number }[] };
  readonly environment: Readonly<Record<string, unknown>>;
}

async function demo(options: readonly string[], prefix: readonly string[] = []): Promise<Report> {
  const [file, ...argv] = [...prefix, process.execPath, program, "demo", "--json", ...options];
  const env = { ...process.env, HOME: "/nonexistent" };
  const { stdout } = await promisify(execFile)(file!, argv, { env, cwd: "/" });
  expect(stdout.trim().split("\n")).toHaveLength(1);
  return JSON.parse(stdout) as Report;
}

function expectStory({ schema_version, ok, faults, timeline, latency }: Report, away: string, back: string) {
  expect({ schema_version, ok, faults }).toEqual({ schema_version: 1, ok: true, faults: [] });
  const step = (event: string) => timeline.find((one) => one.event === event)!;
  const order = ["ready", "answering", "started", "passing", "up", "killed", "down", away, "stays-away"];
  order.push("returned", "recovering", "stable", back);
  const times = order.map((event) => step(event).at_ms);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  // 3 probes 1 ms apart, after the kernel has told; a loaded host may take its time.
  expect(step("told").took_ms).toBeGreaterThan(0);
  expect(step("down").took_ms).toBeGreaterThan(2);
  expect(step(away).took_ms).toBeLessThan(500);
  // Stable for 1 s, from the first pass; that comes within the interval of 1 s.
  expect(step("stable").at_ms - step("recovering").at_ms).toBeGreaterThanOrEqual(1000);
  expect(step(back).took_ms).toBeLessThan(4000);
  expect(latency.count).toBeGreaterThan(5);
  expect(latency.p50_ns).toBeLessThanOrEqual(latency.max_ns);
  expect(latency.spread.reduce((sum, { count }) => sum + count, 0)).toBe(latency.count);
}

const leftovers = () => readdirSync(tmpdir()).filter((name) => name.startsWith("anyprobe-demo-"));

describe("anyprobe demo", () => {
  test("shows the whole story and leaves nothing behind", async () => {
    const before = leftovers();
    const report = await demo([]);
    expectStory(report, "address-gone", "address-back");
    expect(report.environment).toMatchObject({ driver: "address", socket_events: "on" });
    expect(leftovers()).toEqual(before);
  });

  test.runIf(isRoot)("needs no root", async () => {
    expectStory(await demo([], asNobody), "address-gone", "address-back");
  });

  test("tells it in 80 columns, without colours or symbols in a pipe", async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [program, "demo"]);
    expect(stdout).not.toMatch(/[^\n\x20-\x7e]/);
    expect(Math.max(...stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(stdout).toMatch(/^ok: the address was gone .*ms after the death, and back .*s after the return$/m);
  });

  test.each(["SIGINT", "SIGTERM"] as const)("ends by %s with all its processes", async (signal) => {
    const before = leftovers();
    const child = spawn(process.execPath, [program, "demo"], { stdio: ["ignore", "pipe", "ignore"] });
    let text = "";
    child.stdout.on("data", (data) => {
      text += data;
    });
    await expect.poll(() => text, { timeout: 10_000 }).toMatch(/up: /);
    const pids = [...text.matchAll(/\(pid (\d+)\)/g)].map((match) => Number(match[1]));
    expect(pids).toHaveLength(2);
    child.kill(signal);
    expect(await once(child, "exit")).toEqual([null, signal]);
    await expect.poll(() => pids.filter(runs), { timeout: 5000 }).toEqual([]);
    await expect.poll(leftovers, { timeout: 5000 }).toEqual(before);
  });

  test("finds fault with a daemon that withdraws nothing", async () => {
    const { scene, close } = await openPrivateScene(setting);
    const steps: Step[] = [];
    const story = new Story({ onStep: (step) => steps.push(step), onWait: () => {} }, monotonicNs());
    await story.play({ ...scene, command: { argv: [...scene.command.argv, "--dry-run"] } });
    await close();
    expect(story.check).toBeUndefined();
    expect(steps.map(({ event }) => event)).toEqual(story.steps.map(({ event }) => event));
    expect(faultsOf(steps, rulesOf({ address: true, route: false, told: true }))).toContain(
      "expected the anycast address to be gone from lo within 10 s, got none",
    );
  });

  test("finds fault with a daemon that does not start, without waiting for it", async () => {
    const { scene, close } = await openPrivateScene(setting);
    const story = new Story({ onStep: () => {}, onWait: () => {} }, monotonicNs());
    const startNs = monotonicNs();
    await story.play({ ...scene, command: { argv: ["run", "--anycast", "203.0.113.53"] } });
    await close();
    expect(monotonicNs() - startNs).toBeLessThan(8e9);
    expect(scene.stage.lastWord).toMatch(/^it ended: exit code 64 .*--query/);
    expect(story.steps.at(-1)!.event).toBe("started");
  });

  test("says in one line, with 77, that the kernel gives no namespace", async () => {
    const forbid = 'cd /proc/sys/user; echo 0 > max_user_namespaces; echo 0 > max_net_namespaces; exec "$@"';
    const argv = ["--user", "--map-root-user", "sh", "-c", forbid, "sh", process.execPath, program, "demo"];
    await expect(promisify(execFile)("unshare", argv)).rejects.toMatchObject({
      code: 77,
      stdout: "",
      stderr: expect.stringMatching(/^anyprobe: expected .* private network namespace, .* \(unshare: [^;\n]*\): .*\n$/),
    });
  });

  test.runIf(isRoot)("says in one line what --ospf lacks", async () => {
    const argv = [...asNobody.slice(1), process.execPath, program, "demo", "--ospf"];
    const child = promisify(execFile)("setpriv", argv, { cwd: "/" });
    await expect(child).rejects.toMatchObject({
      code: 77,
      stdout: "",
      stderr: "anyprobe: network namespaces and FRR need root\n",
    });
  });
});

describe.skipIf(skipWithoutLab())("anyprobe demo --ospf", () => {
  test.each(["frr", "address"])(
    "with the driver %s shows it in the neighbour's table",
    async (driver) => {
      const report = await demo(["--ospf", "--driver", driver]);
      expectStory(report, "route-gone", "route-back");
      const tables = report.timeline.flatMap(({ event, table }) =>
        table === undefined ? [] : [[event, table] as const],
      );
      expect(tables.map(([event]) => event)).toEqual(["up", "stays-away", "route-back"]);
      const viaE1 = tables.map(([, table]) => table.includes("via 198.18.1.2"));
      expect(viaE1).toEqual([true, false, true]);
      expect(tables.every(([, table]) => table.includes("via 198.18.2.2"))).toBe(true);
      expect(report.timeline.some(({ event }) => event === "address-gone")).toBe(driver === "address");
    },
    90_000,
  );
});

/** A process that ended may stay listed as a zombie where nobody has reaped it yet. */
function runs(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
