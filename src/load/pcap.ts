// Replay of a capture: its DNS queries over UDP, each at the time at which it passed, scaled. tcpdump reads the file, whatever
// its format, and writes it again as classic pcap.
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { type FileHandle, open } from "node:fs/promises";
import { basename } from "node:path";
import type { Readable } from "node:stream";
import { LoadError } from "../errors.js";
import { type Heard, PcapReader } from "./pcap-reader.js";
import type { Asked, QuerySource } from "./query-source.js";

export interface PcapOptions {
  /** The port that queries went to; default 53. */
  readonly port?: number;
  /** 2: twice as fast as they came; default 1. */
  readonly speed?: number;
  /** Gets a line at the end, where packets were passed over that might have been queries. */
  readonly warn?: (text: string) => void;
}

const mostComplaint = 4096;

/**
 * openPcap opens a capture; its source ends with it. A LoadError where it cannot be read, where it has no query, or where tcpdump
 * is not installed; a RangeError for a port or speed that is none.
 */
export async function openPcap(path: string, options: PcapOptions = {}): Promise<QuerySource> {
  const { port = 53, speed = 1 } = options;
  if (!(Number.isInteger(port) && port >= 1 && port <= 65_535))
    throw new RangeError(`expected a port of 1-65535, got ${port}`);
  if (!(speed >= 1e-6 && speed <= 1e6)) throw new RangeError(`expected a speed of 0.000001-1000000, got ${speed}`);
  const source = new PcapSource(path, port, speed, options.warn ?? (() => {}));
  try {
    await source.begin();
    return source;
  } catch (error) {
    await source.close();
    throw error;
  }
}

class PcapSource implements QuerySource {
  readonly repeats = undefined;
  readonly summary: string;
  readonly #reader: PcapReader;
  #child: ChildProcessByStdio<null, Readable, Readable> | undefined;
  #pieces: AsyncIterator<Buffer> | undefined;
  #ended: Promise<unknown> | undefined;
  #complaint = "";
  #head: Heard | undefined;
  #done = false;
  /** The time of the first query, and that of the last that was handed out; of the capture, ns. */
  #baseNs: number | undefined;
  #lastNs = 0;

  constructor(
    readonly path: string,
    port: number,
    readonly speed: number,
    readonly warn: (text: string) => void,
  ) {
    this.#reader = new PcapReader(port);
    this.summary = `replay of ${basename(path)}${speed === 1 ? "" : `, ${speed} times as fast`}`;
  }

  /** begin starts tcpdump and reads until the first query. */
  async begin(): Promise<void> {
    // Opened here, and not by tcpdump, which as root becomes another user first.
    const file = await this.#open();
    try {
      this.#child = await this.#spawn(file);
    } finally {
      await file?.close();
    }
    this.#pieces = this.#child.stdout[Symbol.asyncIterator]();
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#complaint = (this.#complaint + text).slice(-mostComplaint);
    });
    this.#head = await this.#read();
    if (!this.#head) throw this.#fault("ERR_LOAD_QUERIES", `expected one query at least, got none${this.#tally()}`);
  }

  /**
   * next gives queries in the order of their times. Those of one batch are put in order; a time before the last batch's end,
   * as merged captures have, becomes that end.
   */
  async next(most: number): Promise<readonly Asked[]> {
    const heard: Heard[] = [];
    while (heard.length < most) {
      const one = this.#head ?? (await this.#read());
      this.#head = undefined;
      if (!one) break;
      heard.push(one);
    }
    heard.sort((a, b) => a.atNs - b.atNs);
    this.#baseNs ??= heard[0]?.atNs;
    return heard.map(({ wire, atNs }) => {
      this.#lastNs = Math.max(this.#lastNs, Math.round((atNs - this.#baseNs!) / this.speed));
      return { query: { wire }, atNs: this.#lastNs };
    });
  }

  async close(): Promise<void> {
    this.#done = true;
    if (!this.#child) return;
    this.#child.kill();
    this.#child.stdout.destroy();
    await this.#ended;
  }

  async #open(): Promise<FileHandle | undefined> {
    if (this.path === "-") return undefined;
    try {
      return await open(this.path);
    } catch (cause) {
      throw this.#fault("ERR_LOAD_INPUT", `could not be read (${(cause as NodeJS.ErrnoException).code})`, cause);
    }
  }

  async #spawn(file: FileHandle | undefined) {
    const child = spawn("tcpdump", ["-r", "-", "-w", "-", "--time-stamp-precision=nano"], {
      stdio: [file?.fd ?? "inherit", "pipe", "pipe"],
    }) as ChildProcessByStdio<null, Readable, Readable>;
    try {
      await once(child, "spawn");
    } catch (cause) {
      throw this.#fault("ERR_LOAD_MISSING", "tcpdump, which reads captures, is not installed", cause);
    }
    this.#ended = once(child, "close");
    return child;
  }

  async #read(): Promise<Heard | undefined> {
    while (!this.#done) {
      let heard: Heard | undefined;
      try {
        heard = this.#reader.next();
      } catch (error) {
        throw this.#fault("ERR_LOAD_INPUT", (error as Error).message, error);
      }
      if (heard) return heard;
      const { value, done } = await this.#pieces!.next();
      if (done) await this.#end();
      else this.#reader.push(value);
    }
    return undefined;
  }

  /** end hears what tcpdump says of the capture: one that ends in the midst of a packet is good until there. */
  async #end(): Promise<void> {
    this.#done = true;
    await this.#ended;
    const complaint = this.#child!.exitCode === 0 ? undefined : lastLine(this.#complaint);
    if (complaint !== undefined && !this.#reader.begun) throw this.#fault("ERR_LOAD_INPUT", complaint);
    if (complaint !== undefined) this.warn(`${this.path}: ${complaint}`);
    if (this.#reader.passed.size > 0) this.warn(`${this.path}: passed over${this.#tally()}`);
  }

  #tally(): string {
    const counts = [...this.#reader.passed].map(([why, count]) => `${why}: ${count.toLocaleString("en")}`);
    return counts.length === 0 ? "" : ` (${counts.join(", ")})`;
  }

  #fault(code: "ERR_LOAD_QUERIES" | "ERR_LOAD_INPUT" | "ERR_LOAD_MISSING", what: string, cause?: unknown): LoadError {
    return new LoadError(code, `${this.path}: ${what}`, this.path, undefined, { cause });
  }
}

/** lastLine is what a program said last, fit for one line of a terminal. */
function lastLine(text: string): string {
  const line = text.trimEnd().split("\n").at(-1) ?? "";
  return line.replaceAll(/[^ -~]/g, "?").slice(0, 200) || "tcpdump could not read it";
}
