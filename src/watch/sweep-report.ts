// What sweeps tell of the paths to a target: how each stands, which sites they lead to, and what changes.
import type { LatencySummary } from "../measure/histogram.js";
import { formatTarget, type Target } from "../probe/target.js";
import type { SiteSource } from "./sites.js";
import type { PathState } from "./sweep-judge.js";

/** PathName names a path by the 5-tuple that routers hash. */
export interface PathName {
  readonly protocol: "udp";
  /** This host's address towards the target; undefined where it had no route when the sweeps began. */
  readonly source: string | undefined;
  readonly sourcePort: number;
  readonly target: Target;
}

/** formatPath writes `udp 198.18.0.2:42005 > 203.0.113.53:53`. */
export function formatPath({ protocol, source, sourcePort, target }: PathName): string {
  const from = source === undefined ? `*:${sourcePort}` : formatTarget({ address: source, port: sourcePort });
  return `${protocol} ${from} > ${formatTarget(target)}`;
}

/** PathEvent is a change of the paths to one target, told once for all that changed in one sweep; or that a sweep has ended. */
export type PathEvent =
  /** Somebody answers, on whatever path; or nobody does any more, on none. */
  | {
      readonly kind: "up" | "down";
      /** The target's index in what was given to watchPaths(). */
      readonly index: number;
      readonly target: Target;
      /** Unix time, ms. */
      readonly atMs: number;
      /** The sweep that showed it, from 1. */
      readonly sweep: number;
    }
  /** path-lost: nobody answers there any more, while other paths are answered. path-back: somebody does again. */
  | {
      readonly kind: "path-lost" | "path-back";
      readonly index: number;
      readonly target: Target;
      readonly atMs: number;
      readonly sweep: number;
      readonly paths: readonly PathName[];
      /** So many of all its paths are lost now. */
      readonly lost: number;
      readonly of: number;
    }
  /** Paths lead to other sites than before: the catchment has shifted. */
  | {
      readonly kind: "shift";
      readonly index: number;
      readonly target: Target;
      readonly atMs: number;
      readonly sweep: number;
      readonly moved: readonly { readonly path: PathName; readonly from: string; readonly to: string }[];
      /** How many paths lead to each site, before and now. */
      readonly before: Readonly<Record<string, number>>;
      readonly after: Readonly<Record<string, number>>;
    }
  | { readonly kind: "sweep"; readonly sweep: number; readonly atMs: number }
  /** So many events were lost here, as they were not read in time. */
  | { readonly kind: "gap"; readonly lost: number; readonly atMs: number };

/** PathSummary is how one path stands. */
export interface PathSummary extends PathName {
  readonly state: PathState;
  readonly site: string | undefined;
  readonly siteSource: SiteSource | undefined;
  /** Its packets go to several sites, one by one: a router does not go by flow. */
  readonly unsteady: boolean;
  /** Probes that were answered, that were not, and that say nothing (our own trouble). */
  readonly answered: number;
  readonly unanswered: number;
  readonly voided: number;
  /** 0-1; null before there was a probe that tells. */
  readonly loss: number | null;
  /** ns */
  readonly latency: LatencySummary;
}

/** SiteShare is one site and the paths that lead to it. */
export interface SiteShare {
  /** Undefined: those that answer and do not say who they are. */
  readonly site: string | undefined;
  readonly paths: number;
  /** Of the paths that are answered, 0-1. */
  readonly share: number;
  readonly sourcePorts: readonly number[];
  /** ns; of all its paths together. */
  readonly latency: LatencySummary;
}

/** SweepSummary is how the paths to one target stand. */
export interface SweepSummary {
  readonly index: number;
  /** `203.0.113.53:53`. */
  readonly target: string;
  /** Whole sweeps so far. */
  readonly sweeps: number;
  /** Paths by state. */
  readonly answering: number;
  readonly suspect: number;
  readonly lost: number;
  readonly unknown: number;
  /** Those with the most paths first. */
  readonly sites: readonly SiteShare[];
  /** By source port. */
  readonly paths: readonly PathSummary[];
}
