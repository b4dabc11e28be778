// An expectation: what a good answer is, and whether an answer is one.
import { formatDuration, nsPerMs } from "../units.js";
import { type Answer, decodeAnswer, questionType } from "./dns.js";
import { typeNumber, typeWord } from "./dns-word.js";
import { type DnsQuery, isUdp, isWire, type Query, type WireQuery } from "./query.js";
import { canonicalRdata, printableText } from "./rdata.js";

/** Expectation says what an answer must be to count as a pass; every key given must hold. */
export interface Expectation {
  /** DNS: the rcode's name; default NOERROR. */
  readonly rcode?: string;
  /** DNS: at least so many records of the asked type in the answer section. */
  readonly minAnswers?: number;
  /** DNS: exactly these rdata of the asked type, in any order, as text (`198.51.100.80`). */
  readonly answers?: readonly string[];
  /** DNS: one TXT record whose text is this. */
  readonly txt?: string;
  /** DNS: header flags that must be set: aa, ra, ad, tc. */
  readonly flags?: readonly ("aa" | "ra" | "ad" | "tc")[];
  /** DNS: the NSID that the answer must carry (RFC 5001), as text. */
  readonly nsid?: string;
  /** DNS: the SOA record's serial is at least this, in the arithmetic of RFC 1982. */
  readonly serial?: number;
  /** UDP: the reply's octets, compared where `mask` has ones; the reply may be longer. */
  readonly reply?: { readonly bytes: Uint8Array; readonly mask: Uint8Array };
  /** The answer must come within this. */
  readonly maxRttMs?: number;
}

/**
 * judgeAnswer says in a few words why an answer's octets do not meet the expectation; undefined where they do. The answer
 * must already be known to belong to the query (socket, id, question). A truncated DNS answer is judged by its header.
 */
export function judgeAnswer(
  answer: Uint8Array,
  query: Query,
  expectation: Expectation,
  rttNs: number,
): string | undefined {
  const fault = isUdp(query) ? judgeReply(answer, expectation) : judgeDns(answer, query, expectation);
  return fault ?? judgeRtt(expectation, rttNs);
}

/** judgeRcode compares an rcode's name with the one expected. */
export function judgeRcode(rcode: string, { rcode: expected = "NOERROR" }: Expectation): string | undefined {
  return rcode === expected.toUpperCase() ? undefined : `rcode ${rcode}, expected ${expected}`;
}

/** judgeRtt compares a round trip with the longest allowed. */
export function judgeRtt({ maxRttMs }: Expectation, rttNs: number): string | undefined {
  if (maxRttMs === undefined || rttNs <= maxRttMs * nsPerMs) return undefined;
  return `rtt ${formatDuration(rttNs)}, over ${formatDuration(maxRttMs * nsPerMs)}`;
}

/** needsContent tells whether the expectation can only be judged with the answer's octets, not by rcode and rtt alone. */
export function needsContent({ minAnswers, answers, txt, flags, nsid, serial, reply }: Expectation): boolean {
  return [minAnswers, answers, txt, flags, nsid, serial, reply].some((part) => part !== undefined);
}

function judgeReply(octets: Uint8Array, { reply }: Expectation): string | undefined {
  if (!reply) return undefined;
  const { bytes, mask } = reply;
  if (octets.length < bytes.length) return `reply of ${octets.length} octets, expected ${bytes.length}`;
  const at = bytes.findIndex((byte, index) => ((byte ^ octets[index]!) & (mask[index] ?? 0xff)) !== 0);
  if (at < 0) return undefined;
  return `reply differs at octet ${at}: got ${hex(octets[at]!)}, expected ${hex(bytes[at]!)}`;
}

function hex(octet: number): string {
  return octet.toString(16).padStart(2, "0");
}

function judgeDns(octets: Uint8Array, query: DnsQuery | WireQuery, expectation: Expectation): string | undefined {
  const answer = decodeAnswer(octets);
  if ("malformed" in answer) return `malformed answer: ${answer.malformed}`;
  return (
    judgeRcode(answer.rcode, expectation) ??
    judgeFlags(answer, expectation) ??
    judgeRecords(answer, query, expectation) ??
    judgeNsid(answer, expectation)
  );
}

function judgeFlags(answer: Answer, { flags = [] }: Expectation): string | undefined {
  const missing = flags.filter((flag) => !answer.flags.includes(flag));
  return missing.length === 0 ? undefined : `flag ${missing.join(" ")} not set`;
}

function judgeRecords(answer: Answer, query: DnsQuery | WireQuery, expectation: Expectation): string | undefined {
  const { minAnswers, answers, txt, serial } = expectation;
  if ([minAnswers, answers, txt, serial].every((part) => part === undefined)) return undefined;
  if (answer.flags.includes("tc")) return "truncated answer";
  const type = typeWord(isWire(query) ? questionType(query.wire) : typeNumber(query.type));
  const texts = answer.answers.filter((record) => type === "ANY" || record.type === type).map((record) => record.text);
  if (minAnswers !== undefined && texts.length < minAnswers)
    return `${texts.length} answers, expected at least ${minAnswers}`;
  if (answers && !sameRecords(type, texts, answers))
    return `answers ${list(texts)}, expected ${list(answers.map(printableText))}`;
  if (txt !== undefined && !texts.includes(printableText(txt)))
    return `txt ${list(texts)}, expected ${printableText(txt)}`;
  return serial === undefined ? undefined : judgeSerial(texts[0], serial);
}

/** A serial counts in a circle: of two, the later one is less than half of it ahead (RFC 1982, 3.2). */
function judgeSerial(soa: string | undefined, expected: number): string | undefined {
  // Names may have blanks in them, the five numbers at the end have none.
  const serial = Number(soa?.split(" ").at(-5));
  if (!Number.isInteger(serial)) return `no SOA record, expected one with serial ${expected} at least`;
  return (serial - expected) >>> 0 < 2 ** 31 ? undefined : `stale serial ${serial}, expected at least ${expected}`;
}

function sameRecords(type: string, got: readonly string[], expected: readonly string[]): boolean {
  if (got.length !== expected.length) return false;
  const [one, other] = [got, expected].map((texts) => texts.map((text) => canonicalRdata(type, text)).sort());
  return one!.every((text, index) => text === other![index]);
}

/** Reasons stay short enough for one log line, whatever the server sent. */
function list(texts: readonly string[]): string {
  if (texts.length === 0) return "none";
  return shorten(texts.join(" "));
}

function shorten(text: string): string {
  return text.length <= 120 ? text : `${text.slice(0, 117)}...`;
}

function judgeNsid(answer: Answer, { nsid }: Expectation): string | undefined {
  if (nsid === undefined || answer.nsid === nsid) return undefined;
  return `nsid ${shorten(answer.nsid ?? "none")}, expected ${nsid}`;
}
