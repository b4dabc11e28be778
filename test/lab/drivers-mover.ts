// Mover: drivers and reconciler of an endpoint in a process of its own, as in the daemon, ordered about from here.
import type { ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { ended } from "../../src/demo/frr.js";
import type { Namespace } from "../../src/demo/namespace.js";
import type { Announcement } from "../../src/route/driver.js";
import type { Prefix } from "../../src/route/prefix.js";
import type { PrefixStatus } from "../../src/route/reconcile.js";

export interface Order {
  readonly prefix: Prefix;
  readonly to: Announcement;
  /** How long it may take until the drivers see it verified. */
  readonly withinMs: number;
}

/** Ready is how all prefixes stand before the first order; all of them are wanted announced. */
export interface Ready {
  readonly settled: boolean;
  readonly errors: readonly string[];
  readonly status: readonly PrefixStatus[];
}

/** Started says when the reconciler was given an order; ns, CLOCK_MONOTONIC. */
export interface Started {
  readonly prefix: Prefix;
  readonly startNs: number;
}

/** Moved is what the drivers themselves saw of an order. */
export interface Moved {
  readonly prefix: Prefix;
  /** As wanted, or as near to it as the drivers can, and verified. */
  readonly settled: boolean;
  /** What drivers refused on the way. */
  readonly errors: readonly string[];
  readonly status: PrefixStatus;
}

interface Obeying {
  readonly started: (startNs: number) => void;
  readonly moved: (moved: Moved) => void;
  readonly failed: (error: Error) => void;
}

const program = fileURLToPath(new URL("./drivers-mover-process.ts", import.meta.url));

/** Mover takes one order at a time for each prefix. */
export class Mover implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #obeying = new Map<Prefix, Obeying>();
  #ready: (ready: Ready) => void = () => {};
  #error: Error | undefined;

  private constructor(child: ChildProcess, failed: (error: Error) => void) {
    this.#child = child;
    createInterface({ input: child.stdout! }).on("line", (line) => this.#hear(JSON.parse(line)));
    child.once("exit", (code, signal) => {
      this.#error = new Error(`the mover ended with ${code ?? signal}; what it said is on stderr`);
      for (const obeying of this.#obeying.values()) obeying.failed(this.#error);
      failed(this.#error);
    });
  }

  /** start resolves when all prefixes of the config are announced and verified; `wrapper` runs the process by that command. */
  static async start(namespace: Namespace, configFile: string, wrapper: readonly string[] = []): Promise<Mover> {
    const [file, ...argv] = [...wrapper, process.execPath, "--import", import.meta.resolve("tsx"), program, configFile];
    const child = namespace.spawn(file!, argv, { stdio: ["pipe", "pipe", "inherit"] });
    let mover: Mover | undefined;
    const { settled, errors, status } = await new Promise<Ready>((resolve, reject) => {
      mover = new Mover(child, reject);
      mover.#ready = resolve;
    });
    if (settled) return mover!;
    await mover![Symbol.asyncDispose]();
    throw new Error(`not announced at the start: ${errors.join("; ")} ${JSON.stringify(status)}`);
  }

  /** move gives an order and resolves once the reconciler has it; `moved` is what the drivers will have seen of it. */
  async move(order: Order): Promise<{ readonly startNs: number; readonly moved: Promise<Moved> }> {
    if (this.#error) throw this.#error;
    let moved: Promise<Moved> | undefined;
    const startNs = await new Promise<number>((started, failed) => {
      moved = new Promise((resolve, reject) => {
        this.#obeying.set(order.prefix, {
          started,
          moved: resolve,
          failed: (error) => [failed, reject].map((f) => f(error)),
        });
      });
      // Its failure is that of the start as well, where nobody waits for more.
      moved.catch(() => {});
      this.#child.stdin!.write(`${JSON.stringify(order)}\n`);
    });
    return { startNs, moved: moved! };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await ended(this.#child);
  }

  #hear(said: Ready | Started | Moved) {
    if (!("prefix" in said)) this.#ready(said);
    else if ("startNs" in said) this.#obeying.get(said.prefix)!.started(said.startNs);
    else this.#obeying.get(said.prefix)!.moved(said);
  }
}
