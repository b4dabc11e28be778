// One sweep as a process of its own, in the network namespace that it was started in: asks an anycast address for its NSID
// from many source ports, as its argument (JSON) says, and prints each row with the site that answered.
import { setTimeout as sleep } from "node:timers/promises";
import { Engine } from "../src/engine/engine.js";
import { decodeAnswer } from "../src/probe/dns.js";
import { type Outcome, outcomes } from "../src/probe/outcome.js";
import type { Plan } from "../src/probe/plan.js";

export interface SweepOptions {
  readonly address: string;
  readonly transport: "raw" | "socket";
  readonly ports: number;
  /** raw: the first of the reserved source ports. */
  readonly firstPort?: number;
  /** raw: the source address. */
  readonly source?: string;
  /** How often each port asks. */
  readonly rounds: number;
}

/** SweepRow is what became of one probe. */
export interface SweepRow {
  readonly sourcePort: number;
  readonly outcome: Outcome;
  /** The NSID; undefined where nobody told. */
  readonly site?: string;
}

/** SweepResult is all rows, and how many probes were sent. */
export interface SweepResult {
  readonly sent: number;
  readonly rows: readonly SweepRow[];
}

async function sweep({ address, transport, ports, firstPort, source, rounds }: SweepOptions): Promise<SweepResult> {
  const rows: SweepRow[] = [];
  const count = ports * rounds;
  const engine = new Engine({ answerOctets: 512 }, (batch) => {
    for (let i = 0; i < batch.length; i++) {
      const at = batch.answerAt[i]!;
      const answer = decodeAnswer(batch.bytes.subarray(at, at + batch.answerLength[i]!));
      rows.push({
        sourcePort: batch.sourcePort[i]!,
        outcome: outcomes[batch.outcome[i]!]!,
        ...("nsid" in answer && answer.nsid !== undefined ? { site: answer.nsid } : {}),
      });
    }
  });
  const plan: Plan = {
    probes: [
      {
        target: { address, port: 53 },
        query: { name: "health.example.com", type: "A", nsid: true },
        ...(source === undefined ? {} : { source }),
      },
    ],
    schedule: { rateQps: 1000, count },
    timeoutMs: 2000,
    transport,
    ports,
    // Each query from the next port.
    train: 1,
    ...(firstPort === undefined ? {} : { firstPort }),
  };
  engine.submit(plan);
  for (let tries = 0; rows.length < count && tries < 200; tries++) await sleep(50);
  // Whatever is still on its way must find the ports reserved.
  await sleep(200);
  engine.stop();
  const { sent } = engine.counters();
  engine.close();
  return { sent, rows };
}

const options = JSON.parse(process.argv[2]!) as SweepOptions;
process.stdout.write(`${JSON.stringify(await sweep(options))}\n`);
