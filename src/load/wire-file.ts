// Files of whole DNS messages, as dnsperf -B reads them: two octets of length, the higher first, and the message, again and
// again. Messages are sent as they are, but for their id.
import { questionFault } from "../probe/dns.js";
import type { WireQuery } from "../probe/query.js";
import { maxPayload } from "../probe/template.js";
import { type FileOptions, openSource, type QueryReader, type Skip } from "./file-source.js";
import { OctetQueue } from "./octet-queue.js";
import type { QuerySource } from "./query-source.js";

/** openWireFile opens a file of messages, `-` for standard input; a LoadError where it cannot be read or has no query. */
export async function openWireFile(path: string, options: FileOptions = {}): Promise<QuerySource> {
  return await openSource(path, "message", (skip) => new MessageReader(skip), options);
}

/** MessageReader reads the messages of one reading of a file. */
class MessageReader implements QueryReader {
  readonly #skip: Skip;
  readonly #queue = new OctetQueue();
  #message = 0;
  #ended = false;

  constructor(skip: Skip) {
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
    while (queue.left >= 2) {
      const from = queue.at + 2;
      const to = from + queue.octets.readUInt16BE(queue.at);
      if (to > queue.octets.length) break;
      queue.at = to;
      this.#message++;
      const octets = queue.octets.subarray(from, to);
      const fault = octets.length > maxPayload ? `${octets.length} octets` : questionFault(octets);
      if (typeof fault === "number") return { wire: Buffer.from(octets) };
      this.#skip(this.#message, `expected a DNS query, got ${fault}`);
    }
    if (this.#ended && queue.left > 0) {
      this.#skip(this.#message + 1, `expected ${wanted(queue)}, got ${queue.left}`);
      queue.at = queue.octets.length;
    }
    queue.keep();
    return undefined;
  }
}

function wanted({ octets, at, left }: OctetQueue): string {
  return left < 2 ? "two octets of length" : `two octets of length and ${octets.readUInt16BE(at)} of message`;
}
