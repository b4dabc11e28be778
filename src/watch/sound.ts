// Whether an answer is what its header says, found without making anything of its octets: at 100,000 answers a second there is
// no time to decode each. What is not sound here is decoded, and judged by that.
import { headerLength } from "../probe/dns.js";

const optType = 41;
/** Octets of a record between its name and its data. */
const recordHead = 10;
/** Octets of the labels of a name, without the root's (RFC 1035, 3.1). */
const longestName = 254;

/**
 * isSound tells whether decodeAnswer() would read all of the answer that begins at `start` and ends before `end`, and find the header's
 * rcode: a response of opcode 0, every record whole, every name readable, no extended rcode. False does not say that it would not.
 * No octet outside is read; pointers only lead back, so that the walk ends.
 */
export function isSound(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < headerLength || (bytes[start + 2]! & 0xf8) !== 0x80) return false;
  let at = start + headerLength;
  for (let questions = word(bytes, start + 4); questions > 0; questions--) {
    at = afterName(bytes, at, start, end) + 4;
    if (at > end) return false;
  }
  let records = word(bytes, start + 6) + word(bytes, start + 8) + word(bytes, start + 10);
  for (; records > 0; records--) {
    const head = afterName(bytes, at, start, end);
    at = head + recordHead;
    if (at > end) return false;
    const data = at;
    at += word(bytes, head + 8);
    if (at > end) return false;
    // An OPT record's TTL begins with the rcode's upper bits (RFC 6891, 6.1.3).
    if (word(bytes, head) === optType && (bytes[head + 4] !== 0 || !areOptions(bytes, data, at))) return false;
  }
  return true;
}

function areOptions(bytes: Uint8Array, from: number, end: number): boolean {
  let at = from;
  while (at + 4 <= end) at += 4 + word(bytes, at + 2);
  return at === end;
}

/** Past a name of the message at `start`; beyond `end` where the name is none. */
function afterName(bytes: Uint8Array, from: number, start: number, end: number): number {
  let at = from;
  let before = from;
  let length = 0;
  let next = 0;
  while (at < end) {
    const octet = bytes[at]!;
    if (octet === 0) return next || at + 1;
    if (octet < 64) {
      at += 1 + octet;
      length += 1 + octet;
      if (length > longestName) break;
    } else if (octet >= 0xc0 && at + 2 <= end) {
      next ||= at + 2;
      const target = start + (word(bytes, at) & 0x3fff);
      // The question's name was walked already, and nearly every pointer leads there.
      if (target >= before) break;
      if (target === start + headerLength && length === 0) return next;
      at = target;
      before = target;
    } else break;
  }
  return end + 1;
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}
