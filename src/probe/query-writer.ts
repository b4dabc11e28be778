// A query writer: writes DNS queries that differ only in name and type, many times faster than encodeQuery, and octet for
// octet what that gives. All that they share is encoded once, by encodeQuery itself.
import { randomFillSync } from "node:crypto";
import { encodeQuery, headerLength, nameLabels } from "./dns.js";
import { typeNumber } from "./dns-word.js";
import type { DnsQuery, WireQuery } from "./query.js";

/** QueryForm is what queries have in common. */
export type QueryForm = Omit<DnsQuery, "name" | "type">;

/** What a question for the root takes: a name of one octet, type and class. */
const rootQuestionLength = 5;
const longestName = 255;
const longestLabel = 63;
const clientCookieLength = 8;
/** Queries share memory in pieces of this size: an array of its own for each would cost more than to write it. */
const slabOctets = 1 << 16;
const [dot, backslash] = [0x2e, 0x5c];

/** QueryWriter writes the queries of one form; a TypeError or RangeError where encodeQuery would refuse it. */
export class QueryWriter {
  readonly #header: Uint8Array;
  readonly #class: Uint8Array;
  /** What follows the question: the OPT record, whose last octets are the cookie where there is one. */
  readonly #tail: Uint8Array;
  readonly #cookie: boolean;
  readonly #cookies = Buffer.alloc(512 * clientCookieLength);
  #cookieAt = this.#cookies.length;
  #slab = new Uint8Array(slabOctets);
  #used = 0;

  constructor(form: QueryForm) {
    const sample = encodeQuery({ ...form, name: ".", type: "A" }, 0);
    this.#header = sample.subarray(0, headerLength);
    this.#class = sample.subarray(headerLength + 3, headerLength + rootQuestionLength);
    this.#tail = sample.subarray(headerLength + rootQuestionLength);
    this.#cookie = form.cookie === true;
  }

  /** write gives the query for a name in presentation form and a type's name; throws as encodeQuery does. */
  write(name: string, type: string): WireQuery {
    const text = Buffer.from(name);
    return this.writeOctets(text, 0, text.length, typeNumber(type));
  }

  /** writeOctets does so for the name in `text` from octet `from` until `to`, and a type's number. */
  writeOctets(text: Uint8Array, from: number, to: number, type: number): WireQuery {
    // A label's length takes the place of the dot before it, so no name grows by more than two octets.
    const most = headerLength + Math.min(to - from, longestName) + 2 + 4 + this.#tail.length;
    if (this.#used + most > slabOctets) {
      this.#slab = new Uint8Array(slabOctets);
      this.#used = 0;
    }
    const slab = this.#slab;
    const begin = this.#used;
    slab.set(this.#header, begin);
    let at = this.#writeName(text, from, to, begin + headerLength);
    if (at < 0)
      at = this.#writeLabels(nameLabels(Buffer.from(text.subarray(from, to)).toString()), begin + headerLength);
    slab[at++] = type >> 8;
    slab[at++] = type & 0xff;
    slab.set(this.#class, at);
    at += this.#class.length;
    slab.set(this.#tail, at);
    at += this.#tail.length;
    if (this.#cookie) slab.set(this.#nextCookie(), at - clientCookieLength);
    this.#used = at;
    return { wire: slab.subarray(begin, at) };
  }

  /** writeName tells where a name ends that it wrote; -1: it is not one of plain letters, or no name, which nameLabels can tell. */
  #writeName(text: Uint8Array, from: number, to: number, begin: number): number {
    const slab = this.#slab;
    if (to - from < 1 || to - from >= longestName || text[from] === dot) return -1;
    let lengthAt = begin;
    let at = begin + 1;
    for (let i = from; i < to; i++) {
      const octet = text[i]!;
      if (octet === dot) {
        const length = at - lengthAt - 1;
        if (length < 1 || length > longestLabel) return -1;
        slab[lengthAt] = length;
        lengthAt = at++;
      } else {
        if (octet < 0x21 || octet > 0x7e || octet === backslash) return -1;
        slab[at++] = octet;
      }
    }
    const length = at - lengthAt - 1;
    if (length > longestLabel) return -1;
    // After a dot at the end it is 0: the root's, which ends the name.
    slab[lengthAt] = length;
    if (length > 0) slab[at++] = 0;
    return at - begin > longestName ? -1 : at;
  }

  #writeLabels(labels: readonly string[], at: number): number {
    for (const label of labels) {
      this.#slab[at++] = label.length;
      for (let i = 0; i < label.length; i++) this.#slab[at++] = label.charCodeAt(i);
    }
    this.#slab[at++] = 0;
    return at;
  }

  #nextCookie(): Uint8Array {
    if (this.#cookieAt === this.#cookies.length) {
      randomFillSync(this.#cookies);
      this.#cookieAt = 0;
    }
    this.#cookieAt += clientCookieLength;
    return this.#cookies.subarray(this.#cookieAt - clientCookieLength, this.#cookieAt);
  }
}
