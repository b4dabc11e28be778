// A batch of results: one block of memory that the addon fills, seen through typed arrays, one row per probe sent.
import { outcomes } from "../probe/outcome.js";
import type { Layout } from "./addon.js";

/**
 * ResultBatch holds `length` rows as columns. What `onBatch` is given is valid only until that returns, for the next drain writes
 * over it, and its columns are longer than `length`; what batches() gives is a copy. Times are CLOCK_MONOTONIC in ns.
 */
export interface ResultBatch {
  readonly length: number;
  /** The probe's number: `run.first` + its index in the plan. */
  readonly probe: Uint32Array;
  /** Index into `outcomes`. */
  readonly outcome: Uint8Array;
  /** Answered DNS: the four bits of the header's rcode. */
  readonly rcode: Uint8Array;
  /** Unreachable, not-local, send-failed: the errno as a number. */
  readonly errno: Uint8Array;
  /** `flag.kernelStamp` and others. */
  readonly flags: Uint16Array;
  readonly shard: Uint8Array;
  /** The port that the probe was sent from. */
  readonly sourcePort: Uint16Array;
  readonly dueNs: Float64Array;
  readonly sentNs: Float64Array;
  /** From sent until the kernel received the answer, or until the probe ended without one. */
  readonly rttNs: Float64Array;
  /** The answer is `bytes.subarray(answerAt[i], answerAt[i] + answerLength[i])`; length 0: none was kept. */
  readonly answerAt: Uint32Array;
  readonly answerLength: Uint16Array;
  /** Octets of the answer as it came; 0 where there was none. */
  readonly answerSize: Uint16Array;
  readonly bytes: Uint8Array;
}

/** Block is the memory of a batch: the octets that the addon fills and the batch that shows them. */
export interface Block {
  readonly octets: Uint8Array;
  readonly rows: number;
  readonly batch: { length: number } & ResultBatch;
}

const arrays = { f64: Float64Array, u32: Uint32Array, u16: Uint16Array, u8: Uint8Array } as const;

/** makeBlock lays out a block for `rows` rows and `answerOctets` octets of answers in all, as the addon's layout says. */
export function makeBlock(layout: Layout, rows: number, answerOctets: number): Block {
  const columnOctets = rows * layout.columns.reduce((sum, column) => sum + column.size, 0);
  const buffer = new ArrayBuffer(columnOctets + answerOctets);
  const columns: Record<string, unknown> = {};
  let at = 0;
  for (const { name, type, size } of layout.columns) {
    columns[name] = new arrays[type](buffer, at, rows);
    at += rows * size;
  }
  const batch = { length: 0, bytes: new Uint8Array(buffer, at), ...columns } as Block["batch"];
  return { octets: new Uint8Array(buffer), rows, batch };
}

/** copyBatch copies the rows of a batch, one at least, and what was kept of their answers, into memory of their own. */
export function copyBatch(layout: Layout, batch: ResultBatch): ResultBatch {
  const { length, bytes, answerAt, answerLength } = batch;
  // Answers stand one after another.
  const end = answerAt[length - 1]! + answerLength[length - 1]!;
  const { batch: copy } = makeBlock(layout, length, end);
  for (const { name } of layout.columns) {
    const column = name as "probe";
    copy[column].set(batch[column].subarray(0, length));
  }
  copy.bytes.set(bytes.subarray(0, end));
  copy.length = length;
  return copy;
}

/** flag has the bits of a row's flags; native `Flag` has them as well, and a test holds the two together. */
export const flag = {
  /** The round trip ends at the kernel's receive stamp; else when the engine read the answer. */
  kernelStamp: 1,
  /** The answer was longer than what was kept of it. */
  cutShort: 2,
  /** An error answer without a question, matched without one. */
  noQuestion: 4,
  /** `sentNs` is the kernel's transmit stamp; else the moment before the send. */
  transmitStamp: 8,
  /** A DNS answer with the TC bit: there was more than fitted. */
  truncated: 16,
} as const;

/** answered is the number of that outcome in a batch's `outcome` column. */
export const answered = outcomes.indexOf("answered");
