// A client for the vty unix socket of an FRR or Quagga daemon: one persistent connection, one writer, no process forked.
// It carries commands and replies and says when the daemon went away and came back; what commands mean is frr.ts's business.
import { createConnection, type Socket } from "node:net";
import { basename } from "node:path";
import { RouteError } from "../errors.js";
import type { Prefix } from "./prefix.js";

/** Reply is what the daemon said to one command. Status 0 is success, 1 a warning, 2 an unknown command, 13 a refused change. */
export interface Reply {
  readonly status: number;
  readonly text: string;
}

export interface VtyOptions {
  /** The socket: `/run/frr/ospfd.vty`. */
  readonly path: string;
  /** How long one command may take before the connection counts as hung and is torn down. */
  readonly timeoutMs?: number;
  /** Called once for each loss of a working connection, at once, and once if the first attempt fails. */
  readonly onDown: (reason: string) => void;
  /** Called when a connection works again after onDown; `enable` was accepted. */
  readonly onUp: () => void;
}

interface Command {
  readonly line: string;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: RouteError) => void;
}

const firstBackoffMs = 50;
const lastBackoffMs = 1000;
const trailerLength = 4;

/** Vty holds one connection to a daemon and reconnects for as long as it is open. Replies come in the order of the commands. */
export class Vty {
  readonly #options: Required<VtyOptions>;
  #socket: Socket | undefined;
  /** Usable: connected and `enable` accepted. */
  #up = false;
  #reportedDown = false;
  #closed = false;
  #reason = "not opened";
  #backoffMs = firstBackoffMs;
  #retry: NodeJS.Timeout | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #inflight: Command[] = [];
  #received: Buffer = Buffer.alloc(0);
  /** `ospfd`, for messages. */
  readonly #daemon: string;

  constructor(options: VtyOptions) {
    this.#options = { timeoutMs: 2000, ...options };
    this.#daemon = basename(options.path, ".vty");
  }

  /** open makes the first attempt and resolves when it is over, however it went; later attempts follow by themselves. */
  async open(): Promise<void> {
    await this.#connect();
  }

