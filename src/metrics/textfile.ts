// A file for node_exporter's textfile collector, written anew each interval. Whoever reads it sees the old one or the new one, never
// half of one; it goes away with the writer, as what nobody keeps true must not be told.
import { open, rename, rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

export interface TextfileOptions {
  /** Default 15 000. ms */
  readonly intervalMs?: number;
  /** Is told when a write fails, and not again before one has gone well. */
  readonly onError: (error: Error) => void;
}

/** Textfile writes from construction until close(). It does not keep the process alive. */
export class Textfile {
  readonly #path: string;
  /** The collector reads files that end in .prom. */
  readonly #draft: string;
  readonly #expose: () => AsyncIterable<string>;
  readonly #options: TextfileOptions;
  readonly #closing = new AbortController();
  readonly #ended: Promise<void>;

  constructor(path: string, expose: () => AsyncIterable<string>, options: TextfileOptions) {
    this.#path = path;
    this.#draft = `${path}.${process.pid}.tmp`;
    this.#expose = expose;
    this.#options = options;
    this.#ended = this.#run();
  }

  /** close ends a write under way and removes the file. Never rejects. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#ended;
    await rm(this.#path, { force: true }).catch(() => {});
  }

  async #run(): Promise<void> {
    const { intervalMs = 15_000, onError } = this.#options;
    const { signal } = this.#closing;
    let failed = false;
    while (!signal.aborted) {
      try {
        await this.#write(signal);
        failed = false;
      } catch (error) {
        if (!failed && !signal.aborted) onError(error as Error);
        failed = true;
      }
      await sleep(intervalMs, undefined, { signal, ref: false }).catch(() => {});
    }
  }

  async #write(signal: AbortSignal): Promise<void> {
    try {
      const file = await open(this.#draft, "w", 0o644);
      try {
        for await (const slice of this.#expose()) {
          signal.throwIfAborted();
          await file.write(slice);
        }
      } finally {
        await file.close();
      }
      await rename(this.#draft, this.#path);
    } catch (error) {
      await rm(this.#draft, { force: true }).catch(() => {});
      throw error;
    }
  }
}
