// Finds the highest rate at which a server holds an objective, up to 2,000/s. Usage: node bench.js ADDRESS PORT
import { bench, cacheHit } from "anyprobe";

const [address = "127.0.0.1", port = "53"] = process.argv.slice(2);

const result = await bench({ address, port: Number(port) }, cacheHit({ name: "health.example.com", type: "A" }), {
  objective: "p99<500ms,loss<1%,failure<1%",
  search: { fromQps: 500, maxQps: 2000, resolution: 0.1, finalSeconds: 1, withinSeconds: 60 },
  onRecord: (record) => {
    if (record.type !== "trial") return;
    const missed = record.misses.map(({ limit }) => limit).join(", ");
    console.log(`${record.offered_qps}/s for ${record.seconds.toFixed(1)} s: ${missed ? `missed ${missed}` : "held"}`);
  },
});

// What the generator could not offer says nothing of the server.
if (result.limited_by_generator) console.log(`at least ${result.lower_qps}/s: ${result.limited_by_generator}`);
else console.log(`${result.lower_qps}/s held (${result.reason ?? result.status})`);
