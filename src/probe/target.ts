// A target: the address and port that are asked.
import { isIPv4, isIPv6 } from "node:net";

/** Target is a UDP endpoint; its family follows from its address. */
export interface Target {
  /** An IPv4 or IPv6 address without zone or brackets. */
  readonly address: string;
  /** 1-65535 */
  readonly port: number;
}

/** Family is that of an address: IPv4 or IPv6. */
export type Family = 4 | 6;

/** familyOf tells 4 or 6; a TypeError where the text is no address. */
export function familyOf(address: string): Family {
  if (isIPv4(address)) return 4;
  // Node takes a zone (`fe80::1%eth0`) for part of an address; here there is no place for one.
  if (isIPv6(address) && !address.includes("%")) return 6;
  throw new TypeError(`expected an IPv4 or IPv6 address, got "${address}"`);
}

/** addressBytes gives the 4 or 16 bytes of an address in network order; a TypeError where the text is no address. */
export function addressBytes(address: string): Uint8Array {
  if (familyOf(address) === 4) return Uint8Array.from(address.split("."), Number);
  let text = address;
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(address);
  if (dotted) {
    const [a, b, c, d] = dotted[2]!.split(".").map(Number) as [number, number, number, number];
    text = `${dotted[1]}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  }
  const [head = "", tail] = text.split("::");
  const left = head ? head.split(":") : [];
  const right = tail ? tail.split(":") : [];
  const groups = [
    ...left,
    ...Array<string>(tail === undefined ? 0 : 8 - left.length - right.length).fill("0"),
    ...right,
  ];
  return Uint8Array.from(
    groups.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff]),
  );
}

/** canonicalAddress gives the one spelling (RFC 5952) by which addresses are compared here. */
export function canonicalAddress(address: string): string {
  return familyOf(address) === 4 ? address : new URL(`http://[${address}]/`).hostname.slice(1, -1);
}

/** formatTarget writes `203.0.113.53:53` or `[2001:db8::53]:53`. */
export function formatTarget(target: Target): string {
  return familyOf(target.address) === 4 ? `${target.address}:${target.port}` : `[${target.address}]:${target.port}`;
}
