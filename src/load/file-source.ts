// A query source over a file: what it reads through a reader that cuts octets into queries. A short file is held and repeated;
// a long one streams, and begins anew at its end. What cannot be asked is skipped, told a few times, and counted.
import { basename } from "node:path";
import { LoadError } from "../errors.js";
import type { Query } from "../probe/query.js";
import { type InputFile, openInput } from "./input-file.js";
import type { Asked, QuerySource } from "./query-source.js";

/** QueryReader cuts octets into queries. It is given pieces in order, and the end; between them it is asked for queries. */
export interface QueryReader {
  /** push gives the next piece. It may be used until the next call; all queries before it have been taken. */
  push(piece: Uint8Array): void;
  /** end says that there are no more pieces. */
  end(): void;
  /** next gives a query; undefined where it needs more, or there is no more. */
  next(): Query | undefined;
}

/** Skip hears of what was skipped: the line or message, from 1, and why in a few words. */
export type Skip = (at: number, why: string) => void;

/** FileOptions is what the sources over files have in common. */
export interface FileOptions {
  /** End at the file's end; default: begin anew. What cannot be read twice, such as a long pipe, ends anyway. */
  readonly once?: boolean;
  /** Gets a line for each of the first ten things that are skipped, and one with the count of all others. */
  readonly warn?: (text: string) => void;
  /** What `-` reads; default: the process's own. */
  readonly standardInput?: AsyncIterable<Uint8Array>;
}

/** As many queries are held and repeated; of more, no more than these are held at once. */
export const mostRepeats = 65_536;
const mostWarnings = 10;

/**
 * openSource reads a file's first queries; `readerOf` makes a reader for each time the file is read. A LoadError where the file
 * cannot be read, or has no query.
 */
export async function openSource(
  path: string,
  unit: "line" | "message",
  readerOf: (skip: Skip) => QueryReader,
  { once = false, warn = () => {}, standardInput }: FileOptions,
): Promise<QuerySource> {
  const file = await openInput(path, standardInput);
  const skipped = new Skipped(file.name, unit, warn);
  const source = new FileSource(file, once, () => readerOf((at, why) => skipped.tell(at, why)), skipped);
  try {
    await source.begin();
    return source;
  } catch (error) {
    await source.close();
    throw error;
  }
}

/** Skipped tells of what the first reading skips; the later ones would say the same again. */
class Skipped {
  #count = 0;
  #quiet = false;
  first: { readonly at: number; readonly why: string } | undefined;

  constructor(
    readonly name: string,
    readonly unit: string,
    readonly warn: (text: string) => void,
  ) {}

  tell(at: number, why: string): void {
    if (this.#quiet) return;
    this.#count++;
    this.first ??= { at, why };
    if (this.#count <= mostWarnings) this.warn(`${this.name}: ${this.unit} ${at}: ${why}; skipped`);
  }

  end(): void {
    const more = this.#count - mostWarnings;
    if (!this.#quiet && more > 0) this.warn(`${this.name}: ${more} more ${this.unit}${more === 1 ? "" : "s"} skipped`);
    this.#quiet = true;
  }
}

class FileSource implements QuerySource {
  repeats: readonly Query[] | undefined;
  #reader: QueryReader;
  /** Read before they were asked for. */
  #head: Query[] = [];
  #headAt = 0;
  #ended = false;
  #closed = false;
  /** Of this reading of the file. */
  #read = 0;

  constructor(
    readonly file: InputFile,
    readonly once: boolean,
    readonly readerOf: () => QueryReader,
    readonly skipped: Skipped,
  ) {
    this.#reader = readerOf();
  }

  get summary(): string {
    const name = this.file.again ? basename(this.file.name) : this.file.name;
    const count = this.#ended ? this.#head.length : undefined;
    return count === undefined ? name : `${name} (${count.toLocaleString("en")} ${count === 1 ? "query" : "queries"})`;
  }

  /** begin reads as many queries as can be held, and one more: without that one, they are all. */
  async begin(): Promise<void> {
    await this.#take(this.#head, mostRepeats + 1);
    if (this.#head.length === 0) throw this.#nothing();
    this.#ended = this.#head.length <= mostRepeats;
    if (this.#ended && !this.once) this.repeats = this.#head;
  }

  async next(most: number): Promise<readonly Asked[]> {
    if (this.#headAt === this.#head.length) {
      if (this.repeats) this.#headAt = 0;
      else if (this.#ended) return [];
    }
    if (this.#headAt < this.#head.length) {
      const from = this.#headAt;
      this.#headAt = Math.min(from + most, this.#head.length);
      const queries = this.#head.slice(from, this.#headAt);
      // Of a file that streams they were the beginning, and are not held any longer.
      if (!this.#ended && this.#headAt === this.#head.length) {
        this.#head = [];
        this.#headAt = 0;
      }
      return queries.map((query) => ({ query }));
    }
    const queries: Query[] = [];
    await this.#take(queries, most);
    if (queries.length > 0) return queries.map((query) => ({ query }));
    if (this.once || !this.file.again) return [];
    if (this.#read === 0) throw this.#nothing();
    this.file.rewind();
    this.#reader = this.readerOf();
    this.#read = 0;
    return await this.next(most);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.skipped.end();
    await this.file.close();
  }

  /** take reads queries until there are so many, or the file ends. */
  async #take(into: Query[], most: number): Promise<void> {
    while (into.length < most) {
      const query = this.#reader.next();
      if (query) {
        into.push(query);
        this.#read++;
        continue;
      }
      const piece = await this.file.read();
      if (piece) {
        this.#reader.push(piece);
        continue;
      }
      this.#reader.end();
      for (let last = this.#reader.next(); last; last = this.#reader.next(), this.#read++) into.push(last);
      this.skipped.end();
      return;
    }
  }

  #nothing(): LoadError {
    const { name, first, unit } = this.skipped;
    const detail = first === undefined ? "" : ` (${unit} ${first.at}: ${first.why})`;
    const line = unit === "line" ? first?.at : undefined;
    return new LoadError("ERR_LOAD_QUERIES", `${name}: expected one query at least, got none${detail}`, name, line);
  }
}
