// Watches the targets that a file lists, one "ADDRESS PORT" a line, and tells when another site answers than before: the
// catchment has shifted. Ctrl-C ends it. Usage: node watch.js FILE
import { readFileSync } from "node:fs";
import { formatTarget, watch } from "anyprobe";

const lines = readFileSync(process.argv[2]!, "utf8").trim().split("\n");
const targets = lines.map((line) => {
  const [address = "", port = "53"] = line.split(/\s+/);
  return { address, port: Number(port) };
});

const interrupted = new AbortController();
process.once("SIGINT", () => interrupted.abort());

await using watched = watch(targets, {
  query: { name: "health.example.com", type: "A" },
  intervalMs: 100,
  signal: interrupted.signal,
});
for await (const event of watched) {
  if (event.kind === "site") console.log(`${formatTarget(event.target)}: ${event.before ?? "nobody"} -> ${event.site}`);
  if (event.kind === "down") console.log(`${formatTarget(event.target)} is down: ${event.reason}`);
}

for (const { target, loss, latency } of watched.summaries())
  console.log(`${target}: loss ${((loss ?? 0) * 100).toFixed(1)} %, p99 ${(latency.p99Ns / 1e6).toFixed(3)} ms`);
