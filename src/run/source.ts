// Which address probes are sent from. It must never be an anycast one: replies to it could go to another endpoint, and a
// server's access lists would see what no client is.
import { type Address, addressFlag, type Link } from "../engine/netlink.js";
import { ConfigError } from "../errors.js";
import { canonicalAddress, type Family, familyOf } from "../probe/target.js";
import { addressOf, type Prefix } from "../route/prefix.js";

export interface Source {
  readonly address: string;
  /** Why it was chosen, for people: `the first global address of eth0`. */
  readonly why: string;
}

const unusable = addressFlag.deprecated | addressFlag.tentative | addressFlag.dadFailed;
const globalScope = 0;

/**
 * pickSource gives the source for one family: the configured address, or for `auto` a global one that is not on lo, or
 * on an unnumbered host the router id on lo. Throws ConfigError ERR_CONFIG_SOURCE where there is none, or where the
 * configured one is anycast, of the other family or not this host's. The same input always gives the same source.
 */
export function pickSource(
  family: Family,
  choice: string | "auto",
  anycast: readonly Prefix[],
  addresses: readonly Address[],
  links: readonly Link[],
): Source {
  const prefixes = new Set(anycast.map(addressOf));
  if (choice !== "auto") return given(family, choice, prefixes, addresses);
  const up = new Map(links.map(({ name, up }) => [name, up]));
  const loopbacks = new Set(links.filter(({ loopback }) => loopback).map(({ name }) => name));
  const usable = addresses.filter(
    (one) =>
      one.family === family && one.scope === globalScope && !(one.flags & unusable) && !prefixes.has(one.address),
  );
  const rank = (one: Address) => [
    up.get(one.device) ? 0 : 1,
    one.flags & addressFlag.secondary ? 1 : 0,
    // `lo:0` and the like are how anycast addresses are labelled, of other services too.
    one.label.includes(":") ? 1 : 0,
    one.ifindex,
  ];
  const ranked = usable.toSorted((a, b) => compare(rank(a), rank(b)) || (a.address < b.address ? -1 : 1));
  const best = ranked.find(({ device }) => !loopbacks.has(device));
  if (best) {
    const state = up.get(best.device) ? "" : ", which is down";
    return { address: best.address, why: `a global address of ${best.device}${state}` };
  }
  const routerId = ranked[0];
  if (routerId) {
    return {
      address: routerId.address,
      why: `on ${routerId.device}, as no other device has a global IPv${family} address`,
    };
  }
  throw refusal(
    `source.ipv${family}: expected this host to have a global IPv${family} address that is not anycast, found none; ` +
      `set source.ipv${family} to an address of this host, or probe no IPv${family} prefix`,
  );
}

function given(family: Family, choice: string, prefixes: ReadonlySet<string>, addresses: readonly Address[]): Source {
  const where = `source.ipv${family}`;
  if (familyOf(choice) !== family) throw refusal(`${where}: expected an IPv${family} address, got "${choice}"`);
  const address = canonicalAddress(choice);
  if (prefixes.has(address)) {
    throw refusal(
      `${where}: expected a unicast address of this host, got ${address}, which is one of the anycast prefixes: ` +
        "answers to it could reach another endpoint, and with the address withdrawn no probe could be sent",
    );
  }
  const found = addresses.find((one) => one.address === address);
  if (!found) throw refusal(`${where}: expected an address of this host, got ${address}, which no device has`);
  return { address, why: `configured; on ${found.device}` };
}

function refusal(message: string): ConfigError {
  return new ConfigError("ERR_CONFIG_SOURCE", message);
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (const [i, value] of a.entries()) if (value !== b[i]) return value - b[i]!;
  return 0;
}
