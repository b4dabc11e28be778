// Addresses, local routes, the mark rule and UDP sockets of this network namespace, as the kernel has them and as we
// change them. Synchronous: a call takes some 20-50 us. Every refusal of the kernel is an EngineError ERR_ENGINE_SYSCALL.
import { canonicalAddress, type Family } from "../probe/target.js";
import { loadAddon, type NativeAddress, refusal, systemError } from "./addon.js";

/** Flags of an address (IFA_F_*) that are read or set here. */
export const addressFlag = {
  /** IPv4: secondary in its subnet. IPv6: a temporary address. */
  secondary: 0x01,
  /** IPv6: no duplicate address detection, so that it can be used at once. */
  nodad: 0x02,
  dadFailed: 0x08,
  deprecated: 0x20,
  tentative: 0x40,
  permanent: 0x80,
} as const;

/** Address is one address of a device. Lifetimes are in s as the kernel counts them, Infinity for ever. */
export interface Address {
  readonly family: Family;
  readonly device: string;
  readonly ifindex: number;
  readonly address: string;
  /** The other end, of a point-to-point address only. */
  readonly peer?: string;
  readonly prefixLength: number;
  /** 0 global, 253 link, 254 host. */
  readonly scope: number;
  /** Bits of addressFlag. */
  readonly flags: number;
  readonly validS: number;
  /** 0: deprecated. */
  readonly preferredS: number;
  /** Who set it (IFA_PROTO); 0 where untold. */
  readonly proto: number;
  /** IPv4 only; "" on IPv6. */
  readonly label: string;
}

/** NewAddress is an address to be set; what is left out is as `ip addr add` has it. */
export type NewAddress = Pick<Address, "device" | "address" | "prefixLength"> &
  Partial<Pick<Address, "peer" | "label" | "scope" | "flags" | "validS" | "preferredS" | "proto">>;

export interface Link {
  readonly ifindex: number;
  readonly name: string;
  /** `dummy`, `veth`, …; empty: lo, and devices of hardware. */
  readonly kind: string;
  readonly up: boolean;
  readonly loopback: boolean;
}

/** LocalRoute makes the kernel deliver a prefix to this host: an address's own, 127.0.0.0/8, or an anchor. */
export interface LocalRoute {
  readonly family: Family;
  readonly address: string;
  readonly prefixLength: number;
  readonly metric: number;
  readonly ifindex: number;
  /** True of a route that addAnchor made. */
  readonly anchor: boolean;
}

export interface UdpSocket {
  readonly family: Family;
  /** `0.0.0.0` or `::` for the wildcard. */
  readonly address: string;
  readonly port: number;
  /** Connected sockets serve one peer only. */
  readonly connected: boolean;
  /** A `::` socket that takes no IPv4. */
  readonly v6Only: boolean;
}

function kernel<T>(doing: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw systemError(error, doing);
  }
}

/** inet_ntop writes `::ffff:192.0.2.1` where RFC 5952's one spelling, by which we compare, has no dots. */
function respell<T extends { address: string; family: Family }>(item: T): T {
  return item.family === 6 && item.address.includes(".") ? { ...item, address: canonicalAddress(item.address) } : item;
}

export function listAddresses(): readonly Address[] {
  return kernel("list addresses", () => loadAddon().listAddresses()).map(respell<NativeAddress>);
}

export function listLinks(): readonly Link[] {
  return kernel("list links", () => loadAddon().listLinks());
}

/** listLocalRoutes lists table local's routes of type local: what is delivered to this host. */
export function listLocalRoutes(): readonly LocalRoute[] {
  return kernel("list local routes", () => loadAddon().listLocalRoutes()).map(respell);
}

/** listUdpSockets lists the sockets of this network namespace that are bound to `port` (1-65535). Needs no privilege. */
export function listUdpSockets(port: number): readonly UdpSocket[] {
  return kernel("list UDP sockets", () => loadAddon().listUdpSockets(port)).map(respell);
}

const requests = { add: "RTM_NEWADDR", replace: "RTM_NEWADDR", delete: "RTM_DELADDR" } as const;

/**
 * changeAddresses sends one message for each address, all at once, and gives for each the refusal or undefined. `add`
 * fails with EEXIST where it is there; `replace` sets lifetimes and flags of one that is there, and adds one that is not;
 * `delete` takes host addresses (/32, /128) only, EINVAL for others, and fails with EADDRNOTAVAIL where it is not there.
 */
export function changeAddresses(verb: keyof typeof requests, addresses: readonly NewAddress[]) {
  const codes = kernel(`${verb} addresses`, () => loadAddon().changeAddresses(verb, addresses));
  return addresses.map(({ address, prefixLength, device }, i) =>
    codes[i]
      ? refusal(codes[i], `sendmsg ${requests[verb]}`, `${verb} ${address}/${prefixLength} on ${device}`)
      : undefined,
  );
}

function changeAddress(verb: keyof typeof requests, address: NewAddress): void {
  const [error] = changeAddresses(verb, [address]);
  if (error) throw error;
}

export function addAddress(address: NewAddress): void {
  changeAddress("add", address);
}

/** replaceAddress sets lifetimes and flags of an address that is there (a label stays), or adds it. */
export function replaceAddress(address: NewAddress): void {
  changeAddress("replace", address);
}

/** deleteAddress deletes exactly this /32 or /128; others are refused with EINVAL. */
export function deleteAddress(address: Pick<NewAddress, "device" | "address" | "prefixLength" | "peer">): void {
  changeAddress("delete", address);
}

/** linkUp sets a device up. Nothing here sets one down. */
export function linkUp(device: string): void {
  kernel(`set ${device} up`, () => loadAddon().linkUp(device));
}

/**
 * addAnchor keeps an address delivered to this host, whether it is assigned or not: `ip route add local ADDRESS dev lo
 * table local metric 1024`. No routing daemon announces it. Success where it is there.
 */
export function addAnchor(address: string): void {
  kernel(`anchor ${address}`, () => loadAddon().changeAnchor(true, address));
}

/** deleteAnchor deletes an anchor of ours and no other route. Success where there is none. */
export function deleteAnchor(address: string): void {
  kernel(`delete the anchor of ${address}`, () => loadAddon().changeAnchor(false, address));
}

/**
 * addMarkRule makes packets with this mark (SO_MARK) unroutable unless their destination is this host, per family:
 * `ip rule add pref 1 fwmark MARK unreachable`. Success where it is there.
 */
export function addMarkRule(family: Family, mark: number): void {
  kernel(`add the mark rule of IPv${family}`, () => loadAddon().changeMarkRule(true, family, mark));
}

/** deleteMarkRule undoes addMarkRule. Success where there is none. */
export function deleteMarkRule(family: Family, mark: number): void {
  kernel(`delete the mark rule of IPv${family}`, () => loadAddon().changeMarkRule(false, family, mark));
}

/** listMarkRules lists the rules as addMarkRule makes them, of any mark. */
export function listMarkRules(): readonly { readonly family: Family; readonly mark: number }[] {
  return kernel("list rules", () => loadAddon().listMarkRules());
}

/** ownPortId is the netlink port id by which the kernel's IPv4 events name changes made here (in this thread). */
export function ownPortId(): number {
  return kernel("open netlink", () => loadAddon().portId());
}
