// Query files as dnsperf reads them: `name type` on each line, `;` first for a comment, and as a third word kxdpgun's `E` (with
// EDNS) or `D` (with EDNS and DNSSEC OK).
import { typeNumber } from "../probe/dns-word.js";
import type { WireQuery } from "../probe/query.js";
import { type QueryForm, QueryWriter } from "../probe/query-writer.js";
import { type FileOptions, openSource, type QueryReader, type Skip } from "./file-source.js";
import { OctetQueue } from "./octet-queue.js";
import type { QuerySource } from "./query-source.js";

/** Longer than any name with all its letters as `\DDD`, a type and a flag. */
const longestLine = 4096;
const longestExcerpt = 80;
const defaultEdnsSize = 1232;
const [newline, carriageReturn, space, tab, semicolon, letterD, letterE] = [0x0a, 0x0d, 0x20, 0x09, 0x3b, 0x44, 0x45];

/**
 * openQueryFile opens a query file, `-` for standard input; `form` is what all its queries have in common. A LoadError where the
 * file cannot be read or has no query, a TypeError or RangeError for a form that cannot be asked.
 */
export async function openQueryFile(
  path: string,
  form: QueryForm = {},
  options: FileOptions = {},
): Promise<QuerySource> {
  const writers = new Writers(form);
  return await openSource(path, "line", (skip) => new LineReader(writers, skip), options);
}

/** Writers has one writer for each third word that there is. */
class Writers {
  readonly plain: QueryWriter;
  readonly edns: QueryWriter;
  readonly dnssec: QueryWriter;

  constructor(form: QueryForm) {
    const ednsSize = form.ednsSize || defaultEdnsSize;
    this.plain = new QueryWriter(form);
    this.edns = new QueryWriter({ ...form, ednsSize });
    this.dnssec = new QueryWriter({ ...form, ednsSize, do: true });
  }
}

/** LineReader reads the lines of one reading of a file. */
class LineReader implements QueryReader {
  readonly #writers: Writers;
  readonly #skip: Skip;
  readonly #queue = new OctetQueue();
  /** The numbers of types that were met, by their letters. */
  readonly #types = new Map<string, number>();
  #line = 0;
  #ended = false;
  /** The line that goes on is too long, and was told of. */
  #dropping = false;

  constructor(writers: Writers, skip: Skip) {
    this.#writers = writers;
    this.#skip = skip;
  }

  push(piece: Uint8Array): void {
    this.#queue.push(piece);
  }

  end(): void {
    this.#ended = true;
  }

  next(): WireQuery | undefined {
    const queue = this.#queue;
    while (queue.left > 0) {
      const from = queue.at;
      let to = queue.octets.indexOf(newline, from);
      if (to < 0 && !this.#ended) break;
      if (to < 0) to = queue.octets.length;
      queue.at = to + 1;
      this.#line++;
      const told = this.#dropping;
      this.#dropping = false;
      if (told) continue;
      if (to - from > longestLine) {
        this.#skipLong(this.#line);
        continue;
      }
      const query = this.#read(queue.octets, from, to);
      if (query) return query;
    }
    if (queue.left > longestLine && !this.#dropping) {
      this.#skipLong(this.#line + 1);
      this.#dropping = true;
    }
    if (this.#dropping) queue.at = queue.octets.length;
    queue.keep();
    return undefined;
  }

  #skipLong(line: number): void {
    this.#skip(line, `expected ${longestLine} octets at most, got a longer line`);
  }

  #read(octets: Buffer, from: number, to: number): WireQuery | undefined {
    if (octets[from] === semicolon) return undefined;
    const nameAt = wordFrom(octets, from, to);
    if (nameAt === to) return undefined;
    const nameEnd = wordEnd(octets, nameAt, to);
    const typeAt = wordFrom(octets, nameEnd, to);
    const typeEnd = wordEnd(octets, typeAt, to);
    const flagAt = wordFrom(octets, typeEnd, to);
    try {
      if (typeAt === to)
        throw new TypeError(`expected a name and a type, got "${octets.toString("latin1", nameAt, nameEnd)}"`);
      const type = this.#type(octets.toString("latin1", typeAt, typeEnd));
      const writer = flagAt === to ? this.#writers.plain : this.#writer(octets, flagAt, to);
      return writer.writeOctets(octets, nameAt, nameEnd, type);
    } catch (error) {
      this.#skip(this.#line, excerpt((error as Error).message));
      return undefined;
    }
  }

  #type(word: string): number {
    const known = this.#types.get(word);
    if (known !== undefined) return known;
    const number = typeNumber(word);
    // A hostile file may write them in many ways: TYPE1, TYPE01, tYPE1.
    if (this.#types.size < 1000) this.#types.set(word, number);
    return number;
  }

  /** writer gives the one for a third word. */
  #writer(octets: Buffer, from: number, to: number): QueryWriter {
    if (wordFrom(octets, wordEnd(octets, from, to), to) === to && wordEnd(octets, from, to) === from + 1) {
      if (octets[from] === letterE) return this.#writers.edns;
      if (octets[from] === letterD) return this.#writers.dnssec;
    }
    throw new TypeError(
      `expected E, D or nothing after the type, got "${octets.toString("latin1", from, to).trimEnd()}"`,
    );
  }
}

function isBlank(octet: number): boolean {
  return octet === space || octet === tab || octet === carriageReturn;
}

function wordFrom(octets: Buffer, from: number, to: number): number {
  while (from < to && isBlank(octets[from]!)) from++;
  return from;
}

function wordEnd(octets: Buffer, from: number, to: number): number {
  while (from < to && !isBlank(octets[from]!)) from++;
  return from;
}

/** excerpt is fit for one line of a terminal, whatever the file has. */
function excerpt(text: string): string {
  const shown = text.replaceAll(/[^ -~]/g, (char) => `\\u{${char.codePointAt(0)!.toString(16)}}`);
  if (shown.length <= 2 * longestExcerpt) return shown;
  return `${shown.slice(0, longestExcerpt)}…${shown.slice(-longestExcerpt)}`;
}
