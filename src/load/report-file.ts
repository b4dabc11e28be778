// A report file: the NDJSON that `anyprobe bench --json` prints, read back. It is judged strictly, since figures that rest on half
// a file look like any others; only its end may be missing, as a run that was killed leaves it, and then the report says so.
import { readFile } from "node:fs/promises";
import { z } from "zod";
import { LoadError } from "../errors.js";
import { type Report, reportOf } from "./answer.js";
import { type ResultRecord, type StartRecord, schemaVersion, type TrialRecord } from "./record.js";

const amount = z.number().nonnegative();
const whole = z.int().nonnegative();
const amountOrNull = amount.nullable();
const text = z.string();
const textOrNull = text.nullable();
const mode = z.enum(["search", "rate", "ramp", "steps", "closed", "replay"]);
const counts = z.record(text, whole);

const head = { schema_version: z.literal(schemaVersion), run_id: text, at: z.iso.datetime() };

const start = z.object({
  ...head,
  type: z.literal("start"),
  mode,
  target: z.object({ address: text, port: whole.max(65_535) }),
  queries: text,
  objective: z.array(text),
  settings: z.record(text, z.union([text, z.number(), z.boolean()])),
  environment: z.object({
    anyprobe: text,
    kernel: text,
    cpu: text,
    cpus: whole,
    node: text,
    host: text,
    path: z.enum(["loopback", "device"]),
  }),
  ceiling: z.object({ qps: amount, measured_at: text }).nullable(),
}) satisfies z.ZodType<StartRecord>;

const latency = z.object({
  count: whole,
  min_ns: amountOrNull,
  mean_ns: amountOrNull,
  p50_ns: amountOrNull,
  p90_ns: amountOrNull,
  p95_ns: amountOrNull,
  p99_ns: amountOrNull,
  p999_ns: amountOrNull,
  max_ns: amountOrNull,
});

const moment = z.object({
  at_seconds: amount,
  offered_qps: amount,
  sent: whole,
  answered: whole,
  lost: whole,
  rcodes: counts,
  p50_ns: amountOrNull,
  p99_ns: amountOrNull,
});

const trial = z
  .object({
    ...head,
    type: z.literal("trial"),
    trial: z.int().positive(),
    offered_qps: amount,
    sent_qps: amount,
    answered_qps: amount,
    seconds: amount,
    ended_early: textOrNull,
    sent: whole,
    answered: whole,
    timeouts: whole,
    unreachable: whole,
    send_failed: whole,
    voided: whole,
    cancelled: whole,
    rcodes: counts,
    truncated: whole,
    late: whole,
    foreign: whole,
    malformed: whole,
    latency,
    buckets: z.array(z.tuple([amount, amount, whole])),
    lateness: latency,
    hdr: text,
    moments: z.array(moment),
    ports: z.object({ used: whole, least: whole, most: whole }),
    answer_octets: amountOrNull,
    cpu: z.object({ generator: amount, busiest_shard: amount, server: amountOrNull }),
    // JSON has no NaN: what could not be measured arrives as null.
    misses: z.array(z.object({ limit: text, got: amount.nullable().transform((got) => got ?? Number.NaN) })),
    limited_by_generator: textOrNull,
    notes: z.array(text),
  })
  .superRefine((record, context) => {
    const fates = ["answered", "timeouts", "unreachable", "send_failed", "voided", "cancelled"] as const;
    const sum = fates.reduce((sum, fate) => sum + record[fate], 0);
    if (sum !== record.sent)
      context.addIssue({
        code: "custom",
        path: ["sent"],
        message: `expected ${sum}, the sum of ${fates.join(", ")}, got ${record.sent}`,
      });
    const unordered = record.buckets.findIndex(
      ([from, to], i) => from >= to || from < (record.buckets[i - 1]?.[1] ?? 0),
    );
    if (unordered >= 0)
      context.addIssue({
        code: "custom",
        path: ["buckets", unordered],
        message: "expected buckets that ascend and do not overlap",
      });
  }) satisfies z.ZodType<TrialRecord>;

