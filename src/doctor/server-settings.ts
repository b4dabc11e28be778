// What the settings of a name server mean for an anycast service, in the words of no particular server. server-bind.ts and the
// like read them, server-rule.ts judges them.
import { BlockList } from "node:net";
import { familyOf } from "../probe/target.js";
import type { Context, Output } from "./host.js";
import type { Server } from "./server-process.js";

/** Settings is what a server's own tool says of its configuration. */
export interface Settings {
  /** Where it would send its own queries, notifies and transfers from. */
  readonly sources: readonly Source[];
  /** What limits its answers to a client at `source` who asks for `name`; those in force only. */
  readonly limits: (source: string, name: string | undefined) => readonly Limit[];
  /** The setting by which a client at `source` who asks for `name` is refused; undefined where none does. */
  readonly refuses: (source: string, name: string | undefined) => string | undefined;
  /** What to write so that this client is not refused. */
  readonly admit: (source: string) => string;
  /** Why an answer by a socket of the wildcard address would leave from another address; undefined where it does not. */
  readonly wildcardFault?: string;
  /** Why its socket goes with the address, whatever keeps the address delivered. */
  readonly closes?: { readonly message: string; readonly fix: string };
  /** Why it cannot start while an IPv6 address is away; undefined where it can. */
  readonly restartFault?: string;
}

export interface Source {
  /** As it stands there: `transfer-source 203.0.113.53 in zone example.com`. */
  readonly setting: string;
  readonly address: string;
}

export interface Limit {
  readonly setting: string;
  /** Of one client, or of its network. */
  readonly perSecond: number;
  /** It counts only what is asked of others: queries for names that no cache knows. */
  readonly misses: boolean;
  /** What to write so that probes are not limited. */
  readonly fix: string;
}

/** Unreadable says that a server's tool did not give its settings. */
export class Unreadable extends Error {}

/** ask runs a server's own tool and gives what it says. Throws Unreadable. */
export async function ask(context: Context, { name }: Server, argv: readonly string[]): Promise<string> {
  const output: Output = await context.run(argv);
  if (output.status === 0) return output.stdout;
  const said = `${output.stderr}${output.stdout}`.trim().replaceAll(/\s+/g, " ").slice(0, 300);
  throw new Unreadable(`expected \`${argv.join(" ")}\` to give the settings of ${name}: ${said || "it said nothing"}`);
}

/** covers tells whether a network (`198.18.0.0/15`, an address alone, or NSD's `A-B` and `A&MASK`) has an address. */
export function covers(network: string, address: string): boolean {
  const family = familyOf(address) === 4 ? "ipv4" : "ipv6";
  const [, base = "", how, rest = ""] = /^([0-9a-fA-F.:]+)(?:([/&-])(.+))?$/.exec(network) ?? [];
  if (base === "" || base.includes(":") !== (family === "ipv6")) return false;
  const list = new BlockList();
  if (how === undefined) list.addAddress(base, family);
  else if (how === "-") list.addRange(base, rest, family);
  else list.addSubnet(base, how === "/" ? Number(rest) : lengthOf(rest), family);
  return list.check(address, family);
}

function lengthOf(mask: string): number {
  return mask
    .split(".")
    .reduce((sum, octet) => sum + [...Number(octet).toString(2)].filter((bit) => bit === "1").length, 0);
}

/** within tells whether a name is at or below a zone's. */
export function within(name: string, zone: string): boolean {
  const [inner, outer] = [name, zone].map((one) => `.${one.toLowerCase().replace(/^\.|\.$/g, "")}`);
  return outer === "." || inner === outer || inner!.endsWith(outer!);
}
