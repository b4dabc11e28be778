// A load test for programs: as the command line runs one, with the same defaults, and nothing printed.
import { listAddresses, listLinks } from "../engine/netlink.js";
import { AnyprobeError } from "../errors.js";
import type { Query } from "../probe/query.js";
import { formatTarget, type Target } from "../probe/target.js";
import { bench as runTrials, type Work } from "./bench.js";
import { environmentOf } from "./environment.js";
import type { Offer, Sending } from "./feeder.js";
import { Guard } from "./guard.js";
import { defaultObjective, parseObjective } from "./objective.js";
import type { QuerySource } from "./query-source.js";
import type { LoadRecord, ResultRecord } from "./record.js";
import { anycastAmong } from "./refusal.js";
import type { Goal } from "./search.js";
import { watchServer } from "./server-process.js";
import { answersAt } from "./sign-of-life.js";

/** BenchOptions is what a load test is to find out, and how it asks. */
export interface BenchOptions {
  /** What must hold, such as `p99<5ms,loss<0.1%,servfail<0.1%`; default: `loss<0.1%,failure<0.1%`. */
  readonly objective?: string;
  /** One trial with each load, instead of the search for the highest rate that holds the objective. */
  readonly offers?: readonly Offer[];
  /** The search; default: from 1,000/s, to 1 %, by trials of 20 s at last, within 300 s. */
  readonly search?: Partial<Goal>;
  /** An answer that takes longer is a loss; default 1000. ms */
  readonly timeoutMs?: number;
  /** Source ports that sends take turns on, 1-1024; default 64. */
  readonly ports?: number;
  /** Queries in a train at most, 1-128; default 64. */
  readonly train?: number;
  readonly arrivals?: Sending["arrivals"];
  /** The source addresses that queries take turns on; default: the kernel's choice. */
  readonly sources?: readonly string[];
  /** Threads that send; default 1. */
  readonly shards?: number;
  /** CPUs that they are kept on; default: the kernel places them. */
  readonly cpus?: readonly number[];
  /** What this generator can offer at most; what comes near it says nothing of the server. queries/s; default: not known */
  readonly ceilingQps?: number;
  /** Asked beside the load, of a service that has users: three failures in a row stop the test. */
  readonly guard?: Query;
  /** Load an address of this host that looks like an anycast one, too; default false. */
  readonly force?: boolean;
  /** Its abort ends the test, with what was found until then. */
  readonly signal?: AbortSignal;
  /** Gets every record as it is made: one of the start, of every second and of every trial, and the result. */
  readonly onRecord?: (record: LoadRecord) => void;
}

const defaultGoal: Goal = {
  fromQps: 1000,
  maxQps: 100e6,
  resolution: 0.01,
  finalSeconds: 20,
  withinSeconds: 300,
};

/**
 * bench puts load on a target, open loop, and resolves with the result; the source is left open. Rejects with TypeError or
 * RangeError for what cannot be done, AnyprobeError ERR_LOAD_UNANSWERED where the target answers nothing, LoadError where the
 * source cannot be read on, EngineError where the kernel refuses, and the signal's reason if that is aborted before the first
 * trial.
 */
export async function bench(target: Target, source: QuerySource, options: BenchOptions = {}): Promise<ResultRecord> {
  const {
    timeoutMs = 1000,
    ports = 64,
    train = 64,
    arrivals = "constant",
    sources = [],
    onRecord = () => {},
  } = options;
  const { shards = 1, cpus = [], ceilingQps, signal = new AbortController().signal } = options;
  signal.throwIfAborted();
  const objective = parseObjective(options.objective ?? defaultObjective);
  const work = workOf(options);
  if (!options.force) refuseAnycast(target);
  const sample = await sampleOf(source);
  if (!(await answersAt(target, sample, timeoutMs, signal))) {
    signal.throwIfAborted();
    throw new AnyprobeError("ERR_LOAD_UNANSWERED", `expected an answer from ${formatTarget(target)}, got none`);
  }
  const sending = { target, timeoutMs, ports, train, arrivals, sources };
  const guard = options.guard && new Guard(target, options.guard, timeoutMs);
  try {
    return await runTrials({
      work,
      setting: { sending, objective, shards, cpus, server: watchServer(target), ceilingQps },
      source,
      sample,
      guard,
      signal,
      onRecord,
      start: {
        target,
        queries: source.summary,
        objective: objective.map(({ text }) => text),
        settings: { timeout_ms: timeoutMs, ports, train, arrivals, shards },
        environment: environmentOf(target.address),
        ceiling: null,
      },
    });
  } finally {
    guard?.close();
  }
}

function workOf({ offers, search }: BenchOptions): Work {
  if (!offers) return { mode: "search", goal: { ...defaultGoal, ...search } };
  const [first] = offers;
  if (!first) throw new RangeError("offers: expected one at least, got none");
  if (search) throw new TypeError("expected either offers or a search, got both");
  return { mode: offers.length > 1 ? "steps" : first.kind, offers };
}

/** A source that streams is asked for one query, which is lost to the load. */
async function sampleOf(source: QuerySource): Promise<Query> {
  const [first] = source.repeats ?? (await source.next(1)).map(({ query }) => query);
  if (!first) throw new RangeError("source: expected one query at least, got none");
  return first;
}

function refuseAnycast({ address }: Target): void {
  const found = anycastAmong(address, listAddresses(), listLinks());
  if (!found) return;
  const where = `${found.address}/${found.prefixLength} on ${found.device}`;
  throw new RangeError(`target: expected no anycast address of this host without \`force\`, got ${where}`);
}
