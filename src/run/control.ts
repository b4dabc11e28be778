// The control socket: a unix socket (mode 0660) that is asked verbs and answers them, one JSON object a line: what a line says is
// told in control-session.ts. Whoever may connect may order.
import { lstatSync, mkdirSync, unlinkSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { dirname } from "node:path";
import { AnyprobeError, ConfigError } from "../errors.js";
import { callerOf } from "./caller.js";
import { Session, type Verbs } from "./control-session.js";

export type { Caller } from "./caller.js";
export { call, fetchStatus, follow } from "./control-client.js";
export type { Verb, Verbs } from "./control-session.js";

/** ControlSocket listens until it is closed, and then removes its file. */
export class ControlSocket {
  readonly #server: Server;
  readonly #clients = new Set<Socket>();

  private constructor(
    readonly path: string,
    verbs: Verbs,
  ) {
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      const caller = callerOf(socket);
      if (!caller) return socket.destroy();
      this.#clients.add(socket);
      socket.once("close", () => this.#clients.delete(socket));
      return new Session(socket, verbs, caller);
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
