// One client of the control socket: its requests, one JSON object a line, are answered in their turn. A verb's value is one
// line `{"result": …}`; what it goes on telling is a line `{"item": …}` each, and `{"result": null}` at the end; a refusal is
// `{"error": {"code", "message"}}`.
import { once } from "node:events";
import type { Socket } from "node:net";
import { AnyprobeError } from "../errors.js";
import type { Caller } from "./caller.js";

/** Verb is one thing that can be asked: it gives a plain JSON value, a promise of one, or items as they come. */
export type Verb = (args: Readonly<Record<string, unknown>>, caller: Caller) => unknown;

/** Verbs are what the socket can be asked, by name. */
export type Verbs = Readonly<Record<string, Verb>>;

/** Whoever asks more than this before it is answered is cut off. Characters. */
const longestRequest = 16_384;
/** Whoever leaves so many octets of answers unread … */
const longestBacklog = 1 << 20;
/** … for so long, or asks nothing for so much longer, is cut off. */
const backlogMs = 2000;
const silenceMs = 60_000;

/** Session serves one client until either hangs up. */
export class Session {
  readonly #socket: Socket;
  readonly #verbs: Verbs;
  readonly #caller: Caller;
  #received = "";
  #answering = false;
  /** The client asks nothing more. */
  #ended = false;
  #items: AsyncIterator<unknown> | undefined;

  /** The socket must stay writable when the client has ended its side (`allowHalfOpen`). */
  constructor(socket: Socket, verbs: Verbs, caller: Caller) {
    this.#socket = socket;
    this.#verbs = verbs;
    this.#caller = caller;
    socket.setEncoding("utf8").setTimeout(silenceMs);
    socket.on("timeout", () => this.#answering || socket.destroy());
    socket.on("error", () => socket.destroy());
    socket.on("data", (text: string) => this.#hear(text));
    socket.on("end", () => this.#endAsking());
    socket.on("close", () => this.#stopItems());
  }

  #hear(text: string) {
    this.#received += text;
    if (this.#received.length > longestRequest) this.#socket.destroy();
    else if (!this.#answering) void this.#answerAll();
  }

  /** What was asked is still answered; but whoever follows and hangs up cannot be told from one that only ends its side. */
  #endAsking() {
    this.#ended = true;
    if (this.#items) this.#socket.destroy();
    else if (!this.#answering) this.#socket.end();
  }

  #stopItems() {
    // Nobody is left to be told what goes wrong here.
    Promise.resolve(this.#items?.return?.()).catch(() => {});
    this.#items = undefined;
  }

  async #answerAll() {
    this.#answering = true;
    for (let end = this.#received.indexOf("\n"); end >= 0; end = this.#received.indexOf("\n")) {
      const line = this.#received.slice(0, end);
      this.#received = this.#received.slice(end + 1);
      await this.#answer(line);
      if (this.#socket.destroyed) return;
    }
    this.#answering = false;
    if (this.#ended) this.#socket.end();
  }

  async #answer(line: string) {
    try {
      const { verb, args } = parse(line, this.#verbs);
      const value = await verb(args, this.#caller);
      await this.#write({ result: isIterable(value) ? await this.#tell(value) : (value ?? null) });
    } catch (error) {
      await this.#write({ error: errorOf(error) });
    }
  }

  /** #tell writes items until there are no more or nobody listens. */
  async #tell(iterable: AsyncIterable<unknown>): Promise<null> {
    const items = iterable[Symbol.asyncIterator]();
    this.#items = items;
    try {
      // The client may have hung up before there were any.
      if (this.#ended) this.#socket.destroy();
      while (!this.#socket.destroyed) {
        const { done, value } = await items.next();
        if (done) break;
        await this.#write({ item: value });
      }
    } finally {
      this.#stopItems();
    }
    return null;
  }

  async #write(answer: object) {
    const socket = this.#socket;
    if (socket.destroyed) return;
    socket.write(`${JSON.stringify(answer)}\n`);
    if (socket.writableLength <= longestBacklog) return;
    const signal = AbortSignal.timeout(backlogMs);
    await once(socket, "drain", { signal }).catch(() => socket.destroy());
  }
}

function parse(line: string, verbs: Verbs): { verb: Verb; args: Readonly<Record<string, unknown>> } {
  const { verb, args = {} } = parseJson(line);
  if (typeof verb !== "string" || !Object.hasOwn(verbs, verb))
    refuse(`expected a verb of ${Object.keys(verbs).join(", ")}, got ${JSON.stringify(verb)}`);
  if (!isObject(args)) refuse(`args: expected an object, got ${JSON.stringify(args)}`);
  for (const [name, value] of Object.entries(args)) {
    if (hasControlCharacter(value))
      refuse(`${name}: expected text without control characters, got ${JSON.stringify(value)}`);
  }
  return { verb: verbs[verb]!, args };
}

function parseJson(line: string): Readonly<Record<string, unknown>> {
  const request = fromJson(line);
  return isObject(request) ? request : refuse('expected a request as {"verb": "status"}, got no JSON object');
}

/** Undefined, which no JSON is, where the line is none. */
function fromJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** They would forge lines of a log, and move the cursor of whoever reads them. */
function hasControlCharacter(value: unknown): boolean {
  if (typeof value === "string") return /\p{Cc}/u.test(value);
  return typeof value === "object" && value !== null && Object.entries(value).flat().some(hasControlCharacter);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}

function refuse(message: string): never {
  throw new AnyprobeError("ERR_RUN_ORDER", message);
}

/** A client can act on our own codes; whatever else is thrown is a fault of this program. */
function errorOf(error: unknown): { code: string; message: string } {
  if (error instanceof AnyprobeError) return { code: error.code, message: error.message };
  return { code: "software", message: error instanceof Error ? error.message : String(error) };
}
