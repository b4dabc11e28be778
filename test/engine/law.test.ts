// The law: one row for each probe sent, always. Whatever happens, after stop rows == sent, and each outcome is the true one.
import { afterEach, expect, test } from "vitest";
import { Engine, type Run } from "../../src/engine/engine.js";
import type { Plan } from "../../src/probe/plan.js";
import { type Answerer, answerTo, echo, freePort, reply, silent, startAnswerer } from "../support/answerer.js";
import { countRows, question, Recorder } from "../support/engine.js";

const open: Answerer[] = [];
const start = async (...args: Parameters<typeof startAnswerer>) => {
  const answerer = await startAnswerer(...args);
  open.push(answerer);
  return answerer;
};
afterEach(async () => {
  await Promise.all(open.splice(0).map((answerer) => answerer.close()));
});
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const planOf = (target: Answerer, schedule: Plan["schedule"], timeoutMs = 1000): Plan => ({
  probes: [{ target, query: question }],
  schedule,
  timeoutMs,
});
function block(ms: number) {
  const until = performance.now() + ms;
  while (performance.now() < until) {}
}
/** Every row of a recorder is told apart by its due time within its probe: none came twice. */
const distinct = (recorder: Recorder) => new Set(recorder.rows.map(({ probe, dueNs }) => `${probe} ${dueNs}`)).size;

test("every probe of a run that is answered gives one row, answered", async () => {
  const recorder = new Recorder();
  recorder.submit(planOf(await start(), { rateQps: 1000, count: 500 }));
  await recorder.until(500);
  await sleep(30);
  expect(recorder.stop()).toMatchObject({ counters: { sent: 500, rows: 500 }, tally: { answered: 500 } });
  expect(distinct(recorder)).toBe(500);
});

test("probes that nobody answers each end once, as timeout", async () => {
  const recorder = new Recorder();
  recorder.submit(planOf(await start(silent), { rateQps: 1000, count: 300 }, 400));
  await recorder.until(300);
  expect(recorder.stop()).toMatchObject({ counters: { sent: 300, rows: 300 }, tally: { timeout: 300 } });
});

test("an answerer that dies halfway loses no row", async () => {
  const answerer = await startAnswerer();
  const recorder = new Recorder();
  recorder.submit(planOf(answerer, { rateQps: 2000, count: 1000 }, 100));
  await recorder.until(400);
  await answerer.close();
  await recorder.until(1000);
  const { counters, tally } = recorder.stop();
  expect(counters).toMatchObject({ sent: 1000, rows: 1000 });
  expect(tally.answered).toBeGreaterThanOrEqual(400);
  // What was queued at the socket when it died times out; all else was refused at once.
  expect(tally.unreachable).toBeGreaterThan(400);
  expect((tally.answered ?? 0) + (tally.unreachable ?? 0) + (tally.timeout ?? 0)).toBe(1000);
});

test.each([1, 3])(
  "stop in the middle of 20,000 probes a second gives a row for each, with %i shards",
  async (shards) => {
    const targets = await Promise.all(Array.from({ length: shards }, () => start()));
    const count = countRows({ shards, ringRows: 65_536 });
    count.engine.submit({
      probes: targets.map((target) => ({ target, query: question })),
      schedule: { rateQps: 20_000 },
      timeoutMs: 500,
    });
    await sleep(500);
    count.engine.stop();
    const { sent, rows } = count.engine.counters();
    count.engine.close();
    expect(sent).toBeGreaterThan(2000);
    expect(rows).toBe(sent);
    expect(count.rows).toBe(sent);
  },
);

test("cancel ends a run's probes in flight as cancelled, and other runs go on", async () => {
  const recorder = new Recorder();
  const one = recorder.submit(planOf(await start(silent), { rateQps: 200 }, 20_000));
  const other = recorder.submit(planOf(await start(), { intervalMs: 10 }, 1000));
  await sleep(200);
  one.cancel();
  await sleep(50);
  const sentBefore = recorder.rows.filter(({ probe }) => probe === one.first).length;
  const otherBefore = recorder.rows.length - sentBefore;
  await sleep(100);
  expect(recorder.rows.filter(({ probe }) => probe === one.first)).toHaveLength(sentBefore);
  expect(recorder.rows.length - sentBefore).toBeGreaterThan(otherBefore);
  const { counters, tally } = recorder.stop();
  expect(counters.rows).toBe(counters.sent);
  expect(tally.cancelled).toBeGreaterThanOrEqual(sentBefore);
  expect(recorder.rows.filter(({ probe }) => probe === other.first && true).length).toBe(
    recorder.rows.length - sentBefore,
  );
});

test("a full ring makes sending wait and drops no row while the event loop is blocked", async () => {
  const dead = await freePort();
  const recorder = new Recorder({ ringRows: 1024, answerOctets: 0 });
  // Every probe is refused within its send, so rows come as fast as probes.
  recorder.submit({
    probes: [{ target: { address: "127.0.0.1", port: dead }, query: question }],
    schedule: { rateQps: 20_000, count: 12_000 },
    timeoutMs: 500,
  });
  block(1500);
  expect(recorder.engine.counters()).toMatchObject({ sent: 1024 });
  expect(recorder.engine.counters().ringFull).toBeGreaterThan(0);
  await recorder.until(12_000);
  expect(recorder.stop()).toMatchObject({ counters: { sent: 12_000, rows: 12_000 }, tally: { unreachable: 12_000 } });
  expect(distinct(recorder)).toBe(12_000);
});

