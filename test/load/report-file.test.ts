import { describe, expect, it } from "vitest";
import { LoadError } from "../../src/errors.js";
import type { TrialRecord } from "../../src/load/record.js";
import { readReportFile, readReportText } from "../../src/load/report-file.js";
import { loadRecords, ndjson } from "./records.js";

const records = loadRecords({ knee: 30_000, seconds: 2 });
const text = ndjson(records);
const [start, first] = records as unknown as [object, TrialRecord];
const line = (record: object) => `${JSON.stringify(record)}\n`;

describe("readReportText", () => {
  it("gives the records back as they were, without progress", () => {
    const progress = line({ ...start, type: "progress", trial: 1 });
    const lines = text.split("\n");
    const report = readReportText([lines[0], progress.trim(), ...lines.slice(1)].join("\n"), "r.json");
    expect([report.start, ...report.trials, report.result]).toEqual(records);
    expect(report.warnings).toEqual([]);
  });

  it("takes a file without its end, and says so", () => {
    const report = readReportText(ndjson(records.slice(0, 3)), "r.json");
    expect(report.trials).toHaveLength(2);
    expect(report.result).toBeUndefined();
    expect(report.warnings).toEqual(["r.json: has no result: the run was killed, or is still going on"]);
  });

  it("takes keys that a newer version added", () => {
    expect(readReportText(line({ ...start, mood: "good" }), "r.json").start.mode).toBe("search");
  });

  it("takes a limit where nothing was counted, which JSON writes as null", () => {
    const report = readReportText(
      line(start) + line({ ...first, misses: [{ limit: "p99<5ms", got: null }] }),
      "r.json",
    );
    expect(report.trials[0]!.misses[0]!.got).toBeNaN();
  });

  it.each([
    ["", "r.json: expected the records of anyprobe bench --json, got no start record"],
    ["hello\n", 'r.json:1: expected a JSON object, got "hello"'],
    ["[]\n", 'r.json:1: expected a JSON object, got "[]"'],
    [text.slice(0, -20), `r.json:${records.length}: expected a JSON object, got a truncated last line`],
    [line({ ...start, schema_version: 2 }), "r.json:1: expected schema_version 1, got 2"],
    ['{"a": 1}\n', "r.json:1: expected schema_version 1, got undefined"],
    [
      line({ ...start, type: "toString" }),
      'r.json:1: expected a type of start, progress, trial or result, got "toString"',
    ],
    [line(first), "r.json:1: expected the start record first, got trial"],
    [line(start) + line(start), "r.json:2: expected one run, got a second start record"],
    [`${text}${line(first)}`, `r.json:${records.length + 1}: expected nothing after the result record, got trial`],
    [line(start) + line({ ...first, run_id: "x" }), 'r.json:2: expected run_id "7d1c0e9a", got "x"'],
    [line(start) + line({ ...first, trial: 2 }), "r.json:2: expected trial 1, got trial 2"],
    [
      line(start) + line({ ...first, sent: first.sent + 1 }),
      /^r\.json:2: trial\.sent: expected \d+, the sum of answered, /,
    ],
    [
      line(start) +
        line({
          ...first,
          buckets: [
            [5, 9, 1],
            [7, 12, 1],
          ],
        }),
      "r.json:2: trial.buckets.1: expected buckets that ascend",
    ],
    [line(start) + line({ ...first, seconds: "2" }), /^r\.json:2: trial\.seconds: .*expected number/],
    [line({ ...start, mode: "warp" }), /^r\.json:1: start\.mode: /],
  ])("refuses %j by line", (content, message) => {
    const read = () => readReportText(content, "r.json");
    expect(read).toThrow(LoadError);
    expect(read).toThrow(message);
  });
});

describe("readReportFile", () => {
  it("says which file cannot be read", async () => {
    await expect(readReportFile("/nonexistent/r.json")).rejects.toThrow("/nonexistent/r.json: cannot be read (ENOENT)");
  });
});
