// What `anyprobe watch` does with its options: begins the watch, and shows it until it ends.
import { type Target, type Watch, type WatchOptions, watch } from "../index.js";
import { UsageError } from "./exit.js";
import type { WatchFlags } from "./watch.js";
import { asUsage, expectationOf, queryOf, sourceOf } from "./watch-ask.js";
import { openFace } from "./watch-face.js";
import { showLive } from "./watch-live.js";
import { showOnce } from "./watch-once.js";
import { showPaths } from "./watch-paths.js";
import { showRecords } from "./watch-record.js";
import { targetsOf } from "./watch-target.js";

const onceCount = 3;
const onlyWithPaths = { tries: "--tries", sweep: "--sweep", firstPort: "--first-port" } as const;

/** Asked is what a watch was told to do, for whoever shows it. */
export interface Asked {
  /** `www.example.com/A` */
  readonly question: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

/** runWatch watches until its end; the exit code is 0, with --once the quorum's. */
export async function runWatch(words: readonly string[], flags: WatchFlags): Promise<void> {
  if (flags.quorum !== undefined && !flags.once)
    throw new UsageError("expected --once with --quorum, got a watch without end");
  const ofPaths = Object.entries(onlyWithPaths).find(
    ([name]) => flags[name as keyof typeof onlyWithPaths] !== undefined,
  );
  if (flags.paths === undefined && ofPaths)
    throw new UsageError(`expected --paths with ${ofPaths[1]}, got targets that are asked as one each`);
  const targets = await targetsOf(words, flags.targets, { port: flags.port, most: flags.maxTargets });
  const stop = new AbortController();
  const end = () => stop.abort();
  process.on("SIGINT", end).on("SIGTERM", end);
  const timer = flags.for === undefined ? undefined : setTimeout(end, flags.for);
  try {
    if (flags.paths !== undefined) {
      process.exitCode = await showPaths(targets, flags, stop.signal);
      return;
    }
    const options = optionsOf(targets, flags);
    await using watched = asUsage(() => watch(targets, { ...options, signal: stop.signal }));
    await using _face = await openFace(watched, flags);
    const { query: question, timeout: timeoutMs } = flags;
    await show(watched, { question, intervalMs: options.intervalMs, timeoutMs }, flags, end);
  } finally {
    clearTimeout(timer);
    process.off("SIGINT", end).off("SIGTERM", end);
  }
}

async function show(watched: Watch, asked: Asked, flags: WatchFlags, end: () => void): Promise<void> {
  if (flags.once) process.exitCode = await showOnce(watched, flags.quorum ?? { share: 1 }, flags.json === true);
  else if (process.stdout.isTTY && !flags.json) await showLive(watched, asked, end);
  else await showRecords(watched, asked, { reportMs: flags.report, targets: flags.json === true });
}

function optionsOf(targets: readonly Target[], flags: WatchFlags): WatchOptions & { readonly intervalMs: number } {
  const { rate, interval = 1000, timeout, shards, rise, fall, chaos, once } = flags;
  const count = flags.count ?? (once ? onceCount : undefined);
  const source = sourceOf(flags.source);
  return {
    query: queryOf(flags.query, flags),
    expect: expectationOf(flags),
    intervalMs: rate === undefined ? interval : (targets.length * 1000) / rate,
    timeoutMs: timeout,
    ...(source && { source }),
    shards,
    ...(once ? { rise: 1, fall: 1 } : { rise, fall }),
    chaos,
    ...(count !== undefined && { count }),
  };
}
