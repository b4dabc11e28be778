// Finds who answered (NSID, RFC 5001) in the octets of an answer, without making anything of them: at 100,000 answers a second
// there is no time for strings, and nearly every answer comes from where the last one came from.
import { headerLength } from "../probe/dns.js";

const optType = 41;
const nsidOption = 3;
/** Octets of a record between its name and its data. */
const recordHead = 10;

/** Place is where the identity stands in the octets; valid until the next call. */
export interface Place {
  at: number;
  length: number;
}

const place: Place = { at: 0, length: 0 };

/**
 * placeOfNsid looks in the answer that begins at `start` and ends before `end`. Undefined where it has none, or is malformed before it:
 * no octet outside is read, and every record takes at least eleven octets, so that the walk ends.
 */
export function placeOfNsid(bytes: Uint8Array, start: number, end: number): Place | undefined {
  if (end - start < headerLength) return undefined;
  let at = start + headerLength;
  for (let questions = word(bytes, start + 4); questions > 0; questions--) {
    at = afterName(bytes, at, end) + 4;
    if (at > end) return undefined;
  }
  let records = word(bytes, start + 6) + word(bytes, start + 8) + word(bytes, start + 10);
  for (; records > 0; records--) {
    at = afterName(bytes, at, end);
    if (at + recordHead > end) return undefined;
    const type = word(bytes, at);
    const next = at + recordHead + word(bytes, at + 8);
    if (next > end) return undefined;
    if (type === optType) return placeInOptions(bytes, at + recordHead, next);
    at = next;
  }
  return undefined;
}

function placeInOptions(bytes: Uint8Array, start: number, end: number): Place | undefined {
  let at = start;
  while (at + 4 <= end) {
    const length = word(bytes, at + 2);
    if (at + 4 + length > end) return undefined;
    if (word(bytes, at) === nsidOption) {
      place.at = at + 4;
      place.length = length;
      return length > 0 ? place : undefined;
    }
    at += 4 + length;
  }
  return undefined;
}

/** Past a name, which ends with the root or a pointer (RFC 1035, 4.1.4); beyond `end` where it does not. */
function afterName(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end) {
    const octet = bytes[at]!;
    if (octet === 0) return at + 1;
    if (octet >= 0xc0) return at + 2;
    // 0x40 and 0x80 are no labels (RFC 6891, 5).
    if (octet > 63) return end + 1;
    at += 1 + octet;
  }
  return end + 1;
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}
