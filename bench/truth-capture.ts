// What was on the wire: a tcpdump with nanosecond stamps, and a reader of the file that it writes (pcap, Ethernet frames,
// IPv4 and IPv6 without extension headers). A packet that was captured as one train is read as the datagrams in it.
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { ended } from "../src/demo/frr.js";
import type { Namespace } from "../src/demo/namespace.js";
import { needs } from "./programs.js";

export interface CaptureOptions {
  readonly namespace: Namespace;
  readonly device: string;
  /** A pcap-filter(7) expression; default: all packets. */
  readonly filter?: string;
  readonly file: string;
  /** Octets kept of each packet; 0: all, so that trains can be taken apart. */
  readonly keep: number;
  /** `out` captures only what leaves. */
  readonly direction?: "inout" | "out";
}

/** captureMissing names what is missing for a capture, in one sentence; undefined where nothing is. */
export function captureMissing(): string | undefined {
  try {
    needs("tcpdump");
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Capture is a running tcpdump. */
export interface Capture {
  /** Resolves once the file is whole; gives how many packets the capture itself lost. */
  stop(): Promise<number>;
}

/** startCapture resolves when packets are being captured. */
export async function startCapture(options: CaptureOptions): Promise<Capture> {
  const { namespace, device, filter = "", file, keep, direction = "inout" } = options;
  const stamps = ["--time-stamp-precision=nano", "--time-stamp-type=host"];
  const argv = ["-i", device, "-n", "-p", ...stamps, "-B", "131072", "-s", `${keep}`, "-Q", direction, "-Z", "root"];
  // It ends with this process, however that ends.
  const whole = ["--pdeathsig", "TERM", "tcpdump", ...argv, "-w", file, filter];
  const child = namespace.spawn("setpriv", whole, { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  const listening = new Promise<void>((resolve, reject) => {
    child.stderr!.on("data", (text) => {
      said += text;
      if (said.includes("listening on")) resolve();
    });
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`tcpdump ended with ${code}: ${said}`)));
  });
  await listening;
  return {
    stop: async () => {
      // The kernel hands over a block of packets that is not full after a second; what it still holds would be lost.
      await new Promise((resolve) => setTimeout(resolve, 1500));
      const closed = once(child.stderr!, "close");
      child.kill("SIGINT");
      await Promise.all([ended(child), closed]);
      const dropped = /(\d+) packets? dropped by kernel/.exec(said)?.[1];
      if (dropped === undefined) throw new Error(`tcpdump did not say how many packets it lost: ${said}`);
      return Number(dropped);
    },
  };
}

/** Packet is one captured IP packet. */
export interface Packet {
  /** ns since the second in which the first packet of the file was captured, CLOCK_REALTIME. */
  readonly atNs: number;
  readonly family: 4 | 6;
  /** The IP protocol: 17 is UDP, 1 ICMP, 58 ICMPv6. */
  readonly protocol: number;
  /** UDP: the two ports; otherwise 0. */
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** What follows the UDP header, or the IP header where it is not UDP; no longer than what was kept. */
  readonly payload: Buffer;
}

const ethernetOctets = 14;
const udp = 17;

/** readPackets calls `visit` with each packet of a capture file in turn. */
export function readPackets(file: string, visit: (packet: Packet) => void): void {
  const octets = readFileSync(file);
  const magic = octets.readUInt32LE(0);
  if (magic !== 0xa1b23c4d) throw new Error(`${file}: expected a capture in ns, got the magic ${magic.toString(16)}`);
  const link = octets.readUInt32LE(20);
  if (link !== 1) throw new Error(`${file}: expected Ethernet frames, got link type ${link}`);
  let firstSecond: number | undefined;
  for (let at = 24; at + 16 <= octets.length; ) {
    const second = octets.readUInt32LE(at);
    const kept = octets.readUInt32LE(at + 8);
    firstSecond ??= second;
    const atNs = (second - firstSecond) * 1e9 + octets.readUInt32LE(at + 4);
    const packet = packetOf(octets.subarray(at + 16, at + 16 + kept), atNs);
    if (packet) visit(packet);
    at += 16 + kept;
  }
}

/** The IP packet in a frame; undefined where there is none. */
function packetOf(frame: Buffer, atNs: number): Packet | undefined {
  if (frame.length < ethernetOctets + 40) return undefined;
  const type = frame.readUInt16BE(12);
  if (type !== 0x0800 && type !== 0x86dd) return undefined;
  const family = type === 0x0800 ? 4 : 6;
  const protocol = frame[ethernetOctets + (family === 4 ? 9 : 6)]!;
  const headerOctets = family === 4 ? (frame[ethernetOctets]! & 15) * 4 : 40;
  const at = ethernetOctets + headerOctets;
  const isUdp = protocol === udp;
  return {
    atNs,
    family,
    protocol,
    sourcePort: isUdp ? frame.readUInt16BE(at) : 0,
    destinationPort: isUdp ? frame.readUInt16BE(at + 2) : 0,
    payload: frame.subarray(isUdp ? at + 8 : at),
  };
}
