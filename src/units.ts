// Time: one monotonic clock and the units it is told in. Numbers carry their unit in their name.

export const nsPerUs = 1e3;
export const nsPerMs = 1e6;
export const nsPerSecond = 1e9;

/**
 * monotonicNs reads CLOCK_MONOTONIC, the clock of every due, sent and event time here, in ns.
 * A float64 holds it exactly for 104 days of uptime and to 2 ns for the next 104.
 */
export function monotonicNs(): number {
  const [seconds, ns] = process.hrtime();
  return seconds * nsPerSecond + ns;
}

/** formatDuration writes a duration for people: `850ns`, `12.3us`, `1.5ms`, `2.50s`, `3m20s`. */
export function formatDuration(ns: number): string {
  if (ns < nsPerUs) return `${Math.round(ns)}ns`;
  if (ns < nsPerMs) return `${trim(ns / nsPerUs)}us`;
  if (ns < nsPerSecond) return `${trim(ns / nsPerMs)}ms`;
  const seconds = ns / nsPerSecond;
  if (seconds < 60) return `${trim(seconds)}s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60
    ? `${minutes}m${Math.floor(seconds % 60)}s`
    : `${Math.floor(minutes / 60)}h${Math.floor(minutes % 60)}m`;
}

function trim(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

const durationUnitMs = { us: 1e-3, ms: 1, s: 1e3, m: 60e3, h: 3600e3 } as const;

/** parseDurationMs reads `250ms`, `1.5s`, `10m`, `1h`, `50us` or `0s` into milliseconds; undefined where it is none. */
export function parseDurationMs(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(us|ms|s|m|h)$/.exec(text);
  if (!match) return undefined;
  return Number(match[1]) * durationUnitMs[match[2] as keyof typeof durationUnitMs];
}
