// One probe: a question asked once, and what came of it.
import { getSystemErrorName } from "node:util";
import type { ResultBatch } from "../engine/batch.js";
import { Engine } from "../engine/engine.js";
import { type Answer, decodeAnswer } from "../probe/dns.js";
import { rcodeWord } from "../probe/dns-word.js";
import { type Expectation, judgeAnswer } from "../probe/expectation.js";
import { type Outcome, outcomes } from "../probe/outcome.js";
import { isUdp, isWire, type Query } from "../probe/query.js";
import type { Target } from "../probe/target.js";
import type { SiteSource } from "./sites.js";

/** ProbeOptions is how a question is asked once, and what a good answer to it is. */
export interface ProbeOptions {
  /** What a good answer is; default: any NOERROR, and any reply to a UDP payload. */
  readonly expect?: Expectation;
  /** An answer that takes longer is a timeout; default 1000. ms */
  readonly timeoutMs?: number;
  /** The source address per family; default: the kernel's choice. */
  readonly source?: { readonly ipv4?: string; readonly ipv6?: string };
  /** Its abort ends the probe. */
  readonly signal?: AbortSignal;
}

/** ProbeResult is what came of one probe. What is not known, or was not told, is undefined. */
export interface ProbeResult {
  readonly outcome: Outcome;
  /** Why this is no answer as expected, in a few words; undefined: it is one. */
  readonly fault: string | undefined;
  /** From sent until the kernel received the answer, or until the probe ended without one. ns */
  readonly rttNs: number;
  /** The port that it was sent from. */
  readonly sourcePort: number;
  /** The rcode's name; of a DNS answer that could be read, with its extended bits. */
  readonly rcode: string | undefined;
  /** Unreachable, not-local, send-failed: the errno's name, such as `ECONNREFUSED`. */
  readonly errno: string | undefined;
  /** A DNS answer, read. */
  readonly answer: Answer | undefined;
  /** The answer as it came; 4096 octets at most. */
  readonly octets: Uint8Array | undefined;
  /** Who answered, as its NSID says. */
  readonly site: string | undefined;
  readonly siteSource: SiteSource | undefined;
}

const answerOctets = 4096;
const defaultTimeoutMs = 1000;

/**
 * probe asks a target once and resolves with what came of it: that nothing came is no error. A DNS query asks for the NSID too,
 * unless it goes without EDNS. Rejects with TypeError or RangeError for what cannot be asked, EngineError where the kernel
 * refuses, and the signal's reason if that is aborted. Each call has a socket and a thread of its own: many targets, or one
 * again and again, are for watch().
 */
export async function probe(target: Target, query: Query, options: ProbeOptions = {}): Promise<ProbeResult> {
  const { expect = {}, timeoutMs = defaultTimeoutMs, source, signal } = options;
  await using engine = new Engine({ ringRows: 1, batchRows: 1, answerOctets, ...(signal && { signal }) });
  const asksNsid = !isUdp(query) && !isWire(query) && query.ednsSize !== 0;
  const asked = asksNsid ? { ...query, nsid: true } : query;
  engine.submit({
    probes: [{ target, query: asked }],
    schedule: { inflight: 1, count: 1 },
    timeoutMs,
    transmitStamps: true,
    ...(source && { source }),
  });
  const { value: batch } = await engine.batches().next();
  // An engine that was closed tells of what it cancelled.
  signal?.throwIfAborted();
  return resultOf(batch!, asked, expect);
}

function resultOf(batch: ResultBatch, query: Query, expect: Expectation): ProbeResult {
  const outcome = outcomes[batch.outcome[0]!]!;
  const answered = outcome === "answered";
  const octets = answered ? batch.bytes : undefined;
  const rttNs = batch.rttNs[0]!;
  const errno = batch.errno[0] === 0 ? undefined : getSystemErrorName(-batch.errno[0]!);
  const read = octets && !isUdp(query) ? decodeAnswer(octets) : undefined;
  const answer = read && !("malformed" in read) ? read : undefined;
  const fault = octets
    ? judgeAnswer(octets, query, expect, rttNs)
    : errno === undefined
      ? outcome
      : `${outcome} (${errno})`;
  return {
    outcome,
    fault,
    rttNs,
    sourcePort: batch.sourcePort[0]!,
    rcode: answered && !isUdp(query) ? (answer?.rcode ?? rcodeWord(batch.rcode[0]!)) : undefined,
    errno,
    answer,
    octets,
    site: answer?.nsid,
    siteSource: answer?.nsid === undefined ? undefined : "nsid",
  };
}
