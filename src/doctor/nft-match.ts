// Whether an nftables match holds for a packet, as far as that can be known without the packet: yes, no, or perhaps.
import { BlockList } from "node:net";
import { type Family, familyOf } from "../probe/target.js";

/** Packet is what is known of one; what is undefined may be anything. */
export interface Packet {
  readonly family: Family;
  readonly protocol: "udp" | "tcp";
  /** The device that it comes in by; undefined: any but lo. */
  readonly device: string | undefined;
  readonly source: string | undefined;
  readonly sourcePort: number | undefined;
  readonly destination: string;
  readonly destinationPort: number | undefined;
  /** As connection tracking has it. */
  readonly state: "new" | "established";
}

/** True, false, or undefined for perhaps. */
export type Answer = boolean | undefined;

/** `nft -j` writes expressions as objects with one key; only those named here are understood. */
type Expression = unknown;

export interface Match {
  readonly op: string;
  readonly left: Expression;
  readonly right: Expression;
}

/** NamedSet gives the elements of `@name`; undefined where they are not known. */
export type NamedSet = (name: string) => readonly unknown[] | undefined;

type Scalar = string | number;
/** What a packet has at the left of a match: null for none at all (a tcp field of a udp packet), undefined where it is not known. */
type Value = Scalar | null | undefined;

/** holds judges one match. */
export function holds({ op, left, right }: Match, packet: Packet, sets: NamedSet): Answer {
  const value = fieldOf(left, packet);
  if (value === null) return false;
  if (value === undefined) return "meta" in Object(left) ? byDevice(left, op, right, packet) : undefined;
  const found = matches(value, right, sets);
  if (found === undefined) return undefined;
  if (op === "==" || op === "in") return found;
  return op === "!=" ? !found : undefined;
}

/** Of a packet from the network the device is not known, but it is not lo. */
function byDevice(left: Expression, op: string, right: Expression, { device }: Packet): Answer {
  const { key } = (left as { meta: { key?: string } }).meta;
  if ((key !== "iif" && key !== "iifname") || device !== undefined || right !== "lo") return undefined;
  return op === "!=" ? true : op === "==" ? false : undefined;
}

function fieldOf(left: Expression, packet: Packet): Value {
  const { payload, meta, ct } = Object(left) as Record<string, { protocol?: string; field?: string; key?: string }>;
  if (payload) return payloadOf(payload.protocol, payload.field, packet);
  if (ct?.key === "state") return packet.state;
  switch (meta?.key) {
    case "l4proto":
      return packet.protocol;
    case "nfproto":
      return packet.family === 4 ? "ipv4" : "ipv6";
    case "protocol":
      return packet.family === 4 ? "ip" : "ip6";
    case "iif":
    case "iifname":
      return packet.device;
    default:
      return undefined;
  }
}

function payloadOf(protocol: string | undefined, field: string | undefined, packet: Packet): Value {
  if (protocol === "th" || protocol === packet.protocol) {
    if (field === "dport") return packet.destinationPort;
    return field === "sport" ? packet.sourcePort : undefined;
  }
  if (protocol === (packet.family === 4 ? "ip" : "ip6")) {
    if (field === "saddr") return packet.source;
    if (field === "daddr") return packet.destination;
    return field === "protocol" || field === "nexthdr" ? packet.protocol : undefined;
  }
  // A header that this packet has not: no rule about it applies.
  const strange = ["udp", "tcp", "icmp", "icmpv6", "sctp", "dccp", "ip", "ip6", "arp"];
  return strange.includes(protocol ?? "") ? null : undefined;
}

function matches(value: Scalar, right: Expression, sets: NamedSet): Answer {
  if (typeof right === "string" && right.startsWith("@")) return any(value, sets(right.slice(1)), sets);
  if (typeof right === "string" && right.endsWith("*")) return String(value).startsWith(right.slice(0, -1));
  if (typeof right === "string" || typeof right === "number") return value === right;
  if (Array.isArray(right)) return any(value, right, sets);
  const { set, range, prefix, elem } = Object(right) as {
    set?: unknown;
    range?: readonly [Scalar, Scalar];
    prefix?: { addr: unknown; len: number };
    elem?: { val: unknown };
  };
  if (set !== undefined) return any(value, Array.isArray(set) ? set : [set], sets);
  if (elem !== undefined) return matches(value, elem.val, sets);
  if (range !== undefined) return inRange(value, range);
  if (prefix !== undefined) return inPrefix(value, prefix);
  return undefined;
}

function any(value: Scalar, elements: readonly unknown[] | undefined, sets: NamedSet): Answer {
  if (elements === undefined) return undefined;
  const answers = elements.map((element) => matches(value, element, sets));
  return answers.includes(true) ? true : answers.includes(undefined) ? undefined : false;
}

function inRange(value: Scalar, [first, last]: readonly [Scalar, Scalar]): Answer {
  if (typeof value === "number" && typeof first === "number" && typeof last === "number")
    return value >= first && value <= last;
  return inBlock(value, (block, family) => block.addRange(String(first), String(last), family));
}

function inPrefix(value: Scalar, { addr, len }: { addr: unknown; len: number }): Answer {
  if (typeof addr !== "string") return undefined;
  return inBlock(value, (block, family) => block.addSubnet(addr, len, family));
}

function inBlock(value: Scalar, add: (block: BlockList, family: "ipv4" | "ipv6") => void): Answer {
  const block = new BlockList();
  try {
    const family = familyOf(String(value)) === 4 ? "ipv4" : "ipv6";
    add(block, family);
    return block.check(String(value), family);
  } catch {
    // Not addresses, or not of this family.
    return undefined;
  }
}
