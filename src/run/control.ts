// The control socket: a unix socket (mode 0660) that answers one JSON object a line to one JSON request a line.
import { chmodSync, mkdirSync, unlinkSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { dirname } from "node:path";
import { AnyprobeError } from "../errors.js";
import type { Status } from "./status.js";

/** No request is longer; whoever sends more is cut off. */
const longestRequest = 4096;

/** Verbs are what the socket can be asked; each gives a plain JSON value. */
export type Verbs = Readonly<Record<string, () => unknown>>;

/** ControlSocket listens until it is closed, and then removes its file. */
export class ControlSocket {
  private constructor(
    readonly path: string,
    readonly server: Server,
  ) {}

  /** listen makes the socket. A file left by a dead daemon is removed: the lock says that no other daemon lives here. */
  static async listen(path: string, verbs: Verbs): Promise<ControlSocket> {
    mkdirSync(dirname(path), { recursive: true });
    const server = createServer((socket) => serve(socket, verbs));
    await removeStale(path);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(path, resolve);
    });
    chmodSync(path, 0o660);
    server.unref();
    return new ControlSocket(path, server);
  }

  close(): void {
    this.server.close();
  }
}

async function removeStale(path: string): Promise<void> {
  if (await answers(path)) {
    throw new AnyprobeError(
      "ERR_RUN_LOCKED",
      `expected the control socket ${path} to be free, but a process answers there: give this daemon another \`control\``,
    );
  }
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
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
  socket.on("data", (text: string) => {
    received += text;
    if (received.length > longestRequest) socket.destroy();
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
    const fail = (why: string) => {
      socket.destroy();
      const message = `expected a daemon at ${path}, got ${why}: is \`anyprobe run\` running, and may you use its socket?`;
      reject(new AnyprobeError("ERR_RUN_UNREACHABLE", message));
    };
    let received = "";
    socket.setEncoding("utf8").setTimeout(5000);
    socket.once("error", (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
    socket.once("timeout", () => fail("no answer within 5s"));
    socket.once("connect", () => socket.write(`${JSON.stringify({ verb: "status" })}\n`));
    socket.once("end", () => fail("a connection that closed"));
    socket.on("data", (text: string) => {
      received += text;
      if (!received.endsWith("\n")) return;
      socket.destroy();
      const { result, error } = JSON.parse(received) as { result?: Status; error?: string };
      if (result) resolve(result);
      else fail(error ?? "an empty answer");
    });
  });
}
