// `anyprobe plan` and `anyprobe bench compare` as commands: what they print and how they end.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { benchCompareVerb } from "../../src/cli/bench-compare.js";
import { planVerb } from "../../src/cli/plan.js";
import { loadRecords, ndjson, type Shape } from "../load/records.js";

const folder = mkdtempSync(join(tmpdir(), "anyprobe-plan-"));
afterAll(() => rmSync(folder, { recursive: true }));
function file(name: string, shape: Shape): string {
  const path = join(folder, `${name}.json`);
  writeFileSync(path, ndjson(loadRecords({ knee: 30_000, seconds: 2, ...shape })));
  return path;
}
const [fra, ams] = [file("fra", {}), file("ams", { ceiling: 20_000 })];

let out = "";
beforeEach(() => {
  out = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    out += text;
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** Runs a verb in this process, and gives its exit code; what it throws is thrown. */
async function run(verb: ReturnType<typeof planVerb>, ...args: string[]): Promise<number> {
  process.exitCode = undefined;
  await verb
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .parseAsync(args, { from: "user" });
  const code = process.exitCode ?? 0;
  process.exitCode = undefined;
  return code;
}
const plan = (...args: string[]) => run(planVerb(), ...args);
const compare = (...args: string[]) => run(benchCompareVerb(), ...args);

describe("anyprobe plan", () => {
  it("ends with 0 where any one may go, and says how much is left", async () => {
    expect(await plan("--peak", "300k", "--capacity", "a=200k", "b=200k", "c=0.2M")).toBe(0);
    expect(out).toContain("a  holds 200,000 queries/s; at the peak 100,000, headroom 50.00%");
    expect(out).toContain(
      "any 1: the worst is b; a then gets 150,000 queries/s, headroom 25.00%; holds up to a peak of 400,000",
    );
    expect(out).toContain("The plan survives the withdrawal of any 1 where the rest shares the traffic evenly.");
    expect(out).toContain("the routers' choice");
  });

  it("ends with 1 where a withdrawal overloads the rest, and names it", async () => {
    expect(await plan("--peak", "300k", "--capacity", "a=200k", "b=200k", "c=120k")).toBe(1);
    expect(out).toContain("2 of 3 withdrawals overload the rest: a, b");
    expect(out).toContain("The plan does not survive the withdrawal of any 1");
  });

  it("judges by the worst case when told to", async () => {
    const args = ["--peak", "300k", "--capacity", "a=180k", "b=180k", "c=180k"];
    expect(await plan(...args)).toBe(0);
    expect(await plan(...args, "--split", "one")).toBe(1);
  });

  it("reads capacities from reports, and marks what the generator limited", async () => {
    expect(await plan("--peak", "50k", "--capacity", fra, `nl=${ams}`, "--json")).toBe(1);
    const found = JSON.parse(out);
    expect(found.endpoints).toMatchObject([
      { name: "fra", at_least: false, load_qps: 25_000 },
      { name: "nl", capacity_qps: 18_600, at_least: true },
    ]);
    const searched = loadRecords({ knee: 30_000, seconds: 2 }).at(-1) as { capacity_qps?: number };
    expect(found.endpoints[0].capacity_qps).toBe(searched.capacity_qps);
    out = "";
    await plan("--peak", "50k", "--capacity", fra, `nl=${ams}`);
    expect(out).toContain("nl   holds at least 18,600 queries/s");
    expect(out).toContain("The plan is not known to survive");
  });

  it("shares the peak as told", async () => {
    await plan("--peak", "100k", "--capacity", "a=200k", "b=200k", "c=200k", "--share", "a=80%", "--json");
    expect(JSON.parse(out).endpoints.map((endpoint: { load_qps: number }) => endpoint.load_qps)).toEqual([
      80_000,
      expect.closeTo(10_000),
      expect.closeTo(10_000),
    ]);
  });

  it.each([
    [["--capacity", "a=1"], "required option '--peak <rate>'"],
    [["--peak", "1x", "--capacity", "a=1"], 'expected a rate as 1.2M, 200k or 50000, got "1x"'],
    [["--peak", "1", "--capacity", "200k"], "expected a name for a capacity, as NAME=200k"],
    [["--peak", "1", "--capacity", "=200k"], 'expected NAME=200k, NAME=report.json or report.json, got "=200k"'],
    [["--peak", "1", "--capacity", "a=1", "a=2"], 'got "a" twice'],
    [["--peak", "1", "--capacity", "a=1", "b=1", "--share", "x=3%"], '--share: expected one of a, b, got "x"'],
    [["--peak", "1", "--capacity", "a=1", "b=1", "--share", "a=3"], '--share: expected NAME=30%, got "a=3"'],
    [["--peak", "1", "--capacity", "a=1", "b=1", "--survive", "2"], "expected to survive 0-1 of 2 endpoints, got 2"],
    [["--peak", "1", "--capacity", "none.json"], "none.json: cannot be read (ENOENT)"],
    [
      ["--peak", "1", "--capacity", file("no", { mode: "rate", objective: "" })],
      "expected a report of a rate that held",
    ],
  ])("refuses %j", async (args, message) => {
    await expect(plan(...args)).rejects.toThrow(message);
  });
});

describe("anyprobe bench compare", () => {
  const slow = file("slow", { knee: 24_000, medianMs: 0.5 });

  it("shows each figure with its interval and a verdict", async () => {
    expect(await compare(fra, slow)).toBe(0);
    expect(out).toMatch(/^capacity +[\d,]+\/s \[[\d,]+\/s, [\d,]+\/s\] .* −\d+\.\d% +worse$/m);
    expect(out).toMatch(/^p50 .* \+\d+\.\d% +worse$/m);
    expect(out).toContain("not what differs from run to run");
  });

  it("ends with 1 for what is worse only when told to", async () => {
    expect(await compare(fra, slow, "--fail-if-worse", "--json")).toBe(1);
    expect(JSON.parse(out)).toMatchObject({ worse: true });
    expect(await compare(slow, fra, "--fail-if-worse")).toBe(0);
  });

  it("refuses two that are not alike, unless forced", async () => {
    const other = file("other", { objective: "p99<9ms" });
    await expect(compare(fra, other)).rejects.toThrow("expected two reports that are alike");
    expect(await compare(fra, other, "--force")).toBe(0);
    expect(out).toContain("not alike: The objective differs");
  });
});
