// A control socket with verbs of the test's own, where a command looks for its daemon.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ControlSocket, type Verbs } from "../../src/run/control.js";

/** TestDaemon answers as the test says, until it is disposed of. */
export class TestDaemon implements Disposable {
  readonly path: string;
  readonly #directory = mkdtempSync(join(tmpdir(), "anyprobe-"));
  #control: ControlSocket | undefined;

  constructor() {
    this.path = join(this.#directory, "anyprobe.sock");
  }

  async listen(verbs: Verbs): Promise<void> {
    this.#control = await ControlSocket.listen(this.path, verbs);
  }

  /** close ends it as a daemon ends: clients are cut off. */
  close(): void {
    this.#control?.close();
    this.#control = undefined;
  }

  [Symbol.dispose](): void {
    this.close();
    rmSync(this.#directory, { recursive: true });
  }
}
