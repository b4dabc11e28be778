// Which targets are not loaded without --force: an anycast address that this host has would be answered by this very host,
// and the load would take the service from its clients.
import { type Address, type Link, listAddresses, listLinks } from "../engine/netlink.js";
import { canonicalAddress, familyOf } from "../probe/target.js";

/**
 * refusalOf says why a target is not to be loaded, and what to do; undefined where nothing speaks against it. EngineError where
 * the kernel does not say which addresses this host has.
 */
export function refusalOf(address: string, { force }: { readonly force: boolean }): string | undefined {
  const found = force ? undefined : anycastAmong(address, listAddresses(), listLinks());
  if (!found) return undefined;
  const where = `${found.address}/${found.prefixLength} on ${found.device}`;
  return `${where} looks like an anycast address that this host announces, and the load would hit its clients: drain it first, ask another address of the server, or say --force`;
}

/**
 * anycastAmong finds an address among a host's where it is, by all that can be seen, an anycast one: a host address (/32, /128)
 * on lo, other than loopback's own, or on a dummy device.
 */
export function anycastAmong<T extends Pick<Address, "address" | "device" | "prefixLength">>(
  address: string,
  addresses: readonly T[],
  links: readonly Link[],
): T | undefined {
  const wanted = canonicalAddress(address);
  if (wanted === "::1" || wanted.startsWith("127.")) return undefined;
  const carriers = links.filter(({ loopback, kind }) => loopback || kind === "dummy").map(({ name }) => name);
  return addresses.find(
    ({ address: own, device, prefixLength }) =>
      own === wanted && carriers.includes(device) && prefixLength === (familyOf(wanted) === 4 ? 32 : 128),
  );
}
