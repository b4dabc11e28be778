// Draining: rows out of the addon's ring into columns. Nobody answers; stop() ends all probes at once, and their rows wait in the ring.
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { Engine, LatencyHistogram, type ResultBatch } from "../../src/index.js";
import { median } from "../experiment.js";
import type { Race } from "./race.js";

const rows = 60_000;
const rateQps = 150_000;
const question = { name: "health.example.com", type: "A" } as const;

/** drainAll tells the ns per row from the first batch on: what is before it is the ending of the probes. */
async function drainAll(port: number, onBatch: (batch: ResultBatch) => void): Promise<number> {
  let firstNs = 0n;
  let after = 0;
  const engine = new Engine({}, (batch) => {
    onBatch(batch);
    if (firstNs === 0n) firstNs = process.hrtime.bigint();
    else after += batch.length;
  });
  try {
    engine.submit({
      probes: [{ target: { address: "127.0.0.1", port }, query: question }],
      schedule: { rateQps, count: rows },
      timeoutMs: 60_000,
    });
    while (engine.counters().sent < rows) await sleep(10);
    engine.stop();
    return Number(process.hrtime.bigint() - firstNs) / after;
  } finally {
    engine.close();
  }
}

async function rounds(seconds: number, onBatch: (batch: ResultBatch) => void): Promise<number> {
  const silent = createSocket("udp4").bind(0, "127.0.0.1");
  await once(silent, "listening");
  const { port } = silent.address();
  const each: number[] = [];
  const untilMs = performance.now() + seconds * 1000;
  // The first round is V8's.
  while (each.length < 4 || performance.now() < untilMs) each.push(await drainAll(port, onBatch));
  silent.close();
  return median(each.slice(1));
}

export const race: Race = {
  summary: "draining 60,000 rows from the ring into columns, and recording each: ns per row",
  headline: "{drain_ns} ns per row out of the ring, {drain_and_record_ns} ns with its round trip recorded",
  runners: {
    drain: async (seconds) => ({ drain_ns: await rounds(seconds, () => {}) }),
    record: async (seconds) => {
      const histogram = new LatencyHistogram();
      const record = (batch: ResultBatch) => {
        for (let i = 0; i < batch.length; i++) histogram.record(batch.rttNs[i]!);
      };
      return { drain_and_record_ns: await rounds(seconds, record) };
    },
  },
  bounds: { drain_ns: { most: 100 } },
};
