// A query: what is asked. DNS by name and type, or a plain UDP payload.

/** DnsQuery is one DNS question (RFC 1035) with the EDNS options (RFC 6891) that the answer is to be judged by. */
export interface DnsQuery {
  readonly name: string;
  /** `A`, `TXT`, … or `TYPE65280` (RFC 3597). */
  readonly type: string;
  /** Default IN; CH for id.server. */
  readonly class?: "IN" | "CH";
  /** Recursion desired; default true. */
  readonly rd?: boolean;
  /** DNSSEC OK. */
  readonly do?: boolean;
  /** EDNS UDP size, 512-65535; default 1232; 0 sends no OPT record. */
  readonly ednsSize?: number;
  /** Ask for the server's NSID (RFC 5001). */
  readonly nsid?: boolean;
}

/** UdpQuery is a payload sent as it is. */
export interface UdpQuery {
  readonly payload: Uint8Array;
  /** Where two octets of random id are written, when the service echoes them there; undefined: matched by socket and peer only. */
  readonly idAt?: number;
}

export type Query = DnsQuery | UdpQuery;

export function isUdp(query: Query): query is UdpQuery {
  return "payload" in query;
}
