// The live table: what it says, and that it fits the screen.
import { stripVTControlCharacters } from "node:util";
import { describe, expect, it } from "vitest";
import { frame } from "../../src/cli/status-watch.js";
import { eventText, renderEnd, renderTable, type Scene, sparkline, targetRows } from "../../src/cli/watch-table.js";
import type { TargetSummary, WatchEvent } from "../../src/index.js";

const latency = { count: 3, p50Ns: 1e6, p90Ns: 2e6, p99Ns: 3e6, p999Ns: 3e6, maxNs: 3e6 };
const none = {
  count: 0,
  p50Ns: Number.NaN,
  p90Ns: Number.NaN,
  p99Ns: Number.NaN,
  p999Ns: Number.NaN,
  maxNs: Number.NaN,
};
const counts = { ended: 4, passed: 3, wrong: 0, timeouts: 1, unreachable: 0, voided: 0 };

const up: TargetSummary = {
  ...{ index: 1, target: "192.0.2.1:53", state: "up", ...counts, loss: 0.25, rcodes: { NOERROR: 3 }, latency },
  ...{ site: "fra1", siteSource: "id.server", recent: [1, null, 3, 2] },
};
const down: TargetSummary = {
  ...{ index: 0, target: "[2001:db8::53]:53", state: "down", ...counts, passed: 0, timeouts: 4, loss: 1, rcodes: {} },
  ...{ latency: none, site: undefined, siteSource: undefined, recent: [null, null] },
};
const scene: Scene = {
  asked: { question: "health.example.com/A", intervalMs: 1000, timeoutMs: 1000 },
  totals: {
    ...{ targets: 100, up: 90, down: 7, unknown: 3, ended: 12_345, passed: 12_000, wrong: 5, timeouts: 340 },
    ...{ unreachable: 0, voided: 0, loss: 0.0275, chaosEnded: 0, sites: { fra1: 60, ams1: 30 } },
  },
  ...{ latency, perSecond: 99.6, ranNs: 12e9, worst: [down, up], events: [] },
};
const site: WatchEvent = {
  ...{ kind: "site", index: 1, target: { address: "192.0.2.1", port: 53 }, atMs: 0 },
  ...{ site: "ams1", siteSource: "nsid", before: "fra1" },
};

describe("the table", () => {
  it("has all targets together, the sites, and a line for each of the worst", () => {
    expect(renderTable(scene, { rows: 24, columns: 120 }, false).split("\n")).toEqual([
      "100 targets  health.example.com/A every 1.00s  90 up  7 down  3 unknown  12.0s",
      "12,345 probes (100/s)  loss 2.75%  wrong 5  p50 1.00ms  p99 3.00ms  max 3.00ms",
      "sites  fra1 60  ams1 30",
      "",
      "target             state        loss     p50     p99     max  newest            site",
      "[2001:db8::53]:53  down         100%       –       –       –                ××",
      "192.0.2.1:53       up            25%  1.00ms  3.00ms  3.00ms              ▁×█▅  fra1 (id.server)",
      "… 98 more that are better",
      "",
    ]);
  });

  it.each([
    [8, 80],
    [12, 80],
    [24, 40],
    [60, 200],
  ])("fits a screen of %i lines and %i columns, with whatever has happened", (rows, columns) => {
    const worst = Array.from({ length: 100 }, () => down);
    for (const events of [[], [site], [site, site, site, site, site, site]]) {
      const shown = worst.slice(0, targetRows({ rows, columns }, events.length));
      const text = renderTable({ ...scene, worst: shown, events }, { rows, columns }, true);
      const lines = frame(text, rows).split("\n");
      expect(lines.length).toBeLessThanOrEqual(rows);
      if (rows > 12) expect(stripVTControlCharacters(text).trimEnd().split("\n")).toHaveLength(rows - 1);
    }
  });

  it("is in colour only where that is wanted, and lets no site steer the terminal", () => {
    const evil = { ...up, site: "\x1b[2J\nfra" };
    const text = renderTable({ ...scene, worst: [evil] }, { rows: 24, columns: 120 }, false);
    expect(text).not.toContain("\x1b");
    expect(text).toContain("\\u{1b}[2J\\u{a}fra");
    expect(renderTable(scene, { rows: 24, columns: 120 }, true)).toContain("\x1b[31mdown");
  });

  it("tells at most of a dozen sites by name", () => {
    const sites = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`s${i}`, 1]));
    const text = renderTable({ ...scene, totals: { ...scene.totals, sites } }, { rows: 24, columns: 80 }, false);
    expect(text).toContain("s11 1  and 28 more\n");
  });
});

describe("the end of a watch", () => {
  it("tells of those that are not well", () => {
    const well = { ...up, loss: 0, timeouts: 0, target: "192.0.2.9:53" };
    const text = renderEnd({ ...scene, worst: [down, up, well] }, false);
    expect(text).toContain("[2001:db8::53]:53  down");
    expect(text).toContain("192.0.2.1:53       up");
    expect(text).not.toContain("192.0.2.9");
    expect(renderEnd({ ...scene, worst: [well] }, false)).not.toContain("state");
  });
});

describe("a line of bars", () => {
  it.each([
    [[], ""],
    [[null, null], "××"],
    [[5], "▁"],
    [[1, 1.01, 1.02], "▁▁▂"],
    [[1, 2, 3, 4, 5, 6, 7, 8], "▁▂▃▄▅▆▇█"],
    [[1, null, 8], "▁×█"],
  ])("of %j is %s", (recent, bars) => {
    expect(sparkline(recent)).toBe(bars);
  });
});

describe("an event", () => {
  it.each<[WatchEvent, string]>([
    [site, "00:00:00  192.0.2.1:53 is answered by ams1, before fra1"],
    [
      { kind: "down", index: 0, target: { address: "192.0.2.1", port: 53 }, atMs: 3_661_000, reason: "timeout" },
      "01:01:01  192.0.2.1:53 is down: timeout",
    ],
    [{ kind: "up", index: 0, target: { address: "192.0.2.1", port: 53 }, atMs: 0 }, "00:00:00  192.0.2.1:53 is up"],
    [{ kind: "gap", lost: 1234, atMs: 0 }, "00:00:00  1,234 events lost"],
  ])("is a line", (event, line) => {
    expect(eventText(event)).toBe(line);
  });
});
