// The built-in answerer: a thread of this process that sends every DNS query back with QR set, for less than any generator
// costs. What a generator reaches against it is the generator's own ceiling.
import { familyOf } from "../probe/target.js";
import { loadAddon, type NativeAnswerer, systemError } from "./addon.js";
import { expectInteger } from "./expect.js";

export interface AnswererOptions {
  /** Where it listens: an IPv4 or IPv6 address of this host, or the wildcard. */
  readonly address: string;
  /** Default 0: a free one. */
  readonly port?: number;
  /** The CPU that its thread is kept on; default: the kernel places it. */
  readonly cpu?: number;
}

/** Answerer answers from `start` until it is closed. An open one does not keep the process alive. */
export class Answerer {
  readonly #native: NativeAnswerer;
  #queries = 0;
  #closed = false;

  private constructor(
    native: NativeAnswerer,
    readonly address: string,
    readonly port: number,
  ) {
    this.#native = native;
  }

  /** start listens and answers. EngineError where the kernel refuses; TypeError or RangeError for a bad option. */
  static start({ address, port = 0, cpu = -1 }: AnswererOptions): Answerer {
    familyOf(address);
    expectInteger("port", port, 0, 65_535);
    if (cpu !== -1) expectInteger("cpu", cpu, 0, 1023);
    try {
      const native = new (loadAddon().Answerer)(address, port, cpu);
      return new Answerer(native, address, native.port());
    } catch (error) {
      throw systemError(error, `answer at ${address}`);
    }
  }

  /** queries tells how many it has got; once closed, how many it got in all. */
  queries(): number {
    if (!this.#closed) this.#queries = this.#native.queries();
    return this.#queries;
  }

  /** close ends its thread. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.queries();
    this.#closed = true;
    this.#native.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
