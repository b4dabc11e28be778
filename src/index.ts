// The library's face: what a program that imports "anyprobe" gets. docs/library.md says what for.

// Asking, and what came of it.
export { answered, flag, type ResultBatch } from "./engine/batch.js";
export { type CounterName, type Counters, Engine, type EngineOptions, type Run } from "./engine/engine.js";
export type {
  AddressEvent,
  LinkEvent,
  NetlinkEvent,
  NetlinkEvents,
  NetlinkListener,
  OverrunEvent,
  RouteEvent as LocalRouteEvent,
  SocketEvent,
} from "./engine/netlink-watch.js";
export { NetlinkWatch } from "./engine/netlink-watch.js";
export {
  AnyprobeError,
  ConfigError,
  codes,
  EngineError,
  type ErrorCode,
  type Fault,
  LoadError,
  RouteError,
} from "./errors.js";
// Deciding: from verdicts to what a prefix is to be.
export { type Admission, Guard, type Sight } from "./guard/guard.js";
export {
  Check,
  type CheckRecord,
  type CheckRules,
  type CheckState,
  type Evidence,
  type Transition,
} from "./health/check.js";
export { Damping, type DampingRecord, type DampingRules } from "./health/damping.js";
export type { Exit } from "./health/exit.js";
export {
  type BoundFigures,
  type BurnFigures,
  Objective,
  type ObjectiveReport,
  type ObjectiveRules,
  type Sample,
} from "./health/objective.js";
export { combine, type Decision, type Require, type Want, wantedOf } from "./health/service.js";
export { type Finding, judge, type OtherOutcome, type Verdict } from "./health/verdict.js";
// Load tests.
export type { Work } from "./load/bench.js";
export { type BenchOptions, bench } from "./load/bench-target.js";
export type { Offer } from "./load/feeder.js";
export type { FileOptions } from "./load/file-source.js";
export { cacheHit, cacheMiss, cycle, type Question, udpPayload } from "./load/mix.js";
export { openQueryFile } from "./load/query-file.js";
export type { Asked, QuerySource } from "./load/query-source.js";
export type {
  Bucket,
  Counts,
  Head,
  Latency,
  LoadRecord,
  Miss,
  Mode,
  Moment,
  ProgressRecord,
  ResultRecord,
  StartRecord,
  TrialRecord,
} from "./load/record.js";
export type { Goal } from "./load/search.js";
export { LatencyHistogram, type LatencySummary, type Span } from "./measure/histogram.js";
export { LatencyTable } from "./measure/latency-table.js";
// What is asked, and what a good answer is.
export type { Answer } from "./probe/dns.js";
export type { Expectation } from "./probe/expectation.js";
export { type Outcome, outcomes } from "./probe/outcome.js";
export type { Plan, Probe, Schedule } from "./probe/plan.js";
export type { Command, DnsQuery, Query, UdpQuery, WireQuery } from "./probe/query.js";
export type { QueryForm } from "./probe/query-writer.js";
export { type Family, formatTarget, type Target } from "./probe/target.js";
// Acting: prefixes, and what moves them.
export { AddressDriver, type AddressOptions } from "./route/address.js";
export { BirdDriver, type BirdOptions, type BirdWay } from "./route/bird.js";
export type { IncludeOptions } from "./route/bird-include.js";
export {
  type Announcement,
  announcements,
  type Change,
  type Driver,
  type DriverEvent,
  type Observation,
  type Rung,
  rungCosts,
} from "./route/driver.js";
export { ExecDriver, type ExecOptions, type Explanation } from "./route/exec.js";
export { FrrDriver, type FrrOptions } from "./route/frr.js";
export { FrrLinkState, type FrrLinkStateOptions } from "./route/frr-link-state.js";
export { Frr6Driver, type Frr6Options } from "./route/frr6.js";
export { Frr6LinkState, type Frr6LinkStateOptions } from "./route/frr6-link-state.js";
export { IfupdownDriver, type IfupdownOptions } from "./route/ifupdown.js";
export type { Action, LaneResult } from "./route/lane.js";
export type { Announcer, Announcers, LinkState } from "./route/link-state.js";
export { NoneDriver } from "./route/none.js";
export { addressOf, type Prefix, parsePrefix, prefixOf } from "./route/prefix.js";
export {
  type ManualOrder,
  type PrefixStatus,
  Reconciler,
  type ReconcilerOptions,
  type RouteEvent,
} from "./route/reconcile.js";
// Watching many targets.
export type { MetricsOptions } from "./watch/metrics.js";
export { type ProbeOptions, type ProbeResult, probe } from "./watch/probe.js";
export type { SiteSource } from "./watch/sites.js";
export { type PathWatch, type SweepOptions, sweep, watchPaths } from "./watch/sweep.js";
export type { PathState } from "./watch/sweep-judge.js";
export {
  formatPath,
  type PathEvent,
  type PathName,
  type PathSummary,
  type SiteShare,
  type SweepSummary,
} from "./watch/sweep-report.js";
export type { TallyRules, TargetState } from "./watch/tally.js";
export { type Watch, type WatchOptions, watch } from "./watch/watch.js";
export type { TargetSummary, WatchEvent, WatchTotals } from "./watch/watch-report.js";
