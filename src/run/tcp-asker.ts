// Asks a DNS question over TCP, with a connection for each query.
import { randomInt } from "node:crypto";
import { underRandomLabel } from "../probe/random-label.js";
import { compile, type Template } from "../probe/template.js";
import { monotonicNs } from "../units.js";
import { type Asker, nothing, type Slot, type Tell } from "./asker.js";
import { Beat } from "./beat.js";
import type { DnsQuestion } from "./config.js";
import { exchange } from "./tcp-exchange.js";

export interface TcpAskerOptions {
  readonly slot: Slot;
  /** The address that connections come from; undefined leaves the choice to the kernel. */
  readonly source: string | undefined;
  /** Whether the address is this host's now: no mark keeps a connection in, so that to another's none is opened. */
  readonly isLocal: () => boolean;
  readonly tell: Tell;
}

/** TcpAsker opens a connection for each probe; they overlap where answers are slow. */
export class TcpAsker implements Asker {
  readonly #options: TcpAskerOptions;
  readonly #question: DnsQuestion;
  readonly #template: Template;
  readonly #beat = new Beat(() => this.#ask());
  /** What ends each exchange, and each answer that is still to be told. */
  readonly #inFlight = new Set<() => void>();

  constructor(options: TcpAskerOptions) {
    this.#options = options;
    this.#question = options.slot.check.config.query as DnsQuestion;
    this.#template = compile(this.#question);
  }

  pace(intervalMs: number, firstInMs: number): void {
    this.#beat.pace(intervalMs, firstInMs);
  }

  burst(count: number, gapMs: number): number {
    this.#beat.burst(count, gapMs);
    return count;
  }

  close(): void {
    this.#beat.close();
    for (const stop of this.#inFlight) stop();
    this.#inFlight.clear();
  }

  #ask() {
    const { slot, source, isLocal } = this.#options;
    const tell: Tell = (finding, sentNs) => {
      this.#inFlight.delete(stop);
      this.#options.tell(finding, sentNs);
    };
    const stop = isLocal() ? this.#exchange(slot, source, tell) : tellLater(tell);
    this.#inFlight.add(stop);
  }

  #exchange({ check, address }: Slot, source: string | undefined, tell: Tell): () => void {
    const { port, timeoutMs } = check.config;
    const { bytes, questionLength } = this.#compiled();
    const message = Buffer.from(bytes);
    message.writeUInt16BE(randomInt(2 ** 16), 0);
    return exchange({ address, port: port!, source, message, questionLength, timeoutMs }, tell);
  }

  #compiled(): Template {
    const { randomLabel, name } = this.#question;
    return randomLabel ? compile({ ...this.#question, name: underRandomLabel(name) }) : this.#template;
  }
}

function tellLater(tell: Tell): () => void {
  const later = setImmediate(tell, nothing("not-local", 0), monotonicNs());
  return () => clearImmediate(later);
}
