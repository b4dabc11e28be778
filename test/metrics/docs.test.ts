// Nothing that is said of metrics drifts from the code: the page, the alerts and the dashboard.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { parse } from "yaml";
import type { Metric } from "../../src/metrics/exposition.js";
import { processMetrics } from "../../src/metrics/process.js";
import { runMetrics } from "../../src/run/metrics.js";
import { countMetrics } from "../../src/run/metrics-count.js";
import { watchMetrics } from "../../src/watch/metrics.js";
import { skipWithoutLab } from "../support/lab.js";
import { promtool, promtoolMissing } from "../support/prometheus.js";
import { rows } from "../support/table.js";

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const pathOf = (path: string) => new URL(`../../${path}`, import.meta.url).pathname;
const documented = rows(read("docs/metrics.md"));
const rulesFile = "packaging/prometheus/anyprobe.rules.yml";
const testsFile = "test/metrics/anyprobe.rules.test.yml";

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
}

const rules = (parse(read(rulesFile)) as { groups: { rules: Rule[] }[] }).groups.flatMap(({ rules }) => rules);
const all: Metric[] = [processMetrics, runMetrics, countMetrics, watchMetrics].flatMap((group) => Object.values(group));

describe("docs/metrics.md", () => {
  it.each([
    ["`anyprobe run`", { ...runMetrics, ...countMetrics }],
    ["`anyprobe watch`", watchMetrics],
    ["Both", processMetrics],
  ])("has every metric of %s with its type, its labels and what it is, and no other", (heading, metrics) => {
    const cells = ({ name, type, labels, help }: Metric) => {
      const named = labels.map((label) => `\`${label}\``).join(", ");
      return [`\`${name}\``, type, named === "" ? "–" : named, help];
    };
    const table = documented.filter((row) => row.heading === heading).map((row) => row.cells);
    expect(table).toEqual(Object.values(metrics).map(cells));
  });
});

/** What an expression asks for: each metric that is ours, with the labels of its selector. */
function selectors(expr: string): { name: string; labels: string[] }[] {
  return [...expr.matchAll(/\b((?:anyprobe|process)_[a-z0-9_]+)(?:\{([^}]*)\})?/g)].map(([, name, inner = ""]) => ({
    name: name!,
    labels: [...inner.matchAll(/(\w+)(?:=~|!~|!=|=)"/g)].map(([, label]) => label!),
  }));
}

function unknownIn(expr: string): string[] {
  const ofScrape = ["instance", "job", "le", "quantile"];
  return selectors(expr).flatMap(({ name, labels }) => {
    const bare = name.replace(/_(bucket|sum|count)$/, "");
    const metric = all.find((one) => one.name === name || (one.name === bare && /histogram|summary/.test(one.type)));
    if (!metric) return [name];
    return labels
      .filter((label) => ![...metric.labels, ...ofScrape].includes(label))
      .map((label) => `${name} ${label}`);
  });
}

const dashboard = JSON.parse(read("packaging/grafana/anyprobe.json")) as {
  panels: { id: number; title: string; gridPos: Record<"x" | "y" | "w" | "h", number>; targets?: { expr: string }[] }[];
};
const exprs = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));

describe("the alerts", () => {
  it("ask for metrics and labels that there are", () => {
    expect(rules.flatMap(({ expr }) => unknownIn(expr))).toEqual([]);
  });

  it("each page somebody or write a ticket, and have a test", () => {
    for (const { alert, labels } of rules) expect(labels.severity, alert).toMatch(/^(page|ticket)$/);
    const { tests } = parse(read(testsFile)) as {
      tests: { alert_rule_test: { alertname: string; exp_alerts: object[] }[] }[];
    };
    const cases = tests.flatMap(({ alert_rule_test }) => alert_rule_test);
    for (const expected of [0, 1]) {
      const tested = cases.filter(({ exp_alerts }) => exp_alerts.length === expected).map(({ alertname }) => alertname);
      expect(tested.sort()).toEqual(rules.map(({ alert }) => alert).sort());
    }
  });

  it.skipIf(skipWithoutLab(promtoolMissing()))(
    "are as promtool wants them, and wait for what they are to wait for",
    () => {
      expect(promtool(["check", "rules", pathOf(rulesFile)])).toBe("");
      expect(promtool(["test", "rules", pathOf(testsFile)])).toBe("");
    },
  );
});

describe("the dashboard", () => {
  it("asks for metrics and labels that there are", () => {
    expect(exprs.length).toBeGreaterThan(20);
    expect(exprs.flatMap(unknownIn)).toEqual([]);
  });

  it.skipIf(skipWithoutLab(promtoolMissing()))("asks in PromQL", () => {
    const filled = exprs.map((expr) => expr.replaceAll("$__rate_interval", "5m").replaceAll("$instance", ".*"));
    const rules = filled.map((expr, i) => ({ record: `panel:${i}`, expr }));
    const directory = mkdtempSync(join(tmpdir(), "anyprobe-panels-"));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const file = join(directory, "panels.yml");
    writeFileSync(file, JSON.stringify({ groups: [{ name: "panels", rules }] }));
    expect(promtool(["check", "rules", file])).toBe("");
  });

  it("has panels that do not lie on each other, each with its own id", () => {
    const { panels } = dashboard;
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const taken = new Set<string>();
    for (const { title, gridPos } of panels)
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(taken.has(`${x} ${y}`), title).toBe(false);
          expect(x).toBeLessThan(24);
          taken.add(`${x} ${y}`);
        }
  });
});
