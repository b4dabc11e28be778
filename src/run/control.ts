// The control socket: a unix socket (mode 0660) that answers one JSON object a line to one JSON request a line.
import { lstatSync, mkdirSync, unlinkSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { dirname } from "node:path";
import { AnyprobeError, ConfigError } from "../errors.js";
import type { Status } from "./status.js";

/** No request is longer; whoever sends more is cut off. */
const longestRequest = 4096;
/** Whoever leaves more octets of answers unread, or is silent for so long, is cut off. */
const longestBacklog = 1 << 20;
const patienceMs = 60_000;

/** Verbs are what the socket can be asked; each gives a plain JSON value. */
export type Verbs = Readonly<Record<string, () => unknown>>;

/** ControlSocket listens until it is closed, and then removes its file. */
export class ControlSocket {
  readonly #server: Server;
  readonly #clients = new Set<Socket>();

  private constructor(
    readonly path: string,
    verbs: Verbs,
  ) {
    this.#server = createServer((socket) => {
      this.#clients.add(socket);
      socket.once("close", () => this.#clients.delete(socket));
      serve(socket, verbs);
    });
  }

  /** listen makes the socket. A socket left by a dead daemon is removed: the lock says that no other daemon lives here. */
  static async listen(path: string, verbs: Verbs): Promise<ControlSocket> {
    mkdirSync(dirname(path), { recursive: true });
    await removeStale(path);
    const control = new ControlSocket(path, verbs);
    // From its first moment on the socket is nobody else's.
    const umask = process.umask(0o117);
    try {
      await new Promise<void>((resolve, reject) => {
        control.#server.once("error", reject);
        control.#server.listen(path, resolve);
      });
    } finally {
      process.umask(umask);
    }
    control.#server.unref();
    return control;
  }

  /** close hangs up on everybody: a client must not keep the daemon from ending. */
  close(): void {
    this.#server.close();
    for (const client of this.#clients) client.destroy();
  }
}

async function removeStale(path: string): Promise<void> {
  if (await answers(path)) {
    throw new AnyprobeError(
      "ERR_RUN_LOCKED",
      `expected the control socket ${path} to be free, but a process answers there: give this daemon another \`control\``,
    );
  }
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found && !found.isSocket()) {
    throw new ConfigError("ERR_CONFIG_INVALID", `control: expected a socket or nothing at ${path}, found another file`);
  }
  if (found) unlinkSync(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

function serve(socket: Socket, verbs: Verbs) {
  let received = "";
  socket.setEncoding("utf8");
  socket.on("error", () => socket.destroy());
  socket.setTimeout(patienceMs, () => socket.destroy());
  socket.on("data", (text: string) => {
    received += text;
    if (received.length > longestRequest || socket.writableLength > longestBacklog) {
      socket.destroy();
      return;
    }
    for (let end = received.indexOf("\n"); end >= 0; end = received.indexOf("\n")) {
      socket.write(`${JSON.stringify(answer(received.slice(0, end), verbs))}\n`);
      received = received.slice(end + 1);
    }
  });
}

function answer(line: string, verbs: Verbs): unknown {
  try {
    const { verb } = JSON.parse(line) as { verb?: unknown };
    if (typeof verb !== "string" || !Object.hasOwn(verbs, verb)) {
      return { error: `expected a verb of ${Object.keys(verbs).join(", ")}, got ${JSON.stringify(verb)}` };
    }
    return { result: verbs[verb]!() };
  } catch (error) {
    return { error: (error as Error).message };
  }
}

/** fetchStatus asks the daemon at a control socket how it stands. Rejects with ERR_RUN_UNREACHABLE where none answers. */
export function fetchStatus(path: string): Promise<Status> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const fail = (why: string, cause?: unknown) => {
      socket.destroy();
      const message = `expected a daemon at ${path}, got ${why}`;
      reject(new AnyprobeError("ERR_RUN_UNREACHABLE", message, { cause }));
    };
    let received = "";
    socket.setEncoding("utf8").setTimeout(5000);
    socket.once("error", (error: NodeJS.ErrnoException) => fail(refusal(error), error));
    socket.once("timeout", () => fail("no answer within 5s"));
    socket.once("connect", () => socket.write(`${JSON.stringify({ verb: "status" })}\n`));
    socket.once("end", () => fail("a connection that closed"));
    socket.on("data", (text: string) => {
      received += text;
      if (!received.endsWith("\n")) return;
      socket.destroy();
      try {
        const { result, error } = JSON.parse(received) as { result?: Status; error?: string };
        if (result) resolve(result);
        else fail(error ?? "an empty answer");
      } catch {
        fail("an answer that is no JSON");
      }
    });
  });
}

function refusal({ code, message }: NodeJS.ErrnoException): string {
  if (code === "ENOENT") return "no socket there: is `anyprobe run` running, and is this its control socket?";
  if (code === "ECONNREFUSED") return "a socket that nobody serves: the daemon that made it has ended";
  if (code === "EACCES") return "no permission: run as its user, or as one of its group";
  return code ?? message;
}
