// The queries that a command line asks for.
import { openQueries, type QueryChoice } from "../load/open-queries.js";
import type { Asked, QuerySource } from "../load/query-source.js";
import type { DnsQuery, Query } from "../probe/query.js";
import type { QueryForm } from "../probe/query-writer.js";
import { compile } from "../probe/template.js";
import type { BenchFlags } from "./bench.js";
import { UsageError } from "./exit.js";

/** Opened is a source, and one query like those that it has. */
export interface Opened {
  readonly source: QuerySource;
  readonly sample: Query;
}

/** openSource opens what the command line asks for; `warn` gets a line for what is skipped. */
export async function openSource(flags: BenchFlags, warn: (text: string) => void): Promise<Opened> {
  const source = await asUsage(() => openQueries(choiceOf(flags), { warn }));
  const sample = source.repeats?.[0];
  if (sample) return { source, sample };
  const [first] = await source.next(1);
  return { source: beginningWith(first!, source), sample: first!.query };
}

/** guardQuestionOf gives what the guard asks; undefined where the command line leaves that open. */
export async function guardQuestionOf(flags: BenchFlags): Promise<Query | undefined> {
  const { guard } = flags;
  if (typeof guard !== "string") return undefined;
  return await asUsage(async () => {
    const query: DnsQuery = { ...formOf(flags), ...questionOf(guard) };
    compile(query);
    return query;
  });
}

/** A query that was read to be looked at is asked like the others. */
function beginningWith(first: Asked, source: QuerySource): QuerySource {
  let left: Asked | undefined = first;
  return {
    summary: source.summary,
    repeats: undefined,
    next: async (most) => {
      const now = left;
      left = undefined;
      return now ? [now] : await source.next(most);
    },
    close: () => source.close(),
  };
}

const kinds = ["queries", "query", "payload", "pcap"] as const;

function choiceOf(flags: BenchFlags): QueryChoice {
  const given = kinds.filter((kind) => flags[kind] !== undefined);
  if (given.length > 1) throw new UsageError(`expected one of --${given.join(", --")}, got ${given.length}`);
  const { queries, wire, once = false, query, payload, pcap, speed, idAt, mix, names } = flags;
  if (pcap !== undefined) return { kind: "pcap", path: pcap, port: flags.capturePort, speed };
  if (payload !== undefined) return { kind: "udp", payload: octetsOf(payload), ...(idAt !== undefined && { idAt }) };
  if (queries !== undefined)
    return wire ? { kind: "wire", path: queries, once } : { kind: "file", path: queries, form: formOf(flags), once };
  if (query === undefined)
    throw new UsageError("expected what to ask, got nothing: --query www.example.com/A, or a file of queries with -d");
  const question = { ...questionOf(query), form: formOf(flags) };
  return mix === "miss" ? { kind: "miss", ...question } : { kind: "hit", ...question, names };
}

function formOf({ edns, dnssec, nsid, cookie, ecs, recursion }: BenchFlags): QueryForm {
  return {
    ednsSize: edns,
    ...(dnssec && { do: true }),
    ...(nsid && { nsid: true }),
    ...(cookie && { cookie: true }),
    ...(ecs !== undefined && { ecs }),
    ...(!recursion && { rd: false }),
  };
}

function questionOf(text: string): { name: string; type: string } {
  const match = /^(.+)\/([^/]+)$/.exec(text);
  if (!match) throw new UsageError(`expected a question as www.example.com/A, got "${text}"`);
  return { name: match[1]!, type: match[2]!.toUpperCase() };
}

function octetsOf(hex: string): Uint8Array {
  if (!/^([0-9a-f]{2})+$/i.test(hex)) throw new UsageError(`expected a payload in hex as 0a0b0c, got "${hex}"`);
  return Buffer.from(hex, "hex");
}

/** What cannot be asked was wrong on the command line. */
async function asUsage<T>(make: () => Promise<T>): Promise<T> {
  try {
    return await make();
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError)
      throw new UsageError(error.message, { cause: error });
    throw error;
  }
}
