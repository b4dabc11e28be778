// What a command line asks of its targets, and expects of them: the same words for `watch` and `check`.
import type { DnsQuery, Expectation, WatchOptions } from "../index.js";
import { familyOf } from "../probe/target.js";
import { UsageError } from "./exit.js";

export interface AskFlags {
  readonly edns: number;
  readonly dnssec?: true;
  readonly ecs?: string;
  readonly recursion: boolean;
}

/** queryOf makes a query of `www.example.com/A`. */
export function queryOf(question: string, { edns, dnssec, ecs, recursion }: AskFlags): DnsQuery {
  const match = /^(.+)\/([^/]+)$/.exec(question);
  if (!match) throw new UsageError(`expected a question as www.example.com/A, got "${question}"`);
  return {
    name: match[1]!,
    type: match[2]!.toUpperCase(),
    ednsSize: edns,
    ...(dnssec && { do: true }),
    ...(ecs !== undefined && { ecs }),
    ...(!recursion && { rd: false }),
  };
}

export interface ExpectFlags {
  readonly expectRcode?: string;
  readonly expectAnswer?: readonly string[];
  readonly expectNsid?: string;
  readonly maxRtt?: number;
}

/** expectationOf makes an expectation of the options. */
export function expectationOf({ expectRcode, expectAnswer, expectNsid, maxRtt }: ExpectFlags): Expectation {
  return {
    ...(expectRcode !== undefined && { rcode: expectRcode.toUpperCase() }),
    ...(expectAnswer !== undefined && { answers: expectAnswer }),
    ...(expectNsid !== undefined && { nsid: expectNsid }),
    ...(maxRtt !== undefined && { maxRttMs: maxRtt }),
  };
}

/** sourceOf sorts source addresses by family; there is one of each. */
export function sourceOf(addresses: readonly string[]): WatchOptions["source"] {
  const source: { ipv4?: string; ipv6?: string } = {};
  for (const address of addresses) {
    const family = `ipv${familyOf(address)}` as const;
    if (source[family] !== undefined)
      throw new UsageError(`expected one source address a family, got ${source[family]} and ${address}`);
    source[family] = address;
  }
  return source;
}

/** asUsage gives what `make` gives; what cannot be asked was wrong on the command line. */
export function asUsage<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError)
      throw new UsageError(error.message, { cause: error });
    throw error;
  }
}
