// A pcap reader: finds the DNS queries in a classic pcap stream, as `tcpdump -w -` writes it, piece by piece. What is not a
// query to the port, or not a whole one, is passed over; where it might have been one, it is counted.
import { questionFault } from "../probe/dns.js";
import { nsPerSecond } from "../units.js";
import { OctetQueue } from "./octet-queue.js";

/** Heard is a query that a capture has: its octets, and when it passed, ns after some moment that is the same for all. */
export interface Heard {
  readonly wire: Uint8Array;
  readonly atNs: number;
}

/** Passed is why a packet was passed over. */
export type Passed = "fragment" | "cut off by the capture" | "response" | "no standard query" | "no DNS query";

const [headerOctets, recordOctets] = [24, 16];
/** The longest packet of a capture that libpcap believes in. */
const longestPacket = 262_144;
const [micro, nano] = [0xa1b2c3d4, 0xa1b23c4d];
/** How many octets lie before the IP header or the last Ethernet type, by link type (tcpdump.org/linktypes.html). */
const linkTypes: ReadonlyMap<number, { readonly ipAt: number; readonly typeAt?: number }> = new Map([
  [0, { ipAt: 4 }], // NULL
  [1, { ipAt: 14, typeAt: 12 }], // ETHERNET
  [12, { ipAt: 0 }], // RAW, as some systems number it
  [101, { ipAt: 0 }], // RAW
  [108, { ipAt: 4 }], // LOOP
  [113, { ipAt: 16, typeAt: 14 }], // LINUX_SLL
  [228, { ipAt: 0 }], // IPV4
  [229, { ipAt: 0 }], // IPV6
  [276, { ipAt: 20, typeAt: 0 }], // LINUX_SLL2
]);
const vlanTypes = [0x8100, 0x88a8];
const [ipv4Type, ipv6Type, udp] = [0x0800, 0x86dd, 17];
const [ipv6Header, udpHeader, fragmentHeader] = [40, 8, 44];

/** PcapReader reads one stream. What it cannot read makes next() throw a TypeError that says what was expected. */
export class PcapReader {
  /** How many packets were passed over, by reason. */
  readonly passed = new Map<Passed, number>();
  readonly #port: number;
  readonly #queue = new OctetQueue();
  #header: { readonly little: boolean; readonly fractionNs: number; readonly link: number } | undefined;
  #firstS: number | undefined;

  constructor(port: number) {
    this.#port = port;
  }

  /** The stream has a header, which was good. */
  get begun(): boolean {
    return this.#header !== undefined;
  }

  /** push gives the next piece; all queries before it have been taken. */
  push(piece: Uint8Array): void {
    this.#queue.push(piece);
  }

