// A journal, and what it writes to its log, as data.
import { pino } from "pino";
import { Journal } from "../../src/run/journal.js";

/** openJournal gives an empty journal; `lines` grows with its log. */
export function openJournal(): { readonly journal: Journal; readonly lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = [];
  const options = { base: null, timestamp: false, formatters: { level: (level: string) => ({ level }) } };
  const log = pino(options, { write: (line: string) => lines.push(JSON.parse(line)) });
  return { journal: new Journal(log), lines };
}
