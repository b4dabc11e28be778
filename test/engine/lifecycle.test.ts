// An engine's life: made, closed, used after that, and torn down with its process or thread at any moment.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { Engine } from "../../src/engine/engine.js";
import { monotonicNs } from "../../src/units.js";
import { question } from "../support/engine.js";

const plan = {
  probes: [{ target: { address: "127.0.0.1", port: 9 }, query: question }],
  schedule: { intervalMs: 1000 },
  timeoutMs: 500,
};

async function run(scenario: string, argument = "") {
  const program = fileURLToPath(new URL("./fixtures/lifecycle.ts", import.meta.url));
  const args = ["--import", import.meta.resolve("tsx"), program, scenario, argument];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (data) => {
    stdout += data;
  });
  child.stderr.on("data", (data) => {
    stderr += data;
  });
  const [code, signal] = await once(child, "close");
  return { code, signal, stderr, last: stdout.trim().split("\n").at(-1)!, endedNs: monotonicNs() };
}
const ended = { code: 0, signal: null, stderr: "" };
const refused = expect.objectContaining({ code: "ERR_ENGINE_CLOSED" });

describe("an engine", () => {
  test("may be closed twice", () => {
    const engine = new Engine({}, () => {});
    engine.submit(plan);
    engine.close();
    engine.close();
    engine.stop();
    engine[Symbol.dispose]();
  });

  test("that is closed refuses all use, and so do its runs", () => {
    const engine = new Engine({}, () => {});
    const one = engine.submit(plan);
    engine.close();
    expect(() => engine.submit(plan)).toThrow(refused);
    expect(() => engine.counters()).toThrow(refused);
    expect(() => one.pace(0, 10)).toThrow(refused);
    expect(() => one.burst(0, 1, 0)).toThrow(refused);
    expect(() => one.cancel()).toThrow(refused);
  });

  test("that is stopped takes no plan, but can be read", () => {
    const engine = new Engine({}, () => {});
    engine.submit(plan);
    engine.stop();
    expect(() => engine.submit(plan)).toThrow(refused);
    const { sent, rows } = engine.counters();
    expect(rows).toBe(sent);
    engine.close();
  });

  test("may be made and closed many times over", () => {
    for (let i = 0; i < 100; i++) {
      const engine = new Engine({ shards: 3, ringRows: 16 }, () => {});
      engine.submit(plan);
      engine.close();
    }
  });
});

describe("a process", () => {
  test("that exits with a run in flight ends with 0, at once", async () => {
    const { last, endedNs, ...rest } = await run("exit in flight");
    expect(rest).toEqual(ended);
    expect(endedNs - Number(last)).toBeLessThan(2e9);
  });

  test("may exit within onBatch", async () => {
    expect(await run("exit within onBatch")).toMatchObject(ended);
  });

  test("ends by itself once its engine is closed", async () => {
    expect(await run("nothing else to do")).toMatchObject({ ...ended, last: "closed" });
  });

  test("sees what onBatch throws as uncaught exceptions, and no row is lost for it", async () => {
    const { last, ...rest } = await run("throw in onBatch");
    expect(rest).toMatchObject(ended);
    expect(JSON.parse(last)).toEqual(Array.from({ length: 10 }, (_, i) => `row ${i + 1}`));
  });

  test("sees what onBatch throws at the last rows come out of close, which closes all the same", async () => {
    expect(await run("throw in stop")).toMatchObject({ ...ended, last: '"last rows"' });
  });

  test("keeps an engine that nobody refers to at work, whatever the garbage collector does", async () => {
    const { last, ...rest } = await run("garbage collection");
    expect(rest).toMatchObject(ended);
    const { before, after } = JSON.parse(last);
    expect(before).toBeGreaterThan(20);
    expect(after).toBeGreaterThan(before);
  });
});

describe("a worker thread", () => {
  test("may have an engine while the main thread has one", async () => {
    const { last, ...rest } = await run("worker");
    expect(rest).toMatchObject(ended);
    expect(JSON.parse(last)).toMatchObject({ main: 10 });
  });

  test("may be terminated with a run in flight, ten times over", async () => {
    expect(await run("terminate", "10")).toMatchObject({ ...ended, last: '"alive"' });
  });
});