  /** next gives a query; undefined where it needs more. */
  next(): Heard | undefined {
    const queue = this.#queue;
    if (!this.#header && queue.left >= headerOctets) {
      this.#header = readHeader(queue.octets);
      queue.at += headerOctets;
    }
    while (this.#header && queue.left >= recordOctets) {
      const { octets, at } = queue;
      const u32 = (from: number) => (this.#header!.little ? octets.readUInt32LE(from) : octets.readUInt32BE(from));
      const length = u32(at + 8);
      if (length > longestPacket)
        throw new TypeError(`expected a packet of ${longestPacket} octets at most, got ${length}`);
      if (queue.left < recordOctets + length) break;
      const from = at + recordOctets;
      queue.at = from + length;
      const wire = this.#queryOf(octets.subarray(from, queue.at), this.#header.link);
      if (!wire) continue;
      const second = u32(at);
      this.#firstS ??= second;
      const atNs = (second - this.#firstS) * nsPerSecond + u32(at + 4) * this.#header.fractionNs;
      return { wire: Buffer.from(wire), atNs };
    }
    queue.keep();
    return undefined;
  }

  #pass(why: Passed): undefined {
    this.passed.set(why, (this.passed.get(why) ?? 0) + 1);
    return undefined;
  }

  #queryOf(packet: Buffer, link: number): Buffer | undefined {
    const ipAt = ipHeaderAt(packet, link);
    const datagram = ipAt === undefined ? undefined : datagramOf(packet, ipAt);
    if (!datagram || datagram.octets.length < udpHeader || datagram.octets.readUInt16BE(2) !== this.#port)
      return undefined;
    const { octets, fragment } = datagram;
    if (fragment) return this.#pass("fragment");
    const length = octets.readUInt16BE(4);
    if (length < udpHeader) return this.#pass("no DNS query");
    if (length > octets.length) return this.#pass("cut off by the capture");
    const wire = octets.subarray(udpHeader, length);
    if (typeof questionFault(wire) === "number") return wire[2]! & 0x78 ? this.#pass("no standard query") : wire;
    return this.#pass(wire.length > 2 && wire[2]! & 0x80 ? "response" : "no DNS query");
  }
}

function readHeader(octets: Buffer) {
  const little = [micro, nano].includes(octets.readUInt32LE(0));
  const magic = little ? octets.readUInt32LE(0) : octets.readUInt32BE(0);
  if (magic !== micro && magic !== nano)
    throw new TypeError(`expected a pcap file, got one that begins with ${hex(magic)}`);
  // The upper bits tell of a checksum at the end of each frame.
  const link = (little ? octets.readUInt32LE(20) : octets.readUInt32BE(20)) & 0xffff;
  if (!linkTypes.has(link)) {
    const known = [...linkTypes.keys()].join(", ");
    throw new TypeError(`expected a capture of link type ${known}, got ${link}`);
  }
  return { little, fractionNs: magic === nano ? 1 : 1000, link };
}

function hex(word: number): string {
  return word.toString(16).padStart(8, "0");
}

/** ipHeaderAt tells where the IP header begins; undefined where there is none. */
function ipHeaderAt(packet: Buffer, link: number): number | undefined {
  const { ipAt, typeAt } = linkTypes.get(link)!;
  if (typeAt === undefined) return ipAt;
  if (packet.length < ipAt) return undefined;
  let type = packet.readUInt16BE(typeAt);
  let at = ipAt;
  if (vlanTypes.includes(type)) {
    if (packet.length < at + 4) return undefined;
    type = packet.readUInt16BE(at + 2);
    at += 4;
  }
  return type === ipv4Type || type === ipv6Type ? at : undefined;
}

/** datagramOf gives the octets from the UDP header on; undefined where there is none. Of later fragments there is none. */
function datagramOf(packet: Buffer, at: number): { readonly octets: Buffer; readonly fragment: boolean } | undefined {
  const version = (packet[at] ?? 0) >> 4;
  if (version === 4 && packet.length >= at + 20) {
    const headerLength = (packet[at]! & 15) * 4;
    const length = packet.readUInt16BE(at + 2);
    const place = packet.readUInt16BE(at + 6);
    if (headerLength < 20 || packet[at + 9] !== udp || place & 0x1fff) return undefined;
    // A length of 0 is a sender's that left it to its network card.
    const end = length === 0 ? packet.length : at + length;
    return { octets: packet.subarray(at + headerLength, end), fragment: (place & 0x2000) !== 0 };
  }
  if (version !== 6 || packet.length < at + ipv6Header) return undefined;
  const end = at + ipv6Header + packet.readUInt16BE(at + 4);
  if (packet[at + 6] === udp) return { octets: packet.subarray(at + ipv6Header, end), fragment: false };
  // Of extension headers only a fragment's is known, and only that of the first.
  const isFirst = packet[at + 6] === fragmentHeader && packet.length >= at + 48 && packet[at + 40] === udp;
  if (!isFirst || packet.readUInt16BE(at + 42) & 0xfff8) return undefined;
  return { octets: packet.subarray(at + 48, end), fragment: (packet[at + 43]! & 1) !== 0 };
}
