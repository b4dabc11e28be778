// The kernel's list of addresses, as the drivers that move them read it: each of ours in its one form and place, and every other
// one left as it was.
import { type Address, changeAddresses, listAddresses } from "../engine/netlink.js";
import { RouteError } from "../errors.js";
import { addressOf, type Prefix, prefixOf } from "./prefix.js";

/** Holding is the device on which a driver has its addresses. */
export interface Holding {
  readonly driver: string;
  readonly device: string;
}

/** matchAddress gives the prefix's address; RouteError where it is there in another form or on another device: that is left alone. */
export function matchAddress(
  prefix: Prefix,
  { driver, device }: Holding,
  addresses: readonly Address[],
): Address | undefined {
  let match: Address | undefined;
  for (const address of addresses) {
    if (address.address !== addressOf(prefix)) continue;
    const whole = prefixOf(address.address) === `${address.address}/${address.prefixLength}`;
    if (whole && address.device === device && address.peer === undefined) match = address;
    else {
      const form = `${address.address}${address.peer ? ` peer ${address.peer}` : ""}/${address.prefixLength}`;
      const message = `expected ${prefix} on ${device} or nothing, found ${form} on ${address.device}; it was left alone`;
      throw new RouteError("ERR_ROUTE_UNSUPPORTED", message, driver, [prefix]);
    }
  }
  return match;
}

/**
 * restoreOthers puts back the secondaries that went with one of `mine` (promote_secondaries=0), and says so; undefined where
 * none is missing. Whatever else is gone from the device is somebody else's doing. RouteError where that fails.
 */
export function restoreOthers(
  before: readonly Address[],
  mine: readonly Prefix[],
  { driver, device }: Holding,
): string | undefined {
  const left = new Set(listAddresses().map(nameOf));
  const vanished = before.filter(
    (address) =>
      address.device === device && !left.has(nameOf(address)) && mine.some((prefix) => isSecondaryOf(prefix, address)),
  );
  if (vanished.length === 0) return undefined;
  const names = vanished.map(nameOf).join(", ");
  const cause = changeAddresses("add", vanished).find((error) => error && error.errno !== "EEXIST");
  if (!cause) return `it took ${names} along, put back at once`;
  const message = `it took other addresses along, and they could not be put back: ${names}: ${cause.message}`;
  throw new RouteError("ERR_ROUTE_REFUSED", message, driver, [], { cause });
}

/** IPv4 only. The kernel takes those along that have the primary's mask and, by their peer, its subnet. */
function isSecondaryOf(primary: Prefix, { family, peer, prefixLength }: Address): boolean {
  return family === 4 && peer !== undefined && `${peer}/${prefixLength}` === primary;
}

function nameOf({ device, address, peer, prefixLength }: Address): string {
  return `${address}${peer === undefined ? "" : ` peer ${peer}`}/${prefixLength} on ${device}`;
}
