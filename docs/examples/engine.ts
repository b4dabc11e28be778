// Asks many targets at a rate, and has the latencies of each in one table. Usage: node engine.js ADDRESS:PORT...
import { answered, Engine, LatencyTable } from "anyprobe";

const targets = process.argv.slice(2).map((text) => {
  const [address = "", port = "53"] = text.split(":");
  return { address, port: Number(port) };
});
const count = 100 * targets.length;

const table = new LatencyTable(targets.length);
const lost = new Uint32Array(targets.length);

await using engine = new Engine();
const run = engine.submit({
  probes: targets.map((target) => ({ target, query: { name: "health.example.com", type: "A" } })),
  schedule: { rateQps: 1000, count },
  timeoutMs: 1000,
});

// One row for every probe sent, always: so that many, and the plan is done.
let left = count;
for await (const { length, probe, outcome, rttNs } of engine.batches()) {
  for (let row = 0; row < length; row++) {
    const index = probe[row]! - run.first;
    if (outcome[row] === answered) table.record(index, rttNs[row]!);
    else lost[index]!++;
  }
  left -= length;
  if (left === 0) break;
}

for (const [index, { address, port }] of targets.entries()) {
  const { count: answers, p50Ns, p99Ns } = table.summary(index);
  const ms = (ns: number) => `${(ns / 1e6).toFixed(3)} ms`;
  console.log(`${address}:${port} ${answers} answered, ${lost[index]} not, p50 ${ms(p50Ns)}, p99 ${ms(p99Ns)}`);
}
