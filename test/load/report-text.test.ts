import { describe, expect, it } from "vitest";
import { reportOf } from "../../src/load/answer.js";
import type { LoadRecord, ResultRecord, TrialRecord } from "../../src/load/record.js";
import { renderReport } from "../../src/load/report-text.js";
import { loadRecords, type Shape } from "./records.js";

const textOf = (records: readonly LoadRecord[]) => renderReport(reportOf(records)!, false);
const small: Shape = { knee: 30_000, seconds: 2 };
const edit = (records: readonly LoadRecord[], type: string, change: object) =>
  records.map((record) => (record.type === type ? { ...record, ...change } : record)) as LoadRecord[];

describe("renderReport", () => {
  it("says dnsperf's words with the records' figures", () => {
    const records = loadRecords({ mode: "rate", rates: [1000], seconds: 2, ...{ knee: 30_000 } });
    const text = textOf(records);
    expect(text).toMatch(/^ {2}Queries sent: +2,000$/m);
    expect(text).toMatch(/^ {2}Queries completed: +2,000 \(100%\)$/m);
    expect(text).toMatch(/^ {2}Queries lost: +0 \(0%\)$/m);
    expect(text).toMatch(/^ {2}Response codes: +NOERROR 1,940 \(97\.00%\), NXDOMAIN 60 \(3\.00%\)$/m);
    expect(text).toMatch(/^ {2}Run time \(s\): +2\.000000$/m);
    expect(text).toMatch(/^ {2}Queries per second: +1000\.000000$/m);
    expect(text).toMatch(/^ {2}Average Latency \(s\): +0\.000\d{3} \(min 0\.000\d{3}, max 0\.00\d{4}\)$/m);
    expect(text).toMatch(/from the due time; the 0 lost count with the whole timeout; n=2,000$/m);
    expect(text).toContain("p99<5ms, loss<0.1% was held.");
  });

  it("answers a search with what held, what did not, and on what that rests", () => {
    const records = loadRecords(small);
    const result = records.at(-1) as ResultRecord;
    const text = textOf(records);
    const [lower, upper] = [result.lower_qps!, result.upper_qps!].map((qps) => qps.toLocaleString("en-US"));
    expect(text).toContain(`Maximum throughput: ${lower} queries/s\n`);
    expect(text).toContain(`${lower} queries/s held p99<5ms, loss<0.1%; the next, ${upper} queries/s, did not (`);
    expect(text).toMatch(new RegExp(`It rests on trial ${result.trial} of ${result.trials}: 2\\.0 s, n=`));
    expect(text.match(/^ +\d+\*? .*(held|missed)/gm)).toHaveLength(result.trials);
  });

  it("never calls the generator's limit the server's capacity", () => {
    const text = textOf(loadRecords({ ...small, ceiling: 20_000 }));
    expect(text).toContain("Maximum throughput: at least 18,600 queries/s\n");
    expect(text).toContain(
      "Limited by the generator: the server holds at least 18,600 queries/s; this host cannot offer more",
    );
    expect(text).not.toMatch(/Maximum throughput: \d/);
  });

  it("tells what this host lost from what the server did", () => {
    const trials = loadRecords({ mode: "rate", rates: [1000], seconds: 1, knee: 30_000 });
    const clean = trials[1] as TrialRecord;
    expect(textOf(trials)).not.toContain("Lost at this host");
    const text = textOf(edit(trials, "trial", { sent: clean.sent + 7, voided: 7 }));
    expect(text).toMatch(/^ {2}Queries lost: +0 \(0%\)$/m);
    expect(text).toMatch(/^ {2}Lost at this host: +7 \(in its own receive queue/m);
  });

  it("does not round one lost query away", () => {
    const trials = loadRecords({ mode: "rate", rates: [1000], seconds: 1, knee: 30_000 });
    const text = textOf(edit(trials, "trial", { sent: 10_000_000, answered: 9_999_999, timeouts: 1 }));
    expect(text).toMatch(/^ {2}Queries completed: +9,999,999 \(99\.99999%\)$/m);
    expect(text).toMatch(/^ {2}Queries lost: +1 \(0\.00001%\)$/m);
  });

  it.each([
    [{ status: "interrupted", reason: "SIGINT" }, "Interrupted (SIGINT): this is the report so far."],
    [
      { status: "stopped", reason: "3 probes failed" },
      "Stopped by the guard (3 probes failed): this is the report so far.",
    ],
    [{ status: "time" }, "The time that was allowed ran out before the search was done."],
  ])("says how a run ended: %o", (change, sentence) => {
    expect(textOf(edit(loadRecords(small), "result", change))).toContain(sentence);
  });

  it("makes a report of records that have no result, no trial, or nothing that held", () => {
    const records = loadRecords(small);
    expect(textOf(records.slice(0, 3))).toContain("The report has no result");
    expect(textOf(records.slice(0, 1))).toContain("Maximum throughput: not found");
    const missed = loadRecords({ ...small, knee: 10 });
    const none = edit([...missed.slice(0, 4), missed.at(-1)!], "result", {
      lower_qps: null,
      capacity_qps: null,
      trial: null,
    });
    expect(textOf(none)).toMatch(
      /Maximum throughput: none\n {2}No rate that was tried held p99<5ms, loss<0.1%. The last/,
    );
  });

  it("spells out what could steer a terminal, and colours only when told", () => {
    const hostile = "q\u001b]0;owned\u0007\u202e.txt";
    const records = loadRecords({ ...small, queries: hostile });
    const control = (text: string) => [...text].filter((c) => c !== "\n" && /[\p{Cc}\p{Cf}]/u.test(c));
    expect(control(textOf(records))).toEqual([]);
    expect(textOf(records)).toContain("q\\u{1b}]0;owned\\u{7}\\u{202e}.txt");
    expect(new Set(control(renderReport(reportOf(records)!, true)))).toEqual(new Set(["\u001b"]));
  });
});
