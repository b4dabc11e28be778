// `anyprobe status` as text: what an operator reads of a daemon's state.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { renderStatus } from "../../src/cli/status-text.js";
import type { PrefixReport, Status } from "../../src/run/status.js";
import { prefixReport, statusOf } from "../support/status.js";

const down: Partial<PrefixReport> = {
  wanted: "withdrawn",
  observed: "withdrawn",
  want: "withdrawn",
  checks: [{ ...prefixReport().checks[0]!, state: "down", last: "fail: port unreachable" }],
};

const render = (changes: Partial<PrefixReport>, around: Partial<Status> = {}) =>
  renderStatus(statusOf([prefixReport(changes)], around), false, 65e9).split("\n");
/** The line of the prefix, and those of what stands between it and its checks. */
const prefixLines = (changes: Partial<PrefixReport>) => render(changes).slice(5, -2);

describe("renderStatus", () => {
  it("shows what is announced, how each check stands, and since when", () => {
    expect(render(down)).toEqual([
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

  it("looks as in the README", () => {
    const hour = 3600e9;
    const [check] = prefixReport().checks;
    const latency = { ...check!.latency, count: 11_223, p50Ns: 137_000, p99Ns: 191_000, maxNs: 2.59e6 };
    const report = prefixReport({
      guard: { others: 2, needed: 1, held: false, reason: null },
      checks: [{ ...check!, sinceNs: 0, latency }],
    });
    const status = statusOf([report], {
      ...{ pid: 812, uptimeNs: 3.12 * hour, residentOctets: 82 * 2 ** 20, configFile: "/etc/anyprobe/anyprobe.yaml" },
      sources: [{ family: 4, address: "198.18.1.2", why: "a global address of eth0" }],
      hints: { on: true },
      health: {
        ...{ eventLoopP99Ns: 1.91e6, eventLoopMaxNs: 2.11e6, drainMaxNs: 4.01e6, tickMaxNs: 34.4e6 },
        ...{ stalls: 0, stalledNs: 0, voided: 0, stealShare: 0.0005, complaints: [] },
      },
    });
    const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
    expect(readme).toContain(`\`\`\`\n${renderStatus(status, false, 3.12 * hour)}\`\`\``);
  });

  it("never says verified where nothing was moved", () => {
    const reason = "dry run: nothing was changed";
    const drivers = [{ driver: "none", observed: "withdrawn", verified: true, reason }] as const;
    expect(prefixLines({ ...down, reason, drivers })).toEqual([
      "  203.0.113.53/32          withdrawn  dry run: nothing was changed",
    ]);
  });

  it("tells a removal by hand from a withdrawal", () => {
    const lines = prefixLines({ ...down, wanted: "announced", manual: { by: "pid 42", atNs: 6e9 } });
    expect(lines).toEqual(["  203.0.113.53/32          manual     verified; wanted announced; taken away by pid 42"]);
  });

  it("has a freeze in the first line", () => {
    const frozen = (leftMs: number | null, reason: string | null) =>
      render({}, { frozen: { by: "root (pid 1)", reason, leftMs } })[0];
    expect(frozen(2.52e6, "a new switch")).toBe(
      "frozen by root (pid 1), 42m0s left: a new switch; no route is touched",
    );
    expect(frozen(null, null)).toBe("frozen by root (pid 1); no route is touched");
  });

  it("shows an order with who, why, how far it is, and how much longer", () => {
    const order = { kind: "drain", by: "root (pid 1)", reason: "a new disk", leftMs: 3.6e6 } as const;
    const phase = "draining, 12 packets/s, 500/s before";
    expect(prefixLines({ observed: "drained", wanted: "drained", order: { ...order, phase } })).toEqual([
      "  203.0.113.53/32          drained    verified",
      "    order       drain by root (pid 1), 1h0m left: a new disk; draining, 12 packets/s, 500/s before",
    ]);
    const manual = { ...order, kind: "manual", reason: null, leftMs: null } as const;
    expect(prefixLines({ ...down, order: manual })).toEqual([
      "  203.0.113.53/32          manual     verified",
      "    order       taken away by hand by root (pid 1)",
    ]);
    const hold = { ...order, kind: "hold", reason: "the disk fails", leftMs: null } as const;
    expect(
      prefixLines({ ...down, order: hold, manual: { by: "root (pid 1)", atNs: 6e9, why: "the disk fails" } }),
    ).toEqual([
      "  203.0.113.53/32          withdrawn  verified",
      "    order       hold by root (pid 1): the disk fails",
    ]);
  });

  it("shows what the guard sees, and why it holds", () => {
    const guard = { others: 2, needed: 1, held: false, reason: null };
    const line = (changes: object) => prefixLines({ guard: { ...guard, ...changes } })[1];
    expect(line({})).toBe("    guard       2 others, 1 needed");
    expect(line({ others: null, reason: "ospfd does not answer" })).toBe(
      "    guard       others unknown, 1 needed; ospfd does not answer",
    );
    expect(line({ others: 0, held: true, reason: "no other endpoint would take the traffic, 1 must" })).toBe(
      "    guard       held: no other endpoint would take the traffic, 1 must",
    );
  });

  it("shows by what a driver moves it, where it has a choice", () => {
    const way = "`no network`: the statement is its own";
    expect(prefixLines({ drivers: [{ driver: "frr", observed: "announced", verified: true, way }] })[1]).toBe(
      "    frr         `no network`: the statement is its own",
    );
  });

  it("shows how much longer damping waits", () => {
    expect(prefixLines({ ...down, wanted: "announced", holdDownMs: 8200 })).toEqual([
      "  203.0.113.53/32          withdrawn  verified; wanted announced",
      "    hold-down   8.20s left",
    ]);
  });

  it("shows how the bounds of an objective stand", () => {
    const burn = { windowNs: 30e9, samples: 300, bad: 0, value: 12.3e6, burns: false };
    const p99 = { name: "p99", unit: "ns", limit: 20e6, slow: burn, fast: burn } as const;
    const loss = { ...p99, name: "loss", unit: "fraction", limit: 0.005, slow: { ...burn, value: 0.00123 } } as const;
    const silent = { ...p99, slow: { ...burn, value: null } };
    const line = (objective: PrefixReport["objective"]) => prefixLines({ objective })[1];
    const kept = { breached: false, reasons: [], samples: 300 };
    expect(line({ ...kept, figures: [p99, loss] })).toBe(
      "    objective   kept (300 probes): p99 12.3ms of 20.0ms; loss 0.123% of 0.5%",
    );
    expect(line({ ...kept, samples: 0, figures: [silent] })).toBe(
      "    objective   kept (0 probes): p99 unknown of 20.0ms",
    );
    const few = ["too few probes to judge by: 12 over 30s, expected at least 20"];
    expect(line({ ...kept, samples: 12, reasons: few, figures: [p99] })).toBe(
      "    objective   not judged: too few probes to judge by: 12 over 30s, expected at least 20",
    );
    const reasons = ["p99 41.2ms above 20ms over 30s (300 probes)"];
    expect(line({ breached: true, reasons, samples: 300, figures: [p99] })).toBe(
      "    objective   breached: p99 41.2ms above 20ms over 30s (300 probes)",
    );
  });

  it("says which checks decide nothing about life", () => {
    const check = prefixReport().checks[0]!;
    expect(render({ checks: [{ ...check, role: "alert" }] })[6]).toMatch(/^ {4}dns health\.example\.com\/A \(alert\) /);
  });

  it("shows how the prober itself fares", () => {
    const health = {
      eventLoopP99Ns: 1.2e6,
      eventLoopMaxNs: 30e6,
      drainMaxNs: 2e6,
      tickMaxNs: 8e6,
      stalls: 1,
      stalledNs: 1.5e9,
      voided: 12,
      stealShare: 0.034,
      complaints: ["the prober stood still for 1.50s: 12 probes say nothing"],
    };
    expect(render({}, { health }).slice(3, 5)).toEqual([
      "own health   event loop late p99 1.20ms max 30.0ms, results 2.00ms, ticks 8.00ms, steal 3.4%",
      "own health   the prober stood still for 1.50s: 12 probes say nothing",
    ]);
    const unknown = { ...health, stealShare: null, complaints: [] };
    expect(render({}, { health: unknown })[3]).toMatch(/ticks 8\.00ms$/);
  });

  it("lets nothing that was quoted move the cursor", () => {
    const check = { ...prefixReport().checks[0]!, last: "fail: \x1b[2J\nforged" };
    const text = render({ checks: [check], reason: "a\rb" }).join("\n");
    expect(text).toContain("fail: \ufffd[2J\ufffdforged");
    expect(text).toContain("a\ufffdb");
  });

  it("puts the worst in colour", () => {
    const text = renderStatus(
      statusOf([prefixReport(down)], { frozen: { by: "x", reason: null, leftMs: null } }),
      true,
    );
    expect(text).toContain("\x1b[1m\x1b[31mfrozen");
    expect(text).toContain("\x1b[31mwithdrawn ");
  });
});
