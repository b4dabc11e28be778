// The records of a load test: what `anyprobe bench --json` prints, one JSON object a line, and what a report file holds. Every
// other report (text, CSV, hgrm, HTML, a comparison) is made from them alone. Keys are snake_case with their unit at the end;
// times are whole ns, latencies count from the time that a query was due until its answer, or its timeout.

/** schemaVersion goes up when a record's meaning changes; new keys alone do not raise it. */
export const schemaVersion = 1;

/** LoadRecord is one line. A report begins with `start`, ends with `result`, and has the trials in order between them. */
export type LoadRecord = StartRecord | ProgressRecord | TrialRecord | ResultRecord;

/** Mode is how the load is offered; only `closed` waits for answers. */
export type Mode = "search" | "rate" | "ramp" | "steps" | "closed" | "replay";

/** Head begins every record. */
export interface Head {
  readonly schema_version: typeof schemaVersion;
  /** The same in all records of one run. */
  readonly run_id: string;
  /** RFC 3339, UTC. */
  readonly at: string;
}

/** StartRecord says what is measured, how and where. */
export interface StartRecord extends Head {
  readonly type: "start";
  readonly mode: Mode;
  readonly target: { readonly address: string; readonly port: number };
  /** What is asked, in a few words: `queries.txt (1,000 queries)`, `cache-miss below example.com`. */
  readonly queries: string;
  /** Each limit as it was written, such as `p99<5ms`. */
  readonly objective: readonly string[];
  /** What else the command line set, by option name. */
  readonly settings: Readonly<Record<string, string | number | boolean>>;
  readonly environment: {
    readonly anyprobe: string;
    readonly kernel: string;
    readonly cpu: string;
    readonly cpus: number;
    readonly node: string;
    readonly host: string;
    /** How packets reach the target: over the loopback device, or another one. */
    readonly path: "loopback" | "device";
  };
  /** What this generator reaches on such a path, with these queries' length; null: not measured. */
  readonly ceiling: { readonly qps: number; readonly measured_at: string } | null;
}

/** ProgressRecord is printed while a trial runs, for whoever watches; reports do without. */
export interface ProgressRecord extends Head {
  readonly type: "progress";
  readonly trial: number;
  readonly offered_qps: number;
  /** Of the last moment alone. */
  readonly sent_qps: number;
  readonly lost: number;
  readonly p50_ns: number | null;
  readonly p99_ns: number | null;
  /** Until the whole run is over, as far as it is known. */
  readonly left_seconds: number | null;
}

/** Latency sums up a distribution; null where nothing was counted. At most 0.8 % above the true value, never below. */
export interface Latency {
  readonly count: number;
  readonly min_ns: number | null;
  readonly mean_ns: number | null;
  readonly p50_ns: number | null;
  readonly p90_ns: number | null;
  readonly p95_ns: number | null;
  readonly p99_ns: number | null;
  readonly p999_ns: number | null;
  readonly max_ns: number | null;
}

/** Bucket is how many fall within [from_ns, to_ns). */
export type Bucket = readonly [from_ns: number, to_ns: number, count: number];

/** Counts is what became of the queries sent: sent = answered + timeouts + unreachable + send_failed + voided + cancelled. */
export interface Counts {
  readonly sent: number;
  readonly answered: number;
  /** No answer in time: lost. */
  readonly timeouts: number;
  /** An ICMP error came back (nobody listens at the port): lost. */
  readonly unreachable: number;
  /** This host could not send it. */
  readonly send_failed: number;
  /** Lost at this host, in its own receive queue or while the generator stood still: nobody's loss but ours. */
  readonly voided: number;
  /** In flight when the trial was ended early. */
  readonly cancelled: number;
  /** Answered by rcode: NOERROR, NXDOMAIN, SERVFAIL, REFUSED, … */
  readonly rcodes: Readonly<Record<string, number>>;
  /** Of the answered: with TC set. */
  readonly truncated: number;
  /** Answers beside these: after the timeout; to nothing asked, or with another question; not DNS at all. */
  readonly late: number;
  readonly foreign: number;
  readonly malformed: number;
}

/** Moment is one second of a trial, by the time that queries were sent. */
export interface Moment {
  readonly at_seconds: number;
  readonly offered_qps: number;
  readonly sent: number;
  readonly answered: number;
  readonly lost: number;
  readonly rcodes: Readonly<Record<string, number>>;
  readonly p50_ns: number | null;
  readonly p99_ns: number | null;
}

/** Miss is one limit of the objective that a trial did not hold. `got` is in the limit's own unit: ns, or a share of 0-1. */
export interface Miss {
  readonly limit: string;
  readonly got: number;
}

/** TrialRecord is one trial: one load, offered for one length of time (RFC 9971). */
export interface TrialRecord extends Head, Counts {
  readonly type: "trial";
  /** From 1. */
  readonly trial: number;
  /** Wanted; in a closed loop what came of it. */
  readonly offered_qps: number;
  /** From the first to the last send. */
  readonly sent_qps: number;
  readonly answered_qps: number;
  readonly seconds: number;
  /** It was ended before its time, and why; null: it was not. */
  readonly ended_early: string | null;
  readonly latency: Latency;
  /** The whole distribution: the buckets that have any, ascending. */
  readonly buckets: readonly Bucket[];
  /** How long after its due time each query left. */
  readonly lateness: Latency;
  /** V2 deflate base64 of HdrHistogram, in ns. */
  readonly hdr: string;
  readonly moments: readonly Moment[];
  /** Over how many source ports the queries left, and what the least and the most used one had. */
  readonly ports: { readonly used: number; readonly least: number; readonly most: number };
  /** Octets of answers, on average; null where none came. */
  readonly answer_octets: number | null;
  readonly cpu: {
    /** Cores that this process used, 1 is one core; the busiest sending thread's share of its core. */
    readonly generator: number;
    readonly busiest_shard: number;
    /** Cores that the server's process used; null where it is not on this host, or not known. */
    readonly server: number | null;
  };
  /** The limits that it missed; empty where it held all. */
  readonly misses: readonly Miss[];
  /** Why this trial says nothing of the server: the generator was the limit; null where it does. */
  readonly limited_by_generator: string | null;
  /** What else the reader should know, in sentences: rate limiting, drops at the server's sockets. */
  readonly notes: readonly string[];
}

/** ResultRecord is the answer. */
export interface ResultRecord extends Head {
  readonly type: "result";
  readonly mode: Mode;
  /** `interrupted`: by a signal; `stopped`: by the guard, because the target stopped answering, or because there was nothing left to ask; `time`: the time that was allowed ran out before the goal. */
  readonly status: "complete" | "interrupted" | "stopped" | "time";
  readonly reason: string | null;
  /** Whether the objective was held: by some rate in a search, by all trials elsewhere; null where that is not known. */
  readonly objective_held: boolean | null;
  /**
   * Search: the highest rate that held and the lowest that did not (RFC 9971: the relevant bounds); null where there is none.
   * `capacity_qps` is null where the generator was the limit: then the capacity is at least `lower_qps`.
   */
  readonly lower_qps: number | null;
  readonly upper_qps: number | null;
  readonly capacity_qps: number | null;
  readonly limited_by_generator: string | null;
  /** The trial that `capacity_qps` (or, elsewhere, the report's summary) rests on; null without one. */
  readonly trial: number | null;
  readonly seconds: number;
  readonly trials: number;
}
