// The HTTP listener: one small server for what a daemon or a watch shows of itself. It is read-only, and it is meant for this host:
// whoever is to reach it from elsewhere has a token. What there is to see is made by the handlers that are given to it.
import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, isIP } from "node:net";
import { pipeline } from "node:stream/promises";
import { getSystemErrorName } from "node:util";
import { ConfigError, EngineError } from "../errors.js";
import { formatPlace, isLoopback, type Place } from "./listen.js";

/** Handler answers GET and HEAD at exactly one path. */
export interface Handler {
  /** `/metrics` */
  readonly path: string;
  /** handle is called for each request that has passed all checks. What it throws, the client sees as a 500 without its text. */
  handle(request: Request): Reply | Promise<Reply>;
}

export interface Request {
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
  /** Aborts when the client has gone, or the listener closes: the end of an endless body. */
  readonly signal: AbortSignal;
}

export interface Reply {
  /** Default 200. */
  readonly status?: number;
  /** `content-type` at least; a header given here stands in the place of the listener's own. */
  readonly headers: Readonly<Record<string, string>>;
  /**
   * An iterable is asked for more only when the client has taken what came before; a HEAD asks for nothing. One without end must
   * say something more often than every `patienceMs`, and end when the request's signal aborts.
   */
  readonly body: string | Uint8Array | AsyncIterable<string | Uint8Array>;
}

export interface HttpOptions {
  /** Without, the place must be a loopback address; with it every request must bring it, as a bearer token or as a password. */
  readonly token?: string | undefined;
  /** More clients at once are hung up on; default 64. */
  readonly connections?: number;
  /** A connection on which nothing moves for so long is hung up; default 15 000. ms */
  readonly patienceMs?: number;
  /** Is told what a handler threw. */
  readonly onError?: (error: Error, path: string) => void;
}

/** Longer headers are refused. octets */
const mostHeader = 8192;
/** Nothing may be loaded, framed or sent from what is shown; a page allows itself more. */
const headers: Readonly<Record<string, string>> = {
  "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-store",
};

/** HttpListener listens until it is closed. An open one does not keep the process alive. */
export class HttpListener {
  readonly #server: Server;
  readonly #handlers: ReadonlyMap<string, Handler>;
  readonly #token: Buffer | undefined;
  readonly #onError: HttpOptions["onError"];
  readonly #closing = new AbortController();

