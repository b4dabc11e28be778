// A check as the config makes it, for tests of what is made of its probes.
import type { CheckConfig } from "../../src/run/config.js";

export const dnsCheck: CheckConfig = {
  name: "dns health.example.com/A",
  port: 53,
  query: { name: "health.example.com", type: "A" },
  expect: { rcode: "NOERROR" },
  role: "gate",
  intervalMs: 1000,
  fastIntervalMs: 200,
  timeoutMs: 1000,
  rise: 3,
  fall: 3,
  stableForMs: 0,
  confirm: { probes: 3, intervalMs: 1, forMs: 0 },
};