  /** run writes all commands at once. Rejects with ERR_ROUTE_UNREACHABLE; a refused command is a reply, no rejection. */
  run(lines: readonly string[]): Promise<Reply[]> {
    if (!this.#up) return Promise.reject(this.#unreachable(this.#reason));
    return Promise.all(this.#write(lines));
  }

  /**
   * configure runs `lines` in configuration mode, in one write, and leaves that mode whatever becomes of them: the lines
   * after a refused one are run too. Rejects with ERR_ROUTE_REFUSED, naming the first refused line.
   */
  async configure(lines: readonly string[]): Promise<void> {
    const all = ["configure terminal", ...lines, "end"];
    const replies = await this.run(all);
    const at = replies.findIndex((reply) => reply.status !== 0);
    if (at >= 0) throw refused(all[at]!, replies[at]!, this.#daemon);
  }

  /** close ends the connection; commands in flight reject. Idempotent. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#drop("closed here");
  }

  #connect(): Promise<void> {
    return new Promise((settled) => {
      const { path, timeoutMs } = this.#options;
      const socket = createConnection(path);
      this.#socket = socket;
      this.#received = Buffer.alloc(0);
      this.#arm(`${this.#daemon} does not answer at ${path} within ${timeoutMs} ms`);
      socket.on("connect", () => {
        // Without `enable` the daemon knows no `configure terminal`.
        this.#write(["enable"])[0]!
          .then((reply) =>
            reply.status === 0 ? this.#ready() : this.#fail(refused("enable", reply, this.#daemon).message),
          )
          .catch(() => {})
          .finally(settled);
      });
      socket.on("data", (chunk) => this.#receive(chunk));
      socket.on("error", (error: NodeJS.ErrnoException) => this.#fail(explain(path, this.#daemon, error), socket));
      socket.on("close", () => {
        this.#fail(`${this.#daemon} closed the connection at ${path}`, socket);
        settled();
      });
    });
  }

  #ready(): void {
    this.#up = true;
    this.#backoffMs = firstBackoffMs;
    if (!this.#reportedDown) return;
    this.#reportedDown = false;
    this.#options.onUp();
  }

  #write(lines: readonly string[]): Promise<Reply>[] {
    const replies = lines.map(
      (line) => new Promise<Reply>((resolve, reject) => this.#inflight.push({ line, resolve, reject })),
    );
    if (lines.length === this.#inflight.length) this.#armForHead();
    this.#socket?.write(`${lines.join("\0")}\0`);
    return replies;
  }

  /** A reply is text without NUL bytes, then 00 00 00 and the status. */
  #receive(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    for (;;) {
      const end = this.#received.indexOf(0);
      if (end < 0 || this.#received.length < end + trailerLength) return;
      const text = this.#received.toString("utf8", 0, end);
      const trailer = this.#received.subarray(end, end + trailerLength);
      this.#received = this.#received.subarray(end + trailerLength);
      const command = this.#inflight.shift();
      if (!command || trailer[1] !== 0 || trailer[2] !== 0) {
        this.#fail(`${this.#options.path} does not speak the vty protocol`);
        return;
      }
      this.#armForHead();
      command.resolve({ status: trailer[3]!, text });
    }
  }

  #armForHead(): void {
    this.#disarm();
    const head = this.#inflight[0];
    const { path, timeoutMs } = this.#options;
    if (head) this.#arm(`${this.#daemon} does not answer at ${path}: \`${head.line}\` took over ${timeoutMs} ms`);
  }

  /** After a stall of this process the reply may be waiting unread: it is read before the time is called. */
  #arm(reason: string): void {
    clearTimeout(this.#deadline);
    const deadline = setTimeout(() => {
      setImmediate(() => {
        if (this.#deadline === deadline) this.#fail(reason);
      });
    }, this.#options.timeoutMs);
    this.#deadline = deadline;
  }

  #disarm(): void {
    clearTimeout(this.#deadline);
    this.#deadline = undefined;
  }

  /** Takes the connection down and starts over. `from` guards against a late event of a socket that is gone already. */
  #fail(reason: string, from: Socket | undefined = this.#socket): void {
    if (from !== this.#socket || this.#socket === undefined) return;
    this.#drop(reason);
    if (this.#closed) return;
    this.#retry = setTimeout(() => void this.#connect(), this.#backoffMs);
    this.#backoffMs = Math.min(this.#backoffMs * 2, lastBackoffMs);
    if (this.#reportedDown) return;
    this.#reportedDown = true;
    this.#options.onDown(reason);
  }

  #drop(reason: string): void {
    this.#disarm();
    this.#up = false;
    this.#reason = reason;
    const socket = this.#socket;
    this.#socket = undefined;
    const commands = this.#inflight;
    this.#inflight = [];
    for (const command of commands) command.reject(this.#unreachable(reason));
    socket?.destroy();
  }

  #unreachable(reason: string): RouteError {
    return new RouteError("ERR_ROUTE_UNREACHABLE", reason, "frr");
  }
}

/** refused makes the error of a command that the daemon did not accept. */
export function refused(line: string, reply: Reply, daemon = "ospfd"): RouteError {
  const text = reply.text.trim().replaceAll(/\s+/g, " ") || "no text";
  return new RouteError("ERR_ROUTE_REFUSED", `${daemon} refused \`${line}\` (status ${reply.status}): ${text}`, "frr");
}

/** withPrefixes makes the error of a call for `prefixes` of whatever went wrong in it. */
export function withPrefixes(error: unknown, daemon: "ospfd" | "ospf6d", prefixes: readonly Prefix[]): RouteError {
  if (!(error instanceof RouteError)) {
    const message = `${daemon}'s answer could not be read: ${(error as Error).message}`;
    return new RouteError("ERR_ROUTE_UNREACHABLE", message, "frr", prefixes, { cause: error });
  }
  const code = error.code as ConstructorParameters<typeof RouteError>[0];
  return new RouteError(code, error.message, "frr", prefixes, { cause: error });
}

function explain(path: string, daemon: string, error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case "ENOENT":
      return `no socket at ${path}: ${daemon} is not running, or its sockets are in another directory`;
    case "EACCES":
    case "EPERM":
      return `no permission to use ${path}: this user must be in the group frrvty (Quagga: quaggavty)`;
    case "ECONNREFUSED":
      return `${daemon} does not answer at ${path}: the socket is there, the daemon has ended`;
    default:
      return `${daemon} does not answer at ${path}: ${error.message}`;
  }
}
