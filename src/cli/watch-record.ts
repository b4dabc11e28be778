// What `anyprobe watch` prints in a pipe: one JSON object a line, events as they happen, and now and then how all targets stand.
import { once } from "node:events";
import type { TargetSummary, Watch, WatchEvent, WatchTotals } from "../index.js";
import { formatTarget } from "../index.js";
import { snakeCase } from "./snake-case.js";
import type { Asked } from "./watch-run.js";

const schemaVersion = 1;
/** So many of the worst targets are in each summary. */
const worstCount = 5;

export interface RecordRules {
  /** A summary that often. */
  readonly reportMs: number;
  /** A record of each target at the end. */
  readonly targets: boolean;
}

/** showRecords prints records until the watch ends. */
export async function showRecords(watched: Watch, asked: Asked, { reportMs, targets }: RecordRules): Promise<void> {
  const events = watched.events();
  await write([record("start", { ...asked, targets: watched.targets.length })]);
  // What cannot be written at once waits in the stream: the reader may be slow, and events are few.
  const timer = setInterval(() => void write([summaryRecord(watched, false)]), reportMs);
  try {
    for await (const event of events) await write([eventRecord(event)]);
  } finally {
    clearInterval(timer);
  }
  if (targets) for await (const slice of watched.slices()) await write(slice.map(targetRecord));
  await write([summaryRecord(watched, true)]);
}

/** write writes lines to stdout, and waits for a reader that is behind. */
export async function write(lines: readonly string[]): Promise<void> {
  if (!process.stdout.write(`${lines.join("\n")}\n`)) await once(process.stdout, "drain");
}

/** targetRecord is how one target stands. */
export function targetRecord(summary: TargetSummary): string {
  return record("target", { ...summary });
}

/** onceRecord is the end of --once. */
export function onceRecord(totals: WatchTotals, quorum: { well: number; needed: number; met: boolean }): string {
  return record("once", { atMs: Date.now(), ...totals, quorum });
}

function summaryRecord(watched: Watch, final: boolean): string {
  const { sent, skipped, stalls } = watched.counters();
  const worst = watched.worst(worstCount).filter(({ state, loss }) => state === "down" || (loss ?? 0) > 0);
  return record("summary", {
    ...{ final, atMs: Date.now(), ...watched.totals() },
    latency: watched.histogram().summary(),
    ...{ sent, skipped, stalls },
    worst: worst.map(({ target, state, loss }) => ({ target, state, loss })),
  });
}

function eventRecord(event: WatchEvent): string {
  if (event.kind === "gap") return record("gap", { atMs: event.atMs, lost: event.lost });
  return record("event", { ...event, target: formatTarget(event.target) });
}

/** Names of sites and rcodes are keys that are no names of ours: they stay as they are. */
function record(type: string, fields: Record<string, unknown>): string {
  const { sites, rcodes, ...rest } = fields;
  const whole = {
    ...{ schema_version: schemaVersion, type },
    ...(snakeCase(rest) as object),
    ...(sites !== undefined && { sites }),
    ...(rcodes !== undefined && { rcodes }),
  };
  // What is not known is there, as null.
  return JSON.stringify(whole, (_, value) => (value === undefined ? null : value));
}