  private constructor(handlers: readonly Handler[], options: HttpOptions) {
    const { token, connections = 64, patienceMs = 15_000, onError } = options;
    this.#handlers = new Map(handlers.map((handler) => [handler.path, handler]));
    this.#token = token === undefined ? undefined : digest(token);
    this.#onError = onError;
    const timeouts = { headersTimeout: patienceMs, requestTimeout: patienceMs, connectionsCheckingInterval: 1000 };
    this.#server = createServer({ ...timeouts, maxHeaderSize: mostHeader }, (request, response) => {
      void this.#answer(request, response);
    });
    this.#server.maxConnections = connections;
    this.#server.setTimeout(patienceMs);
  }

  /**
   * listen opens the listener. Rejects with ConfigError for a place that others could reach without a token, with EngineError where
   * the kernel refuses the place.
   */
  static async listen(place: Place, handlers: readonly Handler[], options: HttpOptions = {}): Promise<HttpListener> {
    const wanted = formatPlace(place);
    if (options.token === undefined && !isLoopback(place.address)) {
      const why = "others could read it there: give it a token, or let it listen at 127.0.0.1 or ::1";
      throw new ConfigError("ERR_CONFIG_INVALID", `listen: expected a loopback address, got ${wanted}; ${why}`);
    }
    const listener = new HttpListener(handlers, options);
    const server = listener.#server;
    await new Promise<void>((resolve, reject) => {
      server.once("error", (cause: NodeJS.ErrnoException) => {
        const errno = cause.errno === undefined ? (cause.code ?? "") : getSystemErrorName(cause.errno);
        const message = `could not listen at ${wanted}: ${errno}${errno === "EADDRINUSE" ? " (another process does)" : ""}`;
        reject(new EngineError("ERR_ENGINE_SYSCALL", message, errno, cause.syscall, { cause }));
      });
      server.listen({ host: place.address, port: place.port }, resolve);
    });
    server.unref();
    return listener;
  }

  /** Where it listens, with the port that the kernel chose. */
  get place(): Place {
    const { address, port } = this.#server.address() as AddressInfo;
    return { address, port };
  }

  /** close hangs up on everybody: a client must not keep the daemon from ending. Idempotent. */
  close(): void {
    this.#closing.abort();
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    const url = new URL(`http://listener${/^\/(?!\/)/.test(request.url ?? "") ? request.url : "/"}`);
    try {
      const reply =
        this.#refusal(request) ??
        (await this.#handlers.get(url.pathname)?.handle({
          query: url.searchParams,
          headers: request.headers,
          signal: AbortSignal.any([gone.signal, this.#closing.signal]),
        })) ??
        plain(404, `there is nothing at ${url.pathname}; there is ${[...this.#handlers.keys()].join(", ")}`);
      await send(reply, request, response);
    } catch (error) {
      // A client that goes, or is hung up on, is no error.
      if (response.destroyed && (error as NodeJS.ErrnoException).code === "ERR_STREAM_PREMATURE_CLOSE") return;
      this.#onError?.(error as Error, url.pathname);
      // What was half sent must not look whole.
      if (response.headersSent) response.destroy();
      else await send(plain(500, "this could not be made; the log tells why"), request, response).catch(() => {});
    }
  }

  /** Why a request is not even looked at; undefined where it may pass. */
  #refusal({ method, headers }: IncomingMessage): Reply | undefined {
    if (method !== "GET" && method !== "HEAD") return plain(405, "expected GET or HEAD", { allow: "GET, HEAD" });
    if (headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) !== 0)
      return plain(413, "expected a request without a body", { connection: "close" });
    // A name that somebody points at this host would make a browser take his pages and ours for one site (DNS rebinding). With a
    // token that gains him nothing: the browser does not know it there.
    if (this.#token === undefined && !isThisHost(headers.host))
      return plain(421, `expected an address or localhost in Host, got ${JSON.stringify(headers.host ?? "")}`);
    if (headers.origin !== undefined && hostOf(headers.origin) !== headers.host)
      return plain(403, "this can be read by its own pages alone");
    if (this.#token !== undefined && !holds(this.#token, headers.authorization))
      return plain(401, "expected the token", { "www-authenticate": 'Basic realm="anyprobe", charset="UTF-8"' });
    return undefined;
  }
}

async function send(reply: Reply, { method }: IncomingMessage, response: ServerResponse): Promise<void> {
  response.writeHead(reply.status ?? 200, reply.headers);
  const { body } = reply;
  if (method === "HEAD") response.end();
  else if (typeof body === "string" || body instanceof Uint8Array) response.end(body);
  else await pipeline(body, response);
}

function plain(status: number, text: string, more: Readonly<Record<string, string>> = {}): Reply {
  return { status, headers: { "content-type": "text/plain; charset=utf-8", ...more }, body: `${text}\n` };
}

/** An address is whoever it says; the port may be another where somebody forwards one here. */
function isThisHost(host: string | undefined): boolean {
  const name = hostnameOf(`http://${host}`);
  return name === "localhost" || (name !== undefined && isIP(name.replace(/^\[(.*)\]$/, "$1")) !== 0);
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}

function hostnameOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).hostname : undefined;
}

/** Browsers know no bearer tokens, but ask for a password and keep it: the token is one, under any name. */
function holds(token: Buffer, authorization = ""): boolean {
  const [, scheme = "", value = ""] = /^(\S+) +(\S+)$/.exec(authorization) ?? [];
  const given =
    scheme.toLowerCase() === "basic"
      ? Buffer.from(value, "base64")
          .toString("utf8")
          .replace(/^[^:]*:/, "")
      : scheme.toLowerCase() === "bearer"
        ? value
        : undefined;
  return given !== undefined && timingSafeEqual(token, digest(given));
}

/** Digests are of one length, as timingSafeEqual wants them. */
function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
