// The library's face: what a program that imports "anyprobe" gets.
export { answered, flag, type ResultBatch } from "./engine/batch.js";
export { type CounterName, type Counters, Engine, type EngineOptions, type Run } from "./engine/engine.js";
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
export {
  Check,
  type CheckRecord,
  type CheckRules,
  type CheckState,
  type Evidence,
  type Transition,
} from "./health/check.js";
export { combine, type Require, type Want, wantedOf } from "./health/service.js";
export { type Finding, judge, type Verdict } from "./health/verdict.js";
export { LatencyHistogram, type LatencySummary } from "./measure/histogram.js";
export { LatencyTable } from "./measure/latency-table.js";
export type { Expectation } from "./probe/expectation.js";
export { type Outcome, outcomes } from "./probe/outcome.js";
export type { Plan, Probe, Schedule } from "./probe/plan.js";
export type { DnsQuery, Query, UdpQuery, WireQuery } from "./probe/query.js";
export { type Family, formatTarget, type Target } from "./probe/target.js";
export type { SiteSource } from "./watch/sites.js";
export type { TargetState } from "./watch/tally.js";
export { type Watch, type WatchOptions, watch } from "./watch/watch.js";
export type { TargetSummary, WatchEvent, WatchTotals } from "./watch/watch-report.js";
