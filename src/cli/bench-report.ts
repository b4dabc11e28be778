// The reports of a load test: text on stdout, and the files that were asked for.
import { accessSync, constants, existsSync, statSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { reportOf } from "../load/answer.js";
import type { LoadRecord } from "../load/record.js";
import { renderTrialsCsv } from "../load/report-csv.js";
import { renderHgrm } from "../load/report-hgrm.js";
import { renderHtml } from "../load/report-html.js";
import { renderReport } from "../load/report-text.js";
import type { BenchFlags } from "./bench.js";
import { UsageError } from "./exit.js";

const files = ["output", "html", "csv", "hgrm"] as const;

/** expectWritable sees, before minutes of load, that its reports can be written. */
export function expectWritable(flags: BenchFlags): void {
  for (const name of files) {
    const file = flags[name];
    if (file === undefined) continue;
    try {
      if (existsSync(file) && !statSync(file).isFile()) throw new Error("it is no file");
      accessSync(existsSync(file) ? file : dirname(resolve(file)), constants.W_OK);
    } catch (error) {
      throw new UsageError(`--${name} ${file}: expected a file that can be written (${(error as Error).message})`);
    }
  }
}

/** writeReports writes all reports of what was recorded. */
export async function writeReports(records: readonly LoadRecord[], flags: BenchFlags): Promise<void> {
  const report = reportOf(records)!;
  const write = async (name: (typeof files)[number], render: () => string | Promise<string>) => {
    const file = flags[name];
    if (file !== undefined) writeFileSync(file, await render());
  };
  await write("output", () => records.map((record) => `${JSON.stringify(record)}\n`).join(""));
  await write("csv", () => renderTrialsCsv(report));
  await write("html", () => renderHtml(report));
  if (report.trials.length > 0) await write("hgrm", () => renderHgrm(report));
  const colours = process.stdout.isTTY === true && !process.env["NO_COLOR"];
  if (!flags.json) process.stdout.write(renderReport(report, colours));
}
