// A query: what is asked. DNS by name and type, a whole DNS message, or a plain UDP payload; or what a program finds out.

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
  /** Send a client cookie (RFC 7873): eight random octets, the same whenever this query is sent. */
  readonly cookie?: boolean;
  /** Client subnet (RFC 7871): `198.51.100.0/24`, `2001:db8::/48`; what an address has beyond its prefix is not told. */
  readonly ecs?: string;
}

/** WireQuery is a DNS message as it is sent, but for its id: a header, one question, and whatever follows it. */
export interface WireQuery {
  readonly wire: Uint8Array;
}

/** UdpQuery is a payload sent as it is. */
export interface UdpQuery {
  readonly payload: Uint8Array;
  /** Where two octets of random id are written, when the service echoes them there; undefined: matched by socket and peer only. */
  readonly idAt?: number;
}

/** Query is what is asked: DNS by name and type, a whole DNS message, or a plain UDP payload. */
export type Query = DnsQuery | WireQuery | UdpQuery;

/** Command is a program that asks in our place and tells by its exit status, as Nagios plugins do. */
export interface Command {
  /** The program's path and its arguments; no shell reads them. */
  readonly command: readonly string[];
  /** What exit status 1, WARNING, means. */
  readonly warning: "pass" | "fail";
}

export function isUdp(query: Query | Command): query is UdpQuery {
  return "payload" in query;
}

export function isCommand(query: Query | Command): query is Command {
  return "command" in query;
}

export function isWire(query: Query): query is WireQuery {
  return "wire" in query;
}
