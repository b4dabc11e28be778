// A status as a daemon tells it, for tests of what is made of one.
import { prefixOf } from "../../src/route/prefix.js";
import type { PrefixReport, Status } from "../../src/run/status.js";

const latency = { count: 3, p50Ns: 150_000, p90Ns: 2e5, p99Ns: 2e6, p999Ns: 2e6, maxNs: 2e6 };

/** One check that is up, announced and verified. */
const well: PrefixReport = {
  prefix: prefixOf("203.0.113.53"),
  wanted: "announced",
  observed: "announced",
  verified: true,
  want: "announced",
  drivers: [{ driver: "address", observed: "announced", verified: true }],
  order: null,
  guard: null,
  holdDownMs: 0,
  objective: null,
  checks: [
    {
      name: "dns health.example.com/A",
      role: "gate",
      state: "up",
      sinceNs: 5e9,
      last: "pass",
      verdicts: { pass: 3, fail: 0, unknown: 0 },
      latency,
      spread: [],
    },
  ],
};

/** prefixReport gives one prefix that is well, but for what is given. */
export function prefixReport(changes: Partial<PrefixReport> = {}): PrefixReport {
  return { ...well, ...changes };
}

/** status gives a service `resolver` with these prefixes. */
export function statusOf(prefixes: readonly PrefixReport[], changes: Partial<Status> = {}): Status {
  return {
    schemaVersion: 2,
    version: "0.1.0",
    pid: 7,
    uptimeNs: 60e9,
    configFile: null,
    frozen: null,
    sources: [],
    markRule: { on: true },
    hints: { on: false, reason: "EPERM" },
    services: [{ name: "resolver", prefixes }],
    counters: {} as Status["counters"],
    residentOctets: 80 * 2 ** 20,
    ...changes,
  };
}
