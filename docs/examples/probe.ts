// Asks a server one question. Usage: node probe.js ADDRESS [PORT]
import { probe } from "anyprobe";

const [address = "127.0.0.1", port = "53"] = process.argv.slice(2);
const target = { address, port: Number(port) };

const result = await probe(
  target,
  { name: "health.example.com", type: "A" },
  { timeoutMs: 2000, expect: { answers: ["198.51.100.80"] } },
);

console.log(result.fault ?? "as expected");
if (result.outcome === "answered") {
  const { rcode, rttNs, site = "somebody" } = result;
  console.log(`${site} said ${rcode} in ${(rttNs / 1e6).toFixed(3)} ms`);
}
if (result.fault) process.exitCode = 1;
