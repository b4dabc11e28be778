// One daemon per network namespace: an abstract unix socket is the lock. Its name lives in the namespace itself and goes
// with the process that holds it, however that ends, so no stale lock can be left.
import { createServer, type Server } from "node:net";
import { AnyprobeError } from "../errors.js";

const name = "\0anyprobe-run";

/** Lock is held until it is disposed of or the process ends. */
export class Lock implements Disposable {
  private constructor(readonly server: Server) {}

  /** take locks this namespace. Rejects with ERR_RUN_LOCKED where another daemon has it. */
  static take(): Promise<Lock> {
    return new Promise((resolve, reject) => {
      const server = createServer((socket) => socket.destroy());
      server.once("error", (error: NodeJS.ErrnoException) => {
        if (error.code !== "EADDRINUSE") return reject(error);
        const message =
          "expected to be the only anyprobe daemon of this network namespace, but another one runs: " +
          "stop it first, or see `anyprobe status`";
        reject(new AnyprobeError("ERR_RUN_LOCKED", message));
      });
      server.listen({ path: name }, () => {
        // The lock alone must not keep the process alive.
        server.unref();
        resolve(new Lock(server));
      });
    });
  }

  [Symbol.dispose](): void {
    this.server.close();
  }
}
