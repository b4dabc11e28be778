// The steady client of the lab: asks one address at a rate, from many ports, until its stdin ends. On stdout it says when it
// asks, and at the end of every query when it was sent and what came of it.
import { Engine, type Outcome, outcomes } from "../../src/index.js";
import { decodeAnswer } from "../../src/probe/dns.js";
import type { Asking } from "./client.js";
import { healthName } from "./servers.js";

const { address, rateQps, timeoutMs } = JSON.parse(process.argv[2]!) as Asking;
const sentNs: number[] = [];
const outcome: Outcome[] = [];
const by: (string | null)[] = [];

const engine = new Engine({ answerOctets: 512 }, (batch) => {
  for (let row = 0; row < batch.length; row++) {
    const at = batch.answerAt[row]!;
    const octets = batch.bytes.subarray(at, at + batch.answerLength[row]!);
    const answer = octets.length > 0 ? decodeAnswer(octets) : undefined;
    sentNs.push(batch.sentNs[row]!);
    outcome.push(outcomes[batch.outcome[row]!]!);
    by.push((answer && "nsid" in answer && answer.nsid) || null);
  }
});
// One query a send: a train would be one flow's burst.
const probe = { target: { address, port: 53 }, query: { name: healthName, type: "A", nsid: true } };
engine.submit({ probes: [probe], schedule: { rateQps }, timeoutMs, train: 1 });
process.stdout.write("asking\n");
process.stdin.resume().once("end", () => {
  engine.close();
  process.stdout.write(`${JSON.stringify({ sentNs, outcome, by })}\n`);
});
