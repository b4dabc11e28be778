// Rows against a capture of the same packets: each answered row is paired with its query and its answer on the wire, and
// the two round trips are compared. What was answered on the wire must be what the rows call answered.
import { readFileSync } from "node:fs";
import { readPackets } from "./truth-capture.js";

/** columns are what a trial keeps of its rows, in the order of its file: a double per row, column after column. */
export const columns = ["sentNs", "rttNs", "sourcePort", "id"] as const;

/** Rows are the columns that a trial kept of its rows. */
export interface Rows {
  readonly length: number;
  readonly sentNs: Float64Array;
  readonly rttNs: Float64Array;
  readonly sourcePort: Float64Array;
  /** The DNS id of the answer; NaN where the probe was not answered. */
  readonly id: Float64Array;
}

/** Wire is what a capture saw of the exchange with one port: times in ns, by source port and id. */
export interface Wire {
  readonly queries: number;
  readonly answers: number;
  readonly exchanges: ReadonlyMap<number, Exchange>;
}

interface Exchange {
  readonly queriesNs: number[];
  readonly answersNs: number[];
}

/** Spread is the middle, the 99th percentile and the largest of some values. us */
export interface Spread {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface Comparison {
  readonly answered: number;
  /** Answered rows whose query and answer were found in the capture. */
  readonly compared: number;
  /** |rtt of the row - rtt on the wire|, probe by probe. us */
  readonly difference: Spread;
  /** By how much the rtt of a row was shorter than on the wire at most. us */
  readonly mostTooShort: number;
  /** us */
  readonly rttOfRows: Spread;
  /** us */
  readonly rttOnWire: Spread;
  /** Queries on the wire of which the capture saw no answer. */
  readonly unansweredOnWire: number;
}

/** readRows reads a trial's file. */
export function readRows(file: string): Rows {
  const octets = readFileSync(file);
  const all = new Float64Array(octets.buffer.slice(octets.byteOffset, octets.byteOffset + octets.length));
  const length = all.length / columns.length;
  const [sentNs, rttNs, sourcePort, id] = columns.map((_, i) => all.subarray(i * length, (i + 1) * length));
  return { length, sentNs: sentNs!, rttNs: rttNs!, sourcePort: sourcePort!, id: id! };
}

const keyOf = (port: number, id: number) => port * 65_536 + id;

/** readWire reads a capture of queries to `port`, each `queryOctets` long, and of answers from it, `answerOctets` long. */
export function readWire(file: string, port: number, queryOctets: number, answerOctets: number): Wire {
  const exchanges = new Map<number, Exchange>();
  const count = { queries: 0, answers: 0 };
  const exchangeOf = (source: number, id: number) => {
    const key = keyOf(source, id);
    let exchange = exchanges.get(key);
    if (!exchange) {
      exchange = { queriesNs: [], answersNs: [] };
      exchanges.set(key, exchange);
    }
    return exchange;
  };
  readPackets(file, ({ atNs, sourcePort, destinationPort, payload }) => {
    if (destinationPort === port) {
      for (let at = 0; at + 2 <= payload.length; at += queryOctets) {
        exchangeOf(sourcePort, payload.readUInt16BE(at)).queriesNs.push(atNs);
        count.queries++;
      }
    } else if (sourcePort === port) {
      for (let at = 0; at + 2 <= payload.length; at += answerOctets) {
        exchangeOf(destinationPort, payload.readUInt16BE(at)).answersNs.push(atNs);
        count.answers++;
      }
    }
  });
  return { ...count, exchanges };
}

/** A query on the wire with the answer that came before the same id was asked again; NaN: none did. */
interface Pair {
  readonly queryNs: number;
  readonly answerNs: number;
}

function pairsOf({ queriesNs, answersNs }: Exchange): Pair[] {
  return queriesNs.map((queryNs, i) => {
    const nextNs = queriesNs[i + 1] ?? Number.POSITIVE_INFINITY;
    const answerNs = answersNs.find((ns) => ns >= queryNs && ns < nextNs) ?? Number.NaN;
    return { queryNs, answerNs };
  });
}

/** How far apart a row and its query on the wire may be, beside the two clocks' offset, to be the same packet. */
const sameNs = 300e6;

/** compare pairs rows with the wire and tells how the round trips differ. */
export function compare(rows: Rows, wire: Wire): Comparison {
  const pairs = new Map([...wire.exchanges].map(([key, exchange]) => [key, pairsOf(exchange)]));
  const offsetNs = offsetOf(rows, pairs);
  const differences: number[] = [];
  const ofRows: number[] = [];
  const onWire: number[] = [];
  let answered = 0;
  let mostTooShortNs = 0;
  for (let i = 0; i < rows.length; i++) {
    const id = rows.id[i]!;
    if (Number.isNaN(id)) continue;
    answered++;
    const awayNs = ({ queryNs }: Pair) => Math.abs(queryNs - rows.sentNs[i]! - offsetNs);
    const candidates = pairs.get(keyOf(rows.sourcePort[i]!, id)) ?? [];
    const [nearest] = candidates.toSorted((a, b) => awayNs(a) - awayNs(b));
    if (!nearest || awayNs(nearest) > sameNs || Number.isNaN(nearest.answerNs)) continue;
    const wireNs = nearest.answerNs - nearest.queryNs;
    differences.push(Math.abs(rows.rttNs[i]! - wireNs));
    mostTooShortNs = Math.max(mostTooShortNs, wireNs - rows.rttNs[i]!);
    ofRows.push(rows.rttNs[i]!);
    onWire.push(wireNs);
  }
  let unansweredOnWire = 0;
  for (const of of pairs.values()) for (const { answerNs } of of) if (Number.isNaN(answerNs)) unansweredOnWire++;
  return {
    answered,
    compared: differences.length,
    difference: spreadUs(differences),
    mostTooShort: Math.round(mostTooShortNs) / 1000,
    rttOfRows: spreadUs(ofRows),
    rttOnWire: spreadUs(onWire),
    unansweredOnWire,
  };
}

/** offsetOf is by how much the capture's clock is ahead of the rows', from ids that were asked once. */
function offsetOf(rows: Rows, pairs: ReadonlyMap<number, readonly Pair[]>): number {
  const offsets: number[] = [];
  for (let i = 0; i < rows.length; i++) {
    const of = pairs.get(keyOf(rows.sourcePort[i]!, rows.id[i]!));
    if (of?.length === 1) offsets.push(of[0]!.queryNs - rows.sentNs[i]!);
  }
  return Float64Array.from(offsets).sort()[offsets.length >> 1] ?? Number.NaN;
}

function spreadUs(valuesNs: readonly number[]): Spread {
  const sorted = Float64Array.from(valuesNs).sort();
  const at = (share: number) =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN) / 1000;
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}
