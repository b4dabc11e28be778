import { describe, expect, it } from "vitest";
import { reportOf } from "../../src/load/answer.js";
import type { LoadRecord } from "../../src/load/record.js";
import { renderMomentsCsv, renderTrialsCsv } from "../../src/load/report-csv.js";
import { renderHgrm } from "../../src/load/report-hgrm.js";
import { loadRecords } from "./records.js";

const report = reportOf(loadRecords({ knee: 30_000, seconds: 2 }))!;
const table = (csv: string) => {
  const [header, ...rows] = csv
    .trimEnd()
    .split("\r\n")
    .map((line) => line.split(","));
  return rows.map((row) => Object.fromEntries(header!.map((name, i) => [name, row[i]])));
};

describe("renderTrialsCsv", () => {
  it("has a line for each trial with the records' figures", () => {
    const rows = table(renderTrialsCsv(report).replaceAll('"', ""));
    expect(rows.map((row) => Number(row["p99_ns"]))).toEqual(report.trials.map(({ latency }) => latency.p99_ns));
    expect(rows.map((row) => Number(row["rcode_noerror"]))).toEqual(
      report.trials.map(({ rcodes }) => rcodes["NOERROR"]),
    );
    expect(rows.map((row) => row["verdict"])).toEqual(
      report.trials.map(({ misses }) => (misses.length > 0 ? "missed" : "held")),
    );
    expect(rows[0]!["cpu_server"]).toBe("");
  });

  it("quotes what would break a line, and defuses what a spreadsheet would run", () => {
    const records = loadRecords({ mode: "rate", rates: [100], seconds: 1 }).map((record) =>
      record.type === "trial" ? { ...record, limited_by_generator: '=HYPERLINK("x"), so\nthere' } : record,
    ) as LoadRecord[];
    expect(renderTrialsCsv(reportOf(records)!)).toContain(`,"'=HYPERLINK(""x""), so\nthere",`);
  });
});

describe("renderMomentsCsv", () => {
  it("has a line for each second of each trial", () => {
    const rows = table(renderMomentsCsv(report));
    const moments = report.trials.flatMap(({ moments }) => moments);
    expect(rows.map((row) => Number(row["sent"]))).toEqual(moments.map(({ sent }) => sent));
    expect(rows.map((row) => row["rcode_servfail"])).toEqual(
      moments.map(({ rcodes }) => String(rcodes["SERVFAIL"] ?? 0)),
    );
  });
});

describe("renderHgrm", () => {
  it("prints the chosen trial's distribution as HdrHistogram does, in ms", () => {
    const trial = report.trials.find(({ trial }) => trial === report.result!.trial)!;
    const text = renderHgrm(report);
    expect(text).toMatch(/^ +Value +Percentile +TotalCount 1\/\(1-Percentile\)\n/);
    expect(Number(/Total count += +(\d+)/.exec(text)![1])).toBe(trial.latency.count);
    const median = Number(/^ +([\d.]+) 0\.5000/m.exec(text)![1]) * 1e6;
    expect(Math.abs(median / trial.latency.p50_ns! - 1)).toBeLessThan(0.02);
  });

  it("refuses a damaged histogram, and a report without a trial", () => {
    const damaged = { ...report, trials: report.trials.map((trial) => ({ ...trial, hdr: "SElTVEZ" })) };
    expect(() => renderHgrm(damaged, "r.json")).toThrow(/^r\.json: trial \d+: expected the base64 of an HdrHistogram/);
    expect(() => renderHgrm({ ...report, trials: [] }, "r.json")).toThrow("r.json: expected a trial, got none");
  });
});
