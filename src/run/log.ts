// The log: one JSON object a line on stdout, as journald and collectors like it, with times an operator can read.
import { pino } from "pino";

export type Log = pino.Logger;

/** Lines that nobody reads are kept up to so many octets, then dropped. */
const longestBacklog = 1 << 20;

/**
 * openLog makes the daemon's logger. Writing never waits: a reader of the log that hangs must not hold up a withdrawal. What
 * is left when the daemon ends is written before the process does.
 */
export function openLog(level: string): Log {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ dest: 1, sync: false, minLength: 0, maxLength: longestBacklog }),
  );
}
