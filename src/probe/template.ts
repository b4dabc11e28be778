// A template: the octets of a query, made once, off the hot path. The engine writes only the id into a copy.
import { encodeQuery, expectQuestion } from "./dns.js";
import { isUdp, isWire, type Query } from "./query.js";

/** maxPayload is the longest UDP payload over IPv4: 65,535 octets less both headers. */
export const maxPayload = 65_507;

/** Template is a query on the wire. */
export interface Template {
  readonly bytes: Uint8Array;
  /** Offset of the two octets of id; -1: the query carries none. */
  readonly idAt: number;
  /** Octets after the 12-octet DNS header that an answer must repeat (the question); 0 for plain UDP. */
  readonly questionLength: number;
}

/** compile makes a query's template; a TypeError or RangeError where it cannot be asked. */
export function compile(query: Query): Template {
  const template = templateOf(query);
  // What the caller does to its octets later must not reach the network.
  return "name" in query ? template : { ...template, bytes: new Uint8Array(template.bytes) };
}

/** templateOf makes a template of the query's own octets, where it has them: for whoever copies them at once. */
export function templateOf(query: Query): Template {
  if (!isUdp(query)) {
    const bytes = isWire(query) ? expectPayload(query.wire) : encodeQuery(query, 0);
    return { bytes, idAt: 0, questionLength: expectQuestion(bytes) };
  }
  const { idAt = -1 } = query;
  const payload = expectPayload(query.payload);
  if (query.idAt !== undefined && !(Number.isInteger(idAt) && idAt >= 0 && idAt + 2 <= payload.length))
    throw new RangeError(`expected room for two octets of id in a payload of ${payload.length}, got idAt ${idAt}`);
  return { bytes: payload, idAt, questionLength: 0 };
}

function expectPayload(payload: Uint8Array): Uint8Array {
  if (payload.length <= maxPayload) return payload;
  throw new RangeError(`expected a payload of 0-${maxPayload} octets, got ${payload.length}`);
}
