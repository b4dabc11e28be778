// `anyprobe watch --paths`: the paths to each target, sweep after sweep. On a terminal a text that is drawn anew after each; in a
// pipe one JSON object a line for what changes, and now and then for how the paths to each target stand.
import type { PathEvent, PathName, PathWatch, SweepOptions, SweepSummary, Target } from "../index.js";
import { formatPath, formatTarget, watchPaths } from "../index.js";
import { monotonicNs, nsPerMs } from "../units.js";
import { UsageError } from "./exit.js";
import { pathsText } from "./paths-text.js";
import { snakeCase } from "./snake-case.js";
import { frame } from "./status-watch.js";
import type { WatchFlags } from "./watch.js";
import { queryOf, sourceOf } from "./watch-ask.js";
import { write } from "./watch-record.js";

const schemaVersion = 1;
/** Sweeps that --once makes at the most: a silence that is still no proof then stays suspect. */
const mostSweeps = 4;

/** showPaths sweeps until the signal is aborted; the exit code is 0, with --once 1 where a path is lost or nobody answers on any. */
export async function showPaths(targets: readonly Target[], flags: WatchFlags, signal: AbortSignal): Promise<0 | 1> {
  const options = optionsOf(flags);
  await using paths = await asked(watchPaths(targets, { ...options, signal }));
  if (flags.json || !(process.stdout.isTTY || flags.once)) await showRecords(paths, flags);
  else await showText(paths, flags);
  const well = summariesOf(paths).every(({ answering, lost }) => answering > 0 && lost === 0);
  return well || !flags.once ? 0 : 1;
}

function optionsOf(flags: WatchFlags): SweepOptions {
  const { query, timeout, paths, tries, sweep, firstPort } = flags;
  const source = sourceOf(flags.source);
  return {
    query: queryOf(query, flags),
    timeoutMs: timeout,
    ...(source && { source }),
    ...(paths !== undefined && { paths }),
    ...(tries !== undefined && { tries }),
    ...(sweep !== undefined && { sweepMs: sweep }),
    ...(firstPort !== undefined && { firstPort }),
  };
}

/** What cannot be asked was wrong on the command line. */
async function asked<T>(begun: Promise<T>): Promise<T> {
  try {
    return await begun;
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError)
      throw new UsageError(error.message, { cause: error });
    throw error;
  }
}

async function showText(paths: PathWatch, { once }: WatchFlags): Promise<void> {
  const out = process.stdout;
  if (!once) out.write("\x1b[2J");
  for await (const event of paths) {
    if (event.kind !== "sweep") continue;
    if (once && isEnough(paths, event.sweep)) break;
    if (!once) out.write(frame(textOf(paths), out.rows));
  }
  if (once) await write([textOf(paths).trimEnd()]);
}

async function showRecords(paths: PathWatch, { once, report }: WatchFlags): Promise<void> {
  let reportedNs = Number.NEGATIVE_INFINITY;
  await write([record("start", { targets: paths.targets.length, paths: paths.paths, transport: paths.transport })]);
  for await (const event of paths) {
    if (event.kind !== "sweep") await write([eventRecord(event)]);
    else if (once && isEnough(paths, event.sweep)) break;
    else if (!once && monotonicNs() - reportedNs >= report * nsPerMs) {
      reportedNs = monotonicNs();
      await write(summariesOf(paths).map((summary) => summaryRecord(summary, false)));
    }
  }
  await paths.close();
  await write(summariesOf(paths).map((summary) => summaryRecord(summary, true)));
}

function isEnough(paths: PathWatch, sweep: number): boolean {
  return sweep === mostSweeps || paths.targets.every((_, index) => paths.suspects(index) === 0);
}

function summariesOf(paths: PathWatch): SweepSummary[] {
  return paths.targets.map((_, index) => paths.summary(index));
}

function textOf(paths: PathWatch): string {
  const note =
    paths.transport === "raw"
      ? ""
      : "by sockets, as raw packets need CAP_NET_RAW: the source ports are the kernel's choice, and others each time\n";
  return note + summariesOf(paths).map(pathsText).join("\n");
}

/** Sites are values here: they may be called anything. */
function eventRecord(event: Exclude<PathEvent, { kind: "sweep" }>): string {
  if (event.kind === "gap") return record("gap", { atMs: event.atMs, lost: event.lost });
  const fields = { ...event, target: formatTarget(event.target) };
  if ("paths" in event) return record("event", { ...fields, paths: event.paths.map(nameRecord) });
  if (event.kind !== "shift") return record("event", fields);
  const counts = (paths: Readonly<Record<string, number>>) =>
    Object.entries(paths).map(([site, count]) => ({ site, paths: count }));
  const moved = event.moved.map(({ path, from, to }) => ({ ...nameRecord(path), from, to }));
  return record("event", { ...fields, moved, before: counts(event.before), after: counts(event.after) });
}

function summaryRecord(summary: SweepSummary, final: boolean): string {
  const paths = summary.paths.map((path) => ({ ...path, ...nameRecord(path) }));
  return record("paths", { final, atMs: Date.now(), ...summary, paths });
}

function nameRecord(path: PathName) {
  const { protocol, source, sourcePort, target } = path;
  return { path: formatPath(path), protocol, source, sourcePort, target: formatTarget(target) };
}

function record(type: string, fields: object): string {
  return JSON.stringify({ schema_version: schemaVersion, type, ...(snakeCase(fields) as object) });
}
