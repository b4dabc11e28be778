// `anyprobe check` as a monitoring system runs it: one line on stdout, figures after the bar, and the exit code.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stateOf } from "../../src/cli/check-run.js";
import { checkLine } from "../../src/cli/check-text.js";
import { Answerer } from "../../src/demo/answerer.js";
import type { TargetSummary } from "../../src/index.js";
import { freePort } from "../support/answerer.js";
import { anyprobe } from "../support/command.js";

const address = "127.0.0.21";
let port: string;
let answerer: Answerer;
beforeAll(async () => {
  port = String(await freePort());
  answerer = await Answerer.open({ address, port: Number(port), nsid: "e1" });
});
afterAll(() => answerer.close());

const ask = ["-l", "health.example.com", "--interval", "10ms", "-t", "5"];
/** 'label'=value[unit];warning;critical;least;most, as the plugins' guidelines have it. */
const perfdata = /^('\w+'=(U|[\d.]+(ms|%)?)(;[\d.]*){2,4} ?)+$/;

describe("anyprobe check", () => {
  it("is OK, WARNING, CRITICAL or UNKNOWN, and says why", async () => {
    const [ok, slow, slower, wrong, dead, bad] = await Promise.all([
      anyprobe("check", "-H", address, "-p", port, ...ask, "-w", "4", "-c", "5s"),
      anyprobe("check", address, "-p", port, ...ask, "-w", "1us"),
      anyprobe("check", address, "-p", port, ...ask, "-w", "1us", "-c", "0.000002"),
      anyprobe("check", address, "-p", port, ...ask, "-a", "192.0.2.1"),
      anyprobe("check", "127.0.0.22", "-p", port, ...ask),
      anyprobe("check", "ns1.example.com"),
    ]);
    const told = [ok, slow, slower, wrong, dead, bad].map(({ code, out }) => [code, out.split(" - ")[0]]);
    expect(told).toEqual([
      [0, "DNS OK"],
      [1, "DNS WARNING"],
      [2, "DNS CRITICAL"],
      [2, "DNS CRITICAL"],
      [2, "DNS CRITICAL"],
      [3, "DNS UNKNOWN"],
    ]);
    for (const { out, err } of [ok, slow, slower, wrong, dead]) {
      expect(err).toBe("");
      expect(out.split("\n")).toHaveLength(2);
      expect(out.trimEnd().split(" | ")[1]).toMatch(perfdata);
    }
    expect(ok.out).toMatch(/, from e1 \| 'p99'=[\d.]+ms;4000;5000;0;5000 'p50'=[\d.]+ms;;;0;5000 /);
    expect(slow.out).toContain("(over 1.00us)");
    expect(slower.out).toContain("(over 2.00us)");
    expect(wrong.out).toContain("answers 198.51.100.80, expected 192.0.2.1");
    expect(dead.out).toContain("unreachable (ECONNREFUSED), 3 probes | 'p99'=U;");
    expect(bad).toMatchObject({ err: "", out: expect.stringContaining('got "ns1.example.com"') });
  });

  it("is UNKNOWN for a wrong command line, and CRITICAL for a server that is silent", async () => {
    answerer.manner = { mode: "silent" };
    const [option, none, silent] = await Promise.all([
      anyprobe("check", address, "--bogus"),
      anyprobe("check"),
      anyprobe("check", address, "-p", port, ...ask, "-t", "1500ms", "-n", "2"),
    ]);
    expect([option.code, none.code, silent.code]).toEqual([3, 3, 2]);
    expect(option.out).toBe("DNS UNKNOWN - unknown option '--bogus'\n");
    expect(none.out).toContain("DNS UNKNOWN - expected the address of the target, got none");
    expect(silent.out).toContain("no answer within 1.50s, 2 probes | 'p99'=U;;;0;1500 ");
  });
});

const latency = { count: 3, p50Ns: 1e6, p90Ns: 2e6, p99Ns: 3e6, p999Ns: 3e6, maxNs: 3e6 };
const summary: TargetSummary = {
  ...{ index: 0, target: "192.0.2.1:53", state: "up", ended: 3, passed: 3, wrong: 0, timeouts: 0, unreachable: 0 },
  ...{ voided: 0, loss: 0, rcodes: { NOERROR: 3 }, latency, site: undefined, siteSource: undefined, recent: [] },
};

describe("the state of a check", () => {
  it.each<[Partial<TargetSummary>, { warningMs?: number; criticalMs?: number }, string]>([
    [{}, {}, "OK"],
    [{}, { warningMs: 3, criticalMs: 3 }, "OK"],
    [{}, { warningMs: 2.9, criticalMs: 20 }, "WARNING"],
    [{}, { warningMs: 1, criticalMs: 2.9 }, "CRITICAL"],
    [{ passed: 2, timeouts: 1 }, {}, "WARNING"],
    [{ passed: 2, wrong: 1 }, {}, "CRITICAL"],
    [{ passed: 0, timeouts: 3 }, {}, "CRITICAL"],
    [{ passed: 0, unreachable: 2, voided: 1 }, {}, "CRITICAL"],
    [{ passed: 0, voided: 3 }, {}, "UNKNOWN"],
    [{ passed: 2, voided: 1 }, {}, "OK"],
  ])("of %j within %j is %s", (changes, limits, state) => {
    expect(stateOf({ ...summary, ...changes }, limits)).toBe(state);
  });

  it("is a line, whatever the server says of itself", () => {
    const line = checkLine({
      ...{ state: "OK", question: "a/A", limits: {}, timeoutMs: 1000, reason: undefined },
      summary: { ...summary, site: "x|y\nz", siteSource: "nsid" },
    });
    expect(line.split("\n")).toHaveLength(1);
    expect(line.split("|")).toHaveLength(2);
    expect(line).toContain("from x/y z | 'p99'=3ms;;;0;1000");
  });
});
