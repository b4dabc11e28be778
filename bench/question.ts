// The one question that every generator of the bench asks: 36 octets, without EDNS, because not all of them can add it.
import { encodeQuery } from "../src/probe/dns.js";
import type { DnsQuery } from "../src/probe/query.js";

export const queryName = "health.example.com";

/** query is the question, as the engine takes it. */
export const query: DnsQuery = { name: queryName, type: "A", ednsSize: 0 };

/** queryOctets is the question on the wire, for generators that know no DNS. */
export const queryOctets: Uint8Array = encodeQuery(query, 0x1234);

/** queryHex is the same in hex. */
export const queryHex: string = Buffer.from(queryOctets).toString("hex");
