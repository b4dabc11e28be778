// An objective: what a service must hold under load, such as `p99<5ms,loss<0.1%,servfail<0.1%`. Percentiles are of the latency
// from the due time, timeouts inside; the others are shares of the queries whose fate tells of the service.
import { rcodeNumber, rcodeWord } from "../probe/dns-word.js";
import { nsPerMs, parseDurationMs } from "../units.js";
import type { Counts, Miss } from "./record.js";

/** Limit is one bound. What reaches it misses it. */
export interface Limit {
  /** As it was written, without spaces. */
  readonly text: string;
  /** `p99`: a percentile; `loss`, `truncated`, `failure` (an rcode other than NOERROR and NXDOMAIN), or an rcode in small letters. */
  readonly metric: string;
  /** A percentile's number, 0-100; undefined for a share. */
  readonly percentile: number | undefined;
  /** ns for a percentile, else a share of 0-1. */
  readonly below: number;
}

/** Objective is all limits; a trial holds it when it holds each. */
export type Objective = readonly Limit[];

/** Measured is what an objective is judged by. */
export interface Measured extends Pick<Counts, "answered" | "timeouts" | "unreachable" | "truncated" | "rcodes"> {
  /** The latency that so many percent do not exceed, ns; NaN where nothing was counted. */
  percentileNs(percentile: number): number;
}

/** defaultObjective is what RFC 2544's heirs call no loss in practice (TRex's ndr, RFC 9971), and answers that are answers. */
export const defaultObjective = "loss<0.1%,failure<0.1%";

/** parseObjective reads limits, separated by commas; a TypeError or RangeError where one cannot be understood. */
export function parseObjective(text: string): Objective {
  return text.split(",").map((part) => parseLimit(part.replaceAll(/\s/g, "")));
}

function parseLimit(text: string): Limit {
  const match = /^([a-z][a-z0-9.]*)<([^<]+)$/i.exec(text);
  if (!match) throw new TypeError(`expected a limit as p99<5ms or loss<0.1%, got "${text}"`);
  const [metric, bound] = [match[1]!.toLowerCase(), match[2]!];
  const percentile = /^p\d/.test(metric) ? Number(metric.slice(1)) : metric === "max" ? 100 : undefined;
  if (percentile !== undefined) {
    if (!(percentile > 0 && percentile <= 100))
      throw new RangeError(`expected a percentile of 0-100 in "${text}", got ${metric.slice(1)}`);
    const ms = parseDurationMs(bound);
    if (!ms) throw new TypeError(`expected a duration as 5ms in "${text}", got "${bound}"`);
    return { text, metric, percentile, below: ms * nsPerMs };
  }
  if (!["loss", "truncated", "failure"].includes(metric)) expectRcode(metric, text);
  const share = /^(\d+(?:\.\d+)?)%$/.exec(bound);
  const below = share ? Number(share[1]) / 100 : Number.NaN;
  if (!(below > 0 && below <= 1)) throw new RangeError(`expected a share as 0.1% in "${text}", got "${bound}"`);
  return { text, metric, percentile, below };
}

function expectRcode(metric: string, text: string): void {
  try {
    // Only by their names: rcode 3 would be taken for a percentile's number.
    if (rcodeWord(rcodeNumber(metric.toUpperCase())) === metric.toUpperCase()) return;
  } catch {
    // Told below, with what else it may be.
  }
  const words = "p50, p99, p99.9, max, loss, truncated, failure, or an rcode as servfail";
  throw new TypeError(`expected one of ${words} in "${text}", got "${metric}"`);
}

/** missesOf names the limits that a trial did not hold. A trial that tells nothing of the service (nothing counted) misses all. */
export function missesOf(objective: Objective, measured: Measured): Miss[] {
  return objective.flatMap((limit) => {
    const got = measuredOf(limit, measured);
    return got < limit.below ? [] : [{ limit: limit.text, got }];
  });
}

/** measuredOf tells what a trial had where a limit looks: ns or a share. NaN where nothing was counted. */
export function measuredOf({ metric, percentile }: Limit, measured: Measured): number {
  if (percentile !== undefined) return measured.percentileNs(percentile);
  const { answered, timeouts, unreachable, truncated, rcodes } = measured;
  // What this host could not send, or lost itself, tells nothing.
  const told = answered + timeouts + unreachable;
  if (metric === "loss") return (timeouts + unreachable) / told;
  if (metric === "truncated") return truncated / told;
  if (metric === "failure") return (answered - (rcodes["NOERROR"] ?? 0) - (rcodes["NXDOMAIN"] ?? 0)) / told;
  return (rcodes[metric.toUpperCase()] ?? 0) / told;
}
