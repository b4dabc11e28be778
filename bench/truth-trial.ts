// One trial of `truth` as a process of its own, in the network namespace that it was started in: runs the engine as its
// argument (JSON) says, writes the rows' columns to a file, and prints `started` and, last, what it counted.
import { writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { answered, flag } from "../src/engine/batch.js";
import { type Counters, Engine } from "../src/engine/engine.js";
import { encodeQuery } from "../src/probe/dns.js";
import { outcomes } from "../src/probe/outcome.js";
import { columns } from "./truth-compare.js";

export interface TrialOptions {
  readonly address: string;
  readonly port: number;
  /** Where the engine's thread runs. */
  readonly cpu: number;
  readonly rateQps: number;
  readonly count: number;
  readonly timeoutMs: number;
  readonly train?: number;
  readonly transmitStamps?: boolean;
  readonly file: string;
  /** Stop the engine so long after the start; undefined: when all rows are there. */
  readonly stopAfterMs?: number;
  /** Block the event loop for so long, halfway. */
  readonly blockMs?: number;
}

/** TrialResult is what a trial counted, beside the rows in its file. */
export interface TrialResult {
  readonly counters: Counters;
  /** Rows that onBatch was given. */
  readonly delivered: number;
  readonly outcomes: Readonly<Record<string, number>>;
  /** Answered rows whose rtt ends at a kernel stamp, and those whose rtt also begins at one. */
  readonly kernelStamps: number;
  readonly transmitStamps: number;
  readonly queryOctets: number;
  readonly answerOctets: number;
}

const question = { name: "health.example.com", type: "A" } as const;

async function trial(options: TrialOptions): Promise<TrialResult> {
  const { address, port, cpu, rateQps, count, timeoutMs, train, transmitStamps, stopAfterMs, blockMs } = options;
  const kept = columns.map(() => new Float64Array(count));
  const [sentNs, rttNs, sourcePort, id] = kept as [Float64Array, Float64Array, Float64Array, Float64Array];
  const tally = new Float64Array(outcomes.length);
  let [delivered, kernelStamps, sentStamps, answerOctets] = [0, 0, 0, 0];
  const engine = new Engine({ answerOctets: 128, cpus: [cpu] }, (batch) => {
    for (let i = 0; i < batch.length; i++, delivered++) {
      tally[batch.outcome[i]!]!++;
      sentNs[delivered] = batch.sentNs[i]!;
      rttNs[delivered] = batch.rttNs[i]!;
      sourcePort[delivered] = batch.sourcePort[i]!;
      id[delivered] = Number.NaN;
      if (batch.outcome[i] !== answered) continue;
      const at = batch.answerAt[i]!;
      id[delivered] = batch.bytes[at]! * 256 + batch.bytes[at + 1]!;
      answerOctets ||= batch.answerLength[i]!;
      if (batch.flags[i]! & flag.kernelStamp) kernelStamps++;
      if (batch.flags[i]! & flag.transmitStamp) sentStamps++;
    }
  });
  engine.submit({
    probes: [{ target: { address, port }, query: question }],
    schedule: { rateQps, count },
    timeoutMs,
    ...(train === undefined ? {} : { train }),
    ...(transmitStamps === undefined ? {} : { transmitStamps }),
  });
  process.stdout.write("started\n");
  if (blockMs !== undefined) {
    await sleep((count / rateQps / 2) * 1000);
    const untilMs = performance.now() + blockMs;
    while (performance.now() < untilMs) {}
  }
  if (stopAfterMs !== undefined) await sleep(stopAfterMs);
  else for (let tries = 0; delivered < count && tries < 600; tries++) await sleep(50);
  engine.stop();
  const counters = engine.counters();
  engine.close();
  const rows = Math.min(delivered, count);
  writeFileSync(options.file, Buffer.concat(kept.map((column) => Buffer.from(column.slice(0, rows).buffer))));
  return {
    counters,
    delivered,
    outcomes: Object.fromEntries(outcomes.flatMap((name, i) => (tally[i]! > 0 ? [[name, tally[i]!]] : []))),
    kernelStamps,
    transmitStamps: sentStamps,
    queryOctets: encodeQuery(question, 0).length,
    answerOctets,
  };
}

const options = JSON.parse(process.argv[2]!) as TrialOptions;
process.stdout.write(`${JSON.stringify(await trial(options))}\n`);
