// A prefix: what is announced. anyprobe moves host routes only, so a prefix names exactly one address.
import { canonicalAddress, type Family, familyOf } from "../probe/target.js";

/** Prefix is a host route in its one spelling: `203.0.113.53/32`, `2001:db8::53/128`. */
export type Prefix = string & { readonly brand: "Prefix" };

/** parsePrefix reads a host prefix; a bare address is none. Undefined where the text is not one. */
export function parsePrefix(text: string): Prefix | undefined {
  const [address = "", length, ...rest] = text.split("/");
  try {
    const width = familyOf(address) === 4 ? "32" : "128";
    return length === width && rest.length === 0 ? (`${canonicalAddress(address)}/${width}` as Prefix) : undefined;
  } catch {
    return undefined;
  }
}

/** prefixOf gives the host prefix of an address. */
export function prefixOf(address: string): Prefix {
  return `${canonicalAddress(address)}/${familyOf(address) === 4 ? 32 : 128}` as Prefix;
}

/** addressOf gives the one address of a prefix. */
export function addressOf(prefix: Prefix): string {
  return prefix.slice(0, prefix.indexOf("/"));
}

export function familyOfPrefix(prefix: Prefix): Family {
  return familyOf(addressOf(prefix));
}
