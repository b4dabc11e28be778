// What a watch tells: changes of targets, how each stands, and all of them together.
import type { LatencySummary } from "../measure/histogram.js";
import type { Target } from "../probe/target.js";
import type { SiteSource } from "./sites.js";
import type { TargetState } from "./tally.js";

/** WatchEvent is a change of one target. */
export type WatchEvent =
  | {
      readonly kind: "up" | "down";
      /** The target's index in what was given to watch(). */
      readonly index: number;
      readonly target: Target;
      /** Unix time, ms. */
      readonly atMs: number;
      /** down: what the last failure was, in a few words. */
      readonly reason?: string;
    }
  /** Another site answers than before (`before` is undefined the first time): the catchment has shifted. */
  | {
      readonly kind: "site";
      readonly index: number;
      readonly target: Target;
      readonly atMs: number;
      readonly site: string;
      /** Where its name was read. */
      readonly siteSource: SiteSource;
      readonly before: string | undefined;
    }
  /** So many events were lost here, as they were not read in time. */
  | { readonly kind: "gap"; readonly lost: number; readonly atMs: number };

/** TargetSummary is how one target stands. */
export interface TargetSummary {
  readonly index: number;
  /** `203.0.113.53:53`. */
  readonly target: string;
  readonly state: TargetState;
  /** Probes that ended, and how: passed, answered wrongly, not answered (timeout, unreachable), or void by our own trouble. */
  readonly ended: number;
  readonly passed: number;
  readonly wrong: number;
  readonly timeouts: number;
  readonly unreachable: number;
  readonly voided: number;
  /** The share of those not void that were not answered, 0-1; null before there was one. */
  readonly loss: number | null;
  /** By name. */
  readonly rcodes: Readonly<Record<string, number>>;
  /** ns */
  readonly latency: LatencySummary;
  readonly site: string | undefined;
  /** Where the site's name was read; undefined where there is none. */
  readonly siteSource: SiteSource | undefined;
  /** The newest round trips, ms, the oldest first; null: not answered. */
  readonly recent: readonly (number | null)[];
}

/** WatchTotals is how all targets stand together. */
export interface WatchTotals {
  readonly targets: number;
  /** Targets by state. */
  readonly up: number;
  readonly down: number;
  readonly unknown: number;
  /** Probes of all targets, counted as in TargetSummary. */
  readonly ended: number;
  readonly passed: number;
  readonly wrong: number;
  readonly timeouts: number;
  readonly unreachable: number;
  readonly voided: number;
  /** 0-1; null before there was a probe that tells. */
  readonly loss: number | null;
  /** Queries for CHAOS names that ended, which are none of these probes. */
  readonly chaosEnded: number;
  /** How many targets each site answers, the most first. */
  readonly sites: Readonly<Record<string, number>>;
}
