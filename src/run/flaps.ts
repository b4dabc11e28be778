// How flapping is kept over a restart: the decision counts in CLOCK_MONOTONIC and ages, the state file in moments.
import type { DampingRecord } from "../health/damping.js";
import type { Prefix } from "../route/prefix.js";
import { nsPerMs } from "../units.js";
import { type Moment, remainingMs } from "./boot-clock.js";
import type { Flaps } from "./state.js";

/** flapsOf writes a record for the state file; undefined where there is nothing to write. */
export function flapsOf(prefix: Prefix, record: DampingRecord | undefined, now: Moment): Flaps | undefined {
  if (!record) return undefined;
  const { departures, departedAgoNs, returnedAgoNs } = record;
  return {
    prefix,
    departures,
    departed: before(now, departedAgoNs),
    returned: returnedAgoNs === null ? null : before(now, returnedAgoNs),
  };
}

/** recordOf reads it back at `now`. */
export function recordOf({ departures, departed, returned }: Flaps, now: Moment): DampingRecord {
  return {
    departures,
    departedAgoNs: agoNs(departed, now),
    returnedAgoNs: returned === null ? null : agoNs(returned, now),
  };
}

/** Whole tenths of a second: the two clocks drift by less, and what has not changed is not to be written anew. */
const grainNs = 100 * nsPerMs;

function before({ bootId, bootNs, wallMs }: Moment, agoNs: number): Moment {
  const round = (ns: number) => Math.round(ns / grainNs) * grainNs;
  return { bootId, bootNs: round(bootNs - agoNs), wallMs: round(wallMs * nsPerMs - agoNs) / nsPerMs };
}

function agoNs(moment: Moment, now: Moment): number {
  const longestMs = Number.MAX_SAFE_INTEGER;
  return (longestMs - remainingMs(moment, longestMs, now)) * nsPerMs;
}
