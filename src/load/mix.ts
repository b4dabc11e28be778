// Built-in mixes: queries that no file is needed for. Names that are asked again and again, which a cache answers; names that
// were never asked before, which it cannot; and plain UDP payloads.
import { randomBytes } from "node:crypto";
import { typeNumber } from "../probe/dns-word.js";
import type { Query } from "../probe/query.js";
import { type QueryForm, QueryWriter } from "../probe/query-writer.js";
import { compile } from "../probe/template.js";
import type { Asked, QuerySource } from "./query-source.js";

/** Question is what a mix asks: its names are `name`, or below it. */
export interface Question extends QueryForm {
  readonly name: string;
  readonly type: string;
}

/** cycle gives a source that repeats a few queries for ever. */
export function cycle(summary: string, queries: readonly Query[]): QuerySource {
  let at = 0;
  return {
    summary,
    repeats: queries,
    next: async (most) => {
      const asked = queries.slice(at, at + most).map((query) => ({ query }));
      at = (at + asked.length) % queries.length;
      return asked;
    },
    close: async () => {},
  };
}

/**
 * cacheHit asks the same names for ever: the name itself, or `h1.` to `h<names>.` below it. Whether they exist is the zone's
 * matter; a wildcard makes them. A TypeError or RangeError where they cannot be asked.
 */
export function cacheHit({ name, type, ...form }: Question, names = 1): QuerySource {
  const most = 65_536;
  if (!(Number.isInteger(names) && names >= 1 && names <= most))
    throw new RangeError(`expected 1-${most} names, got ${names}`);
  const writer = new QueryWriter(form);
  if (names === 1) return cycle(`${name} ${type}`, [writer.write(name, type)]);
  const queries = Array.from({ length: names }, (_, i) => writer.write(below(name, `h${i + 1}`), type));
  return cycle(`${names.toLocaleString("en")} names below ${name}, ${type}`, queries);
}

/**
 * cacheMiss asks a random name below `name` each time, never the same again: what no cache can have. Where a wildcard makes
 * them the answer is NOERROR, elsewhere NXDOMAIN: the queries are the same, so there is no mix for NXDOMAIN beside this. A
 * resolver that caches denials by range (RFC 8198) answers them from its cache all the same. All are equally long.
 */
export function cacheMiss({ name, type, ...form }: Question): QuerySource {
  const writer = new QueryWriter(form);
  const number = typeNumber(type);
  // Of this run alone, so that what an earlier one asked is not asked again.
  const prefix = `m${randomBytes(5).toString("hex")}`;
  const text = Buffer.from(below(name, prefix + firstCount));
  const write = () => {
    countUp(text, prefix.length);
    return writer.writeOctets(text, 0, text.length, number);
  };
  write();
  return {
    summary: `random names below ${name}, ${type}`,
    repeats: undefined,
    next: async (most) => Array.from({ length: most }, (): Asked => ({ query: write() })),
    close: async () => {},
  };
}

const firstCount = "000000000000";
const [digit0, digit9, letterA, letterZ] = [0x30, 0x39, 0x61, 0x7a];

/** countUp adds one to the number, in base 36, that stands in `text` from `from` on: faster than to write it anew. */
function countUp(text: Buffer, from: number): void {
  for (let at = from + firstCount.length - 1; at >= from; at--) {
    const digit = text[at]!;
    if (digit !== letterZ) {
      text[at] = digit === digit9 ? letterA : digit + 1;
      return;
    }
    text[at] = digit0;
  }
}

function below(name: string, label: string): string {
  return name === "." ? `${label}.` : `${label}.${name}`;
}

/** udpPayload sends one payload for ever; `idAt` is where the service echoes two octets of id. */
export function udpPayload(payload: Uint8Array, idAt?: number): QuerySource {
  const query = idAt === undefined ? { payload } : { payload, idAt };
  compile(query);
  return cycle(`a UDP payload of ${payload.length} octets`, [query]);
}
