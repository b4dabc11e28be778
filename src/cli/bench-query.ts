// The queries that a command line asks for.
import type { QuerySource } from "../load/query-source.js";
import type { DnsQuery, Query } from "../probe/query.js";
import type { BenchFlags } from "./bench.js";
import { UsageError } from "./exit.js";

/** openSource opens what the command line asks for; `warn` gets a line for what is skipped. */
export async function openSource(flags: BenchFlags, _warn: (text: string) => void): Promise<QuerySource> {
  const query = parseQuestion(flags.query!, flags);
  return { summary: flags.query!, repeats: [query], next: async () => [], close: async () => {} };
}

/** questionOf gives one query like those of the source. */
export async function questionOf(flags: BenchFlags, source: QuerySource): Promise<Query> {
  return source.repeats?.[0] ?? parseQuestion(flags.query ?? "www.example.com/A", flags);
}

/** guardQuestionOf gives what the guard asks; undefined where the command line leaves that open. */
export function guardQuestionOf(flags: BenchFlags): Query | undefined {
  return typeof flags.guard === "string" ? parseQuestion(flags.guard, flags) : undefined;
}

function parseQuestion(text: string, flags: BenchFlags): DnsQuery {
  const match = /^(.+)\/([^/]+)$/.exec(text);
  if (!match) throw new UsageError(`expected a question as www.example.com/A, got "${text}"`);
  return { name: match[1]!, type: match[2]!.toUpperCase(), ...(flags.dnssec && { do: true }) };
}
