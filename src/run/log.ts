// The log: one JSON object a line on stdout, as journald and collectors like it, with times an operator can read.
import { pino } from "pino";

export type Log = pino.Logger;

/** openLog makes the daemon's logger. Lines are written at once: the last ones before a crash are the ones that matter. */
export function openLog(level: string): Log {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ dest: 1, sync: true }),
  );
}
