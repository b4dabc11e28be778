// An endpoint of a capacity plan as it is written on the command line: `NAME=200k` for a capacity that is known, or a report file of
// `anyprobe bench`, as `report.json` or `NAME=report.json`.
import { basename } from "node:path";
import { LoadError } from "../errors.js";
import type { Report } from "./answer.js";
import { parseRate } from "./figure.js";
import { readReportFile } from "./report-file.js";

/** MeasuredEndpoint is a name and what it holds, with where that is from. */
export interface MeasuredEndpoint {
  readonly name: string;
  /** queries/s */
  readonly capacityQps: number;
  /** The generator was the limit, or nothing more was tried: it holds this or more. */
  readonly atLeast: boolean;
  /** The report file; undefined: it was given as a number. */
  readonly file: string | undefined;
  readonly objective: readonly string[];
  /** What the reader should know, in sentences. */
  readonly notes: readonly string[];
}

/** readEndpoint reads one. Throws LoadError where a report cannot be read or tells no capacity, TypeError where the name is empty. */
export async function readEndpoint(text: string): Promise<MeasuredEndpoint> {
  const equals = text.indexOf("=");
  const [name, value] = equals < 0 ? [undefined, text] : [text.slice(0, equals), text.slice(equals + 1)];
  if (name === "" || value === "")
    throw new TypeError(`expected NAME=200k, NAME=report.json or report.json, got "${text}"`);
  const rate = parseRate(value);
  if (rate !== undefined) {
    if (name === undefined) throw new TypeError(`expected a name for a capacity, as NAME=${value}, got "${text}"`);
    return { name, capacityQps: rate, atLeast: false, file: undefined, objective: [], notes: [] };
  }
  const report = await readReportFile(value);
  const capacity = capacityOf(report);
  if (!capacity) {
    const message = `${value}: expected a report of a rate that held an objective, got one that found none; search for it with anyprobe bench`;
    throw new LoadError("ERR_LOAD_REPORT", message, value);
  }
  return {
    name: name ?? basename(value).replace(/\.(nd)?json$/, ""),
    ...capacity,
    file: value,
    objective: report.start.objective,
    notes: report.warnings,
  };
}

/** capacityOf tells what a report proves that its target holds; undefined where it proves nothing. */
export function capacityOf({ start, trials, result }: Report): { capacityQps: number; atLeast: boolean } | undefined {
  if (start.mode === "search" && result) {
    const { capacity_qps: capacity, lower_qps: lower, limited_by_generator: limited } = result;
    if (capacity && limited === null) return { capacityQps: capacity, atLeast: false };
    return lower ? { capacityQps: lower, atLeast: true } : undefined;
  }
  // A rate that held, where nobody looked for the highest. What a closed loop reached was never offered.
  if (start.objective.length === 0 || start.mode === "closed") return undefined;
  const held = trials.filter(({ misses, ended_early }) => misses.length === 0 && ended_early === null);
  const highest = Math.max(0, ...held.map(({ offered_qps, sent_qps }) => Math.min(offered_qps, sent_qps)));
  return highest > 0 ? { capacityQps: highest, atLeast: true } : undefined;
}