const result = z.object({
  ...head,
  type: z.literal("result"),
  mode,
  status: z.enum(["complete", "interrupted", "stopped", "time"]),
  reason: textOrNull,
  objective_held: z.boolean().nullable(),
  lower_qps: amountOrNull,
  upper_qps: amountOrNull,
  capacity_qps: amountOrNull,
  limited_by_generator: textOrNull,
  trial: z.int().positive().nullable(),
  seconds: amount,
  trials: whole,
}) satisfies z.ZodType<ResultRecord>;

const shapes = { start, trial, result } as const;

/** ReadReport is a report with what its reader should know of the file, in sentences. */
export interface ReadReport extends Report {
  readonly file: string;
  readonly warnings: readonly string[];
}

/** readReportFile reads a report. Throws LoadError, which names the line, where the file is no whole report up to its end. */
export async function readReportFile(file: string): Promise<ReadReport> {
  let content: string;
  try {
    content = await readFile(file, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new LoadError("ERR_LOAD_REPORT", `${file}: cannot be read (${code})`, file, undefined, { cause: error });
  }
  return readReportText(content, file);
}

/** readReportText reads a report from text; `file` is its name in errors. */
export function readReportText(content: string, file: string): ReadReport {
  const records: Recorded[] = [];
  const lines = content.split("\n");
  for (const [at, line] of lines.entries()) {
    if (line.trim() === "") continue;
    const record = readLine(line, at + 1, file, at === lines.length - 1);
    if (!record) continue;
    expectNext(records, record, at + 1, file);
    records.push(record);
  }
  const report = reportOf(records);
  if (!report)
    throw new LoadError(
      "ERR_LOAD_REPORT",
      `${file}: expected the records of anyprobe bench --json, got no start record`,
      file,
    );
  const warnings = report.result ? [] : [`${file}: has no result: the run was killed, or is still going on`];
  return { ...report, file, warnings };
}

type Recorded = StartRecord | TrialRecord | ResultRecord;

function readLine(line: string, number: number, file: string, isLast: boolean): Recorded | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    // Only the last line of a file can have no end.
    const what = isLast ? `a truncated last line` : `"${excerpt(line)}"`;
    throw fault(`expected a JSON object, got ${what}`, number, file, error);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw fault(`expected a JSON object, got "${excerpt(line)}"`, number, file);
  const { type, schema_version: version } = value as Partial<Record<string, unknown>>;
  if (version !== schemaVersion)
    throw fault(`expected schema_version ${schemaVersion}, got ${JSON.stringify(version)}`, number, file);
  if (type === "progress") return undefined;
  const shape = shapes[type as keyof typeof shapes] as z.ZodType<Recorded> | undefined;
  if (!Object.hasOwn(shapes, String(type)) || !shape)
    throw fault(`expected a type of start, progress, trial or result, got ${JSON.stringify(type)}`, number, file);
  const parsed = shape.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw fault(`${String(type)}.${issue!.path.join(".")}: ${issue!.message}`, number, file);
}

/** One run, in order: start first and once, trials counted from 1, result last. */
function expectNext(before: readonly Recorded[], record: Recorded, number: number, file: string): void {
  const [first, last] = [before[0], before.at(-1)];
  if (!first) {
    if (record.type !== "start") throw fault(`expected the start record first, got ${record.type}`, number, file);
    return;
  }
  if (last?.type === "result")
    throw fault(`expected nothing after the result record, got ${record.type}`, number, file);
  if (record.type === "start") throw fault("expected one run, got a second start record", number, file);
  if (record.run_id !== first.run_id)
    throw fault(`expected run_id "${excerpt(first.run_id)}", got "${excerpt(record.run_id)}"`, number, file);
  if (record.type === "trial" && record.trial !== before.length)
    throw fault(`expected trial ${before.length}, got trial ${record.trial}`, number, file);
}

function excerpt(text: string): string {
  return JSON.stringify(text.slice(0, 40)).slice(1, -1);
}

function fault(message: string, line: number, file: string, cause?: unknown): LoadError {
  return new LoadError("ERR_LOAD_REPORT", `${file}:${line}: ${message}`, file, line, { cause });
}
