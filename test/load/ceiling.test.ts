// The generator's ceiling is found by offering load, and kept in a file that may be in any state.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  type Ceiling,
  type CeilingOptions,
  type CeilingProgress,
  cachedCeiling,
  ceilingKey,
  measureCeiling,
} from "../../src/load/ceiling.js";
import { question } from "../support/engine.js";

const options: CeilingOptions = {
  sending: { target: { address: "127.0.0.1", port: 53 }, ports: 64, train: 64, arrivals: "constant" },
  query: question,
  shards: 1,
  cpus: [],
};

describe("measuring", () => {
  test.each(["127.0.0.1", "2001:db8::1"])(
    "gives the highest rate that was reached, below the lowest that was not, on the way to %s",
    async (address) => {
      const steps: CeilingProgress[] = [];
      const sending = { ...options.sending, target: { address, port: 53 } };
      const ceiling = await measureCeiling(
        { ...options, sending },
        (step) => steps.push(step),
        new AbortController().signal,
      );
      const of = (reached: boolean) => steps.filter((step) => step.reached === reached).map(({ qps }) => qps);
      expect(ceiling.qps).toBe(Math.max(...of(true)));
      expect(ceiling.qps).toBeLessThan(Math.min(...of(false)));
      // To 9 % of the rate.
      expect(Math.min(...of(false)) / ceiling.qps).toBeLessThan(1.1);
      expect(Math.abs(Date.now() - Date.parse(ceiling.measuredAt))).toBeLessThan(60_000);
    },
  );

  test("sends one by one where trains are off, and reaches less", async () => {
    const one = { ...options, sending: { ...options.sending, train: 1 } };
    const quiet = new AbortController().signal;
    const [single, trains] = [
      await measureCeiling(one, () => {}, quiet),
      await measureCeiling(options, () => {}, quiet),
    ];
    expect(single.qps).toBeGreaterThan(0);
    expect(single.qps).toBeLessThan(trains.qps);
  });

  test("ends when it is told to", async () => {
    const controller = new AbortController();
    const steps: CeilingProgress[] = [];
    const measured = measureCeiling(
      options,
      (step) => {
        steps.push(step);
        controller.abort(new Error("enough"));
      },
      controller.signal,
    );
    await expect(measured).rejects.toThrow("enough");
    expect(steps).toHaveLength(1);
  });
});

describe("the key", () => {
  test("tells all that a ceiling depends on", () => {
    const { sending } = options;
    const others: CeilingOptions[] = [
      { ...options, shards: 2 },
      { ...options, cpus: [0] },
      { ...options, query: { ...question, name: "a".repeat(60) } },
      { ...options, sending: { ...sending, ports: 1 } },
      { ...options, sending: { ...sending, train: 1 } },
      { ...options, sending: { ...sending, arrivals: "poisson" } },
      { ...options, sending: { ...sending, target: { address: "::1", port: 53 } } },
    ];
    const keys = [...others, options].map((one) => ceilingKey(one, "1.0.0"));
    expect(new Set([...keys, ceilingKey(options, "1.0.1")]).size).toBe(others.length + 2);
  });

  test("is the same for another address of the family and a query of about the length", () => {
    const other = { ...options, query: { ...question, name: "healthy.example.com" } };
    other.sending = { ...other.sending, target: { address: "203.0.113.53", port: 5353 } };
    expect(ceilingKey(other, "1.0.0")).toBe(ceilingKey(options, "1.0.0"));
  });
});

describe("the cache", () => {
  let directory: string;
  let path: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "anyprobe-ceiling-"));
    path = join(directory, "cache", "ceiling.json");
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  let measured = 0;
  const measure = async (): Promise<Ceiling> => {
    measured++;
    return { qps: measured, measuredAt: new Date().toISOString() };
  };
  const ask = async (key: string, file = path, fresh = false) => {
    const before = measured;
    const { qps } = await cachedCeiling(file, key, measure, { fresh });
    return { qps, measured: measured - before };
  };

  test("measures once for each key, and again when it is told to", async () => {
    measured = 0;
    expect(await ask("a")).toEqual({ qps: 1, measured: 1 });
    expect(await ask("b")).toEqual({ qps: 2, measured: 1 });
    expect(await ask("a")).toEqual({ qps: 1, measured: 0 });
    expect(await ask("a", path, true)).toEqual({ qps: 3, measured: 1 });
    expect(await ask("a")).toEqual({ qps: 3, measured: 0 });
    expect(await ask("b")).toEqual({ qps: 2, measured: 0 });
    // No temporary file is left.
    expect(readdirSync(join(directory, "cache"))).toEqual(["ceiling.json"]);
  });

  test("forgets what is a month old, or from a time to come", async () => {
    for (const days of [-31, 1]) {
      const old = { qps: 5, measuredAt: new Date(Date.now() + days * 24 * 3600e3).toISOString() };
      await cachedCeiling(path, "a", async () => old, { fresh: true });
      expect((await ask("a")).measured).toBe(1);
    }
  });

  test.each([
    "",
    "{",
    "null",
    "[]",
    '"text"',
    '{"schema_version":1}',
    '{"schema_version":1,"ceilings":null}',
    '{"schema_version":1,"ceilings":{"a":null}}',
    '{"schema_version":1,"ceilings":{"a":{"qps":"many","measured_at":"2026-01-01T00:00:00Z"}}}',
    '{"schema_version":1,"ceilings":{"a":{"qps":1,"measured_at":"soon"}}}',
    '{"schema_version":2,"ceilings":{"a":{"qps":1,"measured_at":"2026-01-01T00:00:00Z"}}}',
  ])("measures and writes anew where the file holds %s", async (text) => {
    await ask("b");
    writeFileSync(path, text);
    expect((await ask("a")).measured).toBe(1);
    expect((await ask("a")).measured).toBe(0);
    expect(JSON.parse(readFileSync(path, "utf8")).schema_version).toBe(1);
  });

  test("does without a file that cannot be written", async () => {
    writeFileSync(join(directory, "file"), "");
    expect((await ask("a", join(directory, "file", "ceiling.json"))).measured).toBe(1);
    expect((await ask("a", directory)).measured).toBe(1);
    expect(readdirSync(directory)).toEqual(["file"]);
  });
});
