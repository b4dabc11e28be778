// `anyprobe status` as text: what an operator reads of a daemon's state.
import { describe, expect, it } from "vitest";
import { renderStatus } from "../../src/cli/status-text.js";
import { prefixOf } from "../../src/route/prefix.js";
import type { PrefixReport, Status } from "../../src/run/status.js";

const latency = { count: 3, p50Ns: 150_000, p90Ns: 2e5, p99Ns: 2e6, p999Ns: 2e6, maxNs: 2e6 };
const report: PrefixReport = {
  prefix: prefixOf("203.0.113.53"),
  wanted: "withdrawn",
  observed: "withdrawn",
  verified: true,
  want: "withdrawn",
  drivers: [{ driver: "address", observed: "withdrawn", verified: true }],
  checks: [
    {
      name: "dns health.example.com/A",
      role: "gate",
      state: "down",
      sinceNs: 5e9,
      last: "fail: port unreachable",
      verdicts: { pass: 3, fail: 3, unknown: 0 },
      latency,
      spread: [],
    },
  ],
};

function linesOf(changes: Partial<PrefixReport>): readonly string[] {
  const status = {
    schemaVersion: 1,
    version: "0.1.0",
    pid: 7,
    uptimeNs: 60e9,
    configFile: null,
    sources: [],
    markRule: { on: true },
    hints: { on: false, reason: "EPERM" },
    services: [{ name: "resolver", prefixes: [{ ...report, ...changes }] }],
    counters: {} as Status["counters"],
    residentOctets: 80 * 2 ** 20,
  } satisfies Status;
  return renderStatus(status, false, 65e9).split("\n");
}

describe("renderStatus", () => {
  it("shows what is announced, how each check stands, and since when", () => {
    expect(linesOf({})).toEqual([
      "anyprobe 0.1.0, pid 7, up 1m0s, 80 MiB",
      "mark rule    on",
      "hints        off: EPERM",
      "",
      "resolver",
      "  203.0.113.53/32          withdrawn  verified",
      "    dns health.example.com/A             down     for 1m0s    p50 150us  p99 2.00ms  max 2.00ms  (3 answers)  last fail: port unreachable",
      "",
    ]);
  });

  it("never says verified where nothing was moved", () => {
    const reason = "dry run: nothing was changed";
    const lines = linesOf({ reason, drivers: [{ driver: "none", observed: "withdrawn", verified: true, reason }] });
    expect(lines[5]).toBe("  203.0.113.53/32          withdrawn  dry run: nothing was changed");
  });

  it("tells an operator's order from a withdrawal", () => {
    const lines = linesOf({ wanted: "announced", manual: { by: "pid 42", atNs: 6e9 } });
    expect(lines[5]).toBe("  203.0.113.53/32          manual     verified; wanted announced; taken away by pid 42");
  });
});
