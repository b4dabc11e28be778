// What an address is like beside its value, so that it can be put back as it was, also by a later run of the daemon.
import { type Address, addressFlag, type NewAddress } from "../engine/netlink.js";
import type { Change } from "./driver.js";
import { addressOf, familyOfPrefix, type Prefix } from "./prefix.js";

export interface Attributes {
  /** IPv4 only. */
  readonly label?: string;
  readonly scope: number;
  /** Only those that can be set; see addressFlag. */
  readonly flags: number;
  readonly proto: number;
  readonly deprecated: boolean;
}

/** HOMEADDRESS, MANAGETEMPADDR, NOPREFIXROUTE and MCAUTOJOIN; the kernel derives the others. */
const settableFlags = 0x10 | 0x100 | 0x200 | 0x400;

/** defaults are the attributes of an address that `ip addr add` makes. */
export const defaults: Attributes = { scope: 0, flags: 0, proto: 0, deprecated: false };

export function attributesOf({ family, label, scope, flags, proto, preferredS }: Address): Attributes {
  return {
    ...(family === 4 ? { label } : {}),
    scope,
    flags: flags & settableFlags,
    proto,
    deprecated: preferredS === 0,
  };
}

export function toUndo(attributes: Attributes): Change["undo"] {
  return { ...attributes };
}

/** fromUndo reads what toUndo wrote; what is missing or of another type is as in `defaults`. */
export function fromUndo({ label, scope, flags, proto, deprecated }: Change["undo"]): Attributes {
  const number = (value: unknown) => (typeof value === "number" ? value : 0);
  return {
    ...(typeof label === "string" ? { label } : {}),
    scope: number(scope),
    flags: number(flags),
    proto: number(proto),
    deprecated: deprecated === true,
  };
}

/** addressWith gives the address to be set; `validS` Infinity is for ever. */
export function addressWith(prefix: Prefix, device: string, attributes: Attributes, validS: number): NewAddress {
  const { label = device, scope, flags, proto, deprecated } = attributes;
  const v6 = familyOfPrefix(prefix) === 6;
  return {
    device,
    address: addressOf(prefix),
    prefixLength: v6 ? 128 : 32,
    scope,
    // Duplicates are the point of anycast, and the address must be usable at once.
    flags: flags | (v6 ? addressFlag.nodad : 0),
    proto,
    validS,
    preferredS: deprecated ? 0 : validS,
    ...(v6 ? {} : { label }),
  };
}
