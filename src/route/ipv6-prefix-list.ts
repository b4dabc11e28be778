// IPv6 prefix-lists of FRR: what `ipv6 prefix-list …` lines say, and what they let through. Pure.
import { addressOf, type Prefix, parsePrefix } from "./prefix.js";

/** ListEntry is one `ipv6 prefix-list NAME seq SEQ permit|deny …` line. */
export interface ListEntry {
  readonly list: string;
  readonly seq: number;
  readonly permits: boolean;
  /** `2001:db8::/32`, or `any`. */
  readonly what: string;
  /** The lengths that it means, where it says more than `what`. */
  readonly ge: number | undefined;
  readonly le: number | undefined;
}

/** readListEntry reads a line of the running configuration; undefined where it is no entry of an IPv6 prefix-list. */
export function readListEntry(line: string): ListEntry | undefined {
  const match = /^ipv6 prefix-list (\S+) seq (\d+) (permit|deny) (\S+)(?: ge (\d+))?(?: le (\d+))?/.exec(line);
  if (!match) return undefined;
  const [, list, seq, verb, what, ge, le] = match;
  const bound = (text: string | undefined) => (text === undefined ? undefined : Number(text));
  return {
    list: list!,
    seq: Number(seq),
    permits: verb === "permit",
    what: parsePrefix(what!) ?? what!,
    ge: bound(ge),
    le: bound(le),
  };
}

/** writeListEntry gives the line of an entry for exactly one prefix, or for `any`. */
export function writeListEntry({ list, seq, permits, what }: Omit<ListEntry, "ge" | "le">): string {
  return `ipv6 prefix-list ${list} seq ${seq} ${permits ? "permit" : "deny"} ${what}`;
}

/** entryFor gives the entry of a list that decides about a prefix; undefined where none matches, which is a no. */
export function entryFor(entries: readonly ListEntry[], list: string, prefix: Prefix): ListEntry | undefined {
  return entries.filter((entry) => entry.list === list && matches(entry, prefix)).toSorted((a, b) => a.seq - b.seq)[0];
}

function matches({ what, ge, le }: ListEntry, prefix: Prefix): boolean {
  if (what === "any") return true;
  const [base = "", length = "128"] = what.split("/");
  if (bits(base) >> BigInt(128 - Number(length)) !== bits(addressOf(prefix)) >> BigInt(128 - Number(length)))
    return false;
  // A host route is 128 long, and without bounds an entry means its own length only.
  return ge === undefined && le === undefined ? length === "128" : (le ?? 128) === 128;
}

/** An address as RFC 5952 writes it: without dots, which FRR gives to IPv4-mapped ones only. */
function bits(address: string): bigint {
  const [head = "", tail] = address.split("::");
  const groups = (part: string) => (part === "" ? [] : part.split(":"));
  const [front, back] = [groups(head), groups(tail ?? "")];
  const all = [...front, ...Array<string>(8 - front.length - back.length).fill("0"), ...back];
  return all.reduce((sum, group) => (sum << 16n) + BigInt(`0x${group}`), 0n);
}
