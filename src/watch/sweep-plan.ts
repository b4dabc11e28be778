// How the paths to targets are asked: each has a source port, every sweep asks each so many times, and all of it is spread evenly
// over the sweep. With raw packets one run has all ports and goes from one to the next; a socket would send what is due together
// from one port, so that there each port is a run of its own.
import type { Engine } from "../engine/engine.js";
import { EngineError } from "../errors.js";
import type { Plan } from "../probe/plan.js";
import type { Query } from "../probe/query.js";
import { familyOf, type Target } from "../probe/target.js";
import { monotonicNs, nsPerMs } from "../units.js";

/** SweepPlan is what is asked, the same of all targets. */
export interface SweepPlan {
  readonly targets: readonly Target[];
  /** The source address of each target; undefined: none is known. */
  readonly sources: readonly (string | undefined)[];
  readonly query: Query;
  readonly paths: number;
  readonly tries: number;
  readonly sweepMs: number;
  readonly timeoutMs: number;
  /** Undefined: raw where this process may, else sockets. */
  readonly transport: "raw" | "socket" | undefined;
  /** The first of the source ports; with raw packets only. */
  readonly firstPort: number | undefined;
}

/** Sending is how it is asked. */
export interface Sending {
  readonly transport: "raw" | "socket";
  /** Of each probe, by its number, the index of its target. */
  readonly targetOf: readonly number[];
  /** When the first sweep begins, ns on CLOCK_MONOTONIC. */
  readonly startNs: number;
}

/** All runs are submitted within about this time. */
const beginMs = 20;

/** begin has a fresh engine ask all paths from now on. Throws EngineError where the kernel refuses. */
export function begin(engine: Engine, plan: SweepPlan): Sending {
  const startNs = monotonicNs() + beginMs * nsPerMs;
  const { transport: wanted, firstPort } = plan;
  if (wanted === "socket" && firstPort !== undefined)
    throw new TypeError('firstPort: expected transport "raw" with it');
  if (wanted !== "socket") {
    try {
      return { transport: "raw", targetOf: submit(engine, rawRuns(plan, startNs)), startNs };
    } catch (error) {
      const mayNot = error instanceof EngineError && error.errno === "EPERM";
      // Ports that were named are nothing that sockets could keep to.
      if (!mayNot || wanted === "raw" || firstPort !== undefined) throw error;
    }
  }
  return { transport: "socket", targetOf: submit(engine, socketRuns(plan, startNs)), startNs };
}

/** PathRun is a run's plan, and the index of each probe's target. */
interface PathRun {
  readonly plan: Plan;
  readonly targetOf: readonly number[];
}

function submit(engine: Engine, runs: readonly PathRun[]): number[] {
  for (const { plan } of runs) engine.submit(plan);
  return runs.flatMap(({ targetOf }) => targetOf);
}

/** A target's probes follow one another, so that they go from one port each. */
function rawRuns(plan: SweepPlan, startNs: number): PathRun[] {
  const { paths, firstPort } = plan;
  return bySource(plan).map(([source, indexes]) => {
    const targetOf = indexes.flatMap((index) => Array<number>(paths).fill(index));
    const ports = { ports: paths, ...(firstPort !== undefined && { firstPort }) };
    return { targetOf, plan: { ...runOf(plan, source, targetOf, startNs), transport: "raw", ...ports } };
  });
}

function socketRuns(plan: SweepPlan, startNs: number): PathRun[] {
  const { paths, tries, sweepMs } = plan;
  return bySource(plan).flatMap(([source, targetOf]) => {
    const apartNs = (sweepMs * nsPerMs) / (targetOf.length * tries * paths);
    return Array.from({ length: paths }, (_, path) => ({
      targetOf,
      plan: { ...runOf(plan, source, targetOf, startNs + path * apartNs), ports: 1, train: 1 },
    }));
  });
}

function runOf(
  { targets, query, tries, sweepMs, timeoutMs }: SweepPlan,
  source: string | undefined,
  targetOf: readonly number[],
  startNs: number,
): Plan {
  return {
    probes: targetOf.map((index) => ({ target: targets[index]!, query })),
    schedule: { rateQps: (targetOf.length * tries * 1000) / sweepMs, startNs },
    timeoutMs,
    ...(source !== undefined && { source: familyOf(source) === 4 ? { ipv4: source } : { ipv6: source } }),
  };
}

/** The indexes of targets by their source: a run has one. */
function bySource({ targets, sources }: SweepPlan): [source: string | undefined, indexes: number[]][] {
  const groups = new Map<string | undefined, number[]>();
  for (const index of targets.keys()) {
    const source = sources[index];
    groups.set(source, [...(groups.get(source) ?? []), index]);
  }
  return [...groups];
}