test("a full table makes sending wait until a probe ends", async () => {
  const count = countRows({ ringRows: 131_072 });
  count.engine.submit({ ...planOf(await start(silent), { rateQps: 200_000, count: 70_000 }, 1500), ports: 1 });
  for (let i = 0; i < 60 && count.rows < 70_000; i++) await sleep(100);
  const { sent, rows, tableFull } = count.engine.counters();
  count.engine.close();
  expect({ sent, rows, told: count.rows }).toEqual({ sent: 70_000, rows: 70_000, told: 70_000 });
  expect(tableFull).toBeGreaterThan(0);
});

test("rows of several runs and shards add up, each under its own number", async () => {
  const recorder = new Recorder({ shards: 3 });
  const living = await start();
  const dead = { address: "127.0.0.1", port: await freePort() };
  const runs = [
    recorder.submit(planOf(living, { rateQps: 700, count: 200 })),
    recorder.submit({
      probes: Array.from({ length: 7 }, (_, i) => ({ target: i % 2 ? dead : living, query: question })),
      schedule: { rateQps: 1000, count: 333 },
      timeoutMs: 500,
    }),
    recorder.submit({
      probes: Array.from({ length: 5 }, () => ({ target: living, query: question })),
      schedule: { intervalMs: 20, count: 51 },
      timeoutMs: 500,
    }),
  ];
  await recorder.until(200 + 333 + 51);
  await sleep(50);
  const { counters } = recorder.stop();
  expect(counters).toMatchObject({ sent: 584, rows: 584 });
  const within = (run: Run) =>
    recorder.rows.filter(({ probe }) => probe >= run.first && probe < run.first + run.probes.length);
  expect(runs.map((run) => within(run).length)).toEqual([200, 333, 51]);
  for (const row of within(runs[1]!)) {
    const index = row.probe - runs[1]!.first;
    expect(row.outcome).toBe(index % 2 ? "unreachable" : "answered");
    expect(row.shard).toBe(index % 3);
  }
});

test("2,000 targets are each asked once an interval", async () => {
  const answerers = await Promise.all(Array.from({ length: 20 }, (_, i) => start(echo, `127.0.0.${i + 1}`)));
  const recorder = new Recorder({ shards: 2, ringRows: 16_384, answerOctets: 0 });
  recorder.submit({
    probes: Array.from({ length: 2000 }, (_, i) => ({ target: answerers[i % 20]!, query: question })),
    schedule: { intervalMs: 500, count: 6000 },
    timeoutMs: 1000,
  });
  await recorder.until(6000);
  expect(recorder.stop()).toMatchObject({ counters: { sent: 6000, rows: 6000 }, tally: { answered: 6000 } });
  const times = new Map<number, number>();
  for (const { probe } of recorder.rows) times.set(probe, (times.get(probe) ?? 0) + 1);
  expect(times.size).toBe(2000);
  // The run may end between two points of the grid.
  for (const count of times.values()) expect(Math.abs(count - 3)).toBeLessThanOrEqual(1);
});

test("the rows that are left come from stop, one batch after another", async () => {
  const recorder = new Recorder({ batchRows: 16 });
  recorder.submit(planOf(await start(silent), { rateQps: 10_000, count: 400 }, 20_000));
  for (let i = 0; i < 50 && recorder.engine.counters().sent < 400; i++) await sleep(20);
  expect(recorder.rows).toHaveLength(0);
  expect(recorder.stop()).toMatchObject({ counters: { sent: 400 }, tally: { cancelled: 400 } });
});

test.each(["stop", "close"] as const)(
  "%s within onBatch loses no row of this batch nor of later ones",
  async (verb) => {
    const answerer = await start();
    let seen = 0;
    let calls = 0;
    let sent = 0;
    const engine: Engine = new Engine({ batchRows: 8 }, (batch) => {
      calls++;
      if (calls === 3) {
        sent = engine.counters().sent;
        engine[verb]();
        if (verb === "stop") sent = engine.counters().sent;
      }
      for (let i = 0; i < batch.length; i++) if (batch.rttNs[i]! > 0) seen++;
    });
    engine.submit(planOf(answerer, { rateQps: 5000, count: 500 }, 5000));
    await sleep(400);
    expect(calls).toBeGreaterThan(3);
    expect(seen).toBeGreaterThanOrEqual(sent);
    if (verb === "stop") expect(seen).toBe(sent);
    engine.close();
  },
);

test("answers longer than a batch's octets end the batch, not a row", async () => {
  const long = Buffer.alloc(1232);
  const answerer = await start((query, peer, socket) => {
    answerTo(query).copy(long);
    reply(long, peer, socket);
  });
  const recorder = new Recorder({ batchRows: 64 });
  recorder.submit(planOf(answerer, { rateQps: 5000, count: 300 }));
  await recorder.until(300);
  recorder.stop();
  for (const { answer, outcome } of recorder.rows) {
    expect(outcome).toBe("answered");
    expect(answer).toHaveLength(1232);
  }
});
