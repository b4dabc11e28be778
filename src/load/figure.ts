// Figures as people read them: numbers with their unit, and text from elsewhere made safe to print. Used by every report, the
// page in the browser too, so nothing here knows of Node.js.
import { formatDuration } from "../units.js";
import type { Counts, TrialRecord } from "./record.js";

/** count writes a whole number: `3,424,000`. */
export function count(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ",");
}

/** percent writes a share of 0-1, `0.34%`. What is not quite nothing, or not quite all, never reads as 0% or 100%. */
export function percent(share: number): string {
  if (!Number.isFinite(share)) return "unknown";
  if (share === 0 || share === 1) return `${share * 100}%`;
  for (let digits = 2; digits < 10; digits++) {
    const text = (share * 100).toFixed(digits);
    if (Number(text) !== 0 && Number(text) !== 100) return `${text}%`;
  }
  return share < 0.5 ? "<0.0000001%" : ">99.9999999%";
}

/** latency writes ns as a duration; what was not measured is a dash. */
export function latency(ns: number | null): string {
  if (ns === null || Number.isNaN(ns)) return "–";
  return Number.isFinite(ns) ? formatDuration(ns) : "more";
}

const multiples: Readonly<Record<string, number>> = { "": 1, k: 1e3, m: 1e6 };

/** parseRate reads `1.2M`, `200k` or `50000` into queries a second; undefined where it is none. */
export function parseRate(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)([km]?)$/i.exec(text);
  const rate = match ? Number(match[1]) * multiples[match[2]!.toLowerCase()]! : 0;
  return rate > 0 && Number.isFinite(rate) ? rate : undefined;
}

/** plain makes one line of a text that somebody else chose: control characters, which could steer a terminal, are spelled out. */
export function plain(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    return `\\u{${character.codePointAt(0)!.toString(16)}}`;
  });
}

/** toldOf counts the queries whose fate tells of the service: what this host lost or did not send is no part of it. */
export function toldOf({ answered, timeouts, unreachable }: Counts): number {
  return answered + timeouts + unreachable;
}

/** lossOf is the share of them that was lost, 0-1; NaN where there are none. */
export function lossOf(counts: Counts): number {
  return (counts.timeouts + counts.unreachable) / toldOf(counts);
}

/** Verdict of a trial: `limited` says nothing of the server. */
export type TrialVerdict = "held" | "missed" | "limited" | "measured";

/** verdictOf tells how a trial ended; `judged` is whether there was an objective. */
export function verdictOf(trial: TrialRecord, judged: boolean): TrialVerdict {
  if (trial.limited_by_generator !== null) return "limited";
  if (!judged) return "measured";
  return trial.misses.length > 0 ? "missed" : "held";
}

/** missText writes a missed limit with what was got: `p99<5ms: 7.2ms`. */
export function missText({ limit, got }: TrialRecord["misses"][number]): string {
  const isLatency = /^(p\d|max)/.test(limit);
  return `${plain(limit)}: ${isLatency ? latency(got) : percent(got)}`;
}

/** verdictText writes a trial's verdict with why. */
export function verdictText(trial: TrialRecord, judged: boolean): string {
  const verdict = verdictOf(trial, judged);
  const early = trial.ended_early === null ? "" : `; ended early: ${plain(trial.ended_early)}`;
  if (verdict === "limited") return `limited by the generator: ${plain(trial.limited_by_generator!)}${early}`;
  if (verdict === "missed") return `missed ${trial.misses.map(missText).join(", ")}${early}`;
  return `${verdict}${early}`;
}
