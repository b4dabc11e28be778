// BIRD as a child of this process, in the network namespace of a node, with files of its own.
import { type ChildProcess, execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ended } from "../../src/demo/frr.js";
import type { Namespace } from "../../src/demo/namespace.js";
import { askBird } from "../../src/route/bird-control.js";

/** birdMissing says that this host has no BIRD; undefined where it has. */
export function birdMissing(): string | undefined {
  try {
    execFileSync("bird", ["--version"], { stdio: "ignore" });
    return undefined;
  } catch {
    return "bird is not installed";
  }
}

/** Bird is one BIRD: it may be started, stopped, killed and started again until it is disposed of. */
export class Bird implements AsyncDisposable {
  readonly #namespace: Namespace;
  #child: ChildProcess | undefined;

  private constructor(
    namespace: Namespace,
    readonly directory: string,
  ) {
    this.#namespace = namespace;
  }

  /** create writes the configuration; `config` gets the directory, for the files that it includes. */
  static async create(namespace: Namespace, config: (directory: string) => string): Promise<Bird> {
    const bird = new Bird(namespace, await mkdtemp(join(tmpdir(), "anyprobe-bird-")));
    await writeFile(bird.path("bird.conf"), config(bird.directory));
    return bird;
  }

  /** The control socket, as the bird driver wants it. */
  get socket(): string {
    return this.path("bird.ctl");
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  /** start resolves when BIRD answers. */
  async start(): Promise<void> {
    const argv = ["-f", "-c", this.path("bird.conf"), "-s", this.socket, "-P", this.path("bird.pid")];
    const child = this.#namespace.spawn("bird", argv, { stdio: ["ignore", "ignore", "pipe"] });
    this.#child = child;
    let complaint = "";
    child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      complaint += text;
    });
    for (let tries = 0; tries < 400; tries += 1) {
      if (child.exitCode !== null) throw new Error(`bird ended with ${child.exitCode}: ${complaint}`);
      try {
        await this.ask("show status");
        return;
      } catch {
        await sleep(25);
      }
    }
    throw new Error(`bird does not answer at ${this.socket} within 10 s: ${complaint}`);
  }

  /** ask gives BIRD one command, as an operator at birdc does. */
  async ask(command: string): Promise<string> {
    const [reply] = await askBird(this.socket, [command], 2000);
    return reply!;
  }

  /** stop ends BIRD in good order: it takes back what it announced. */
  async stop(): Promise<void> {
    await this.#end("SIGTERM");
  }

  /** kill ends BIRD at once; its neighbours keep what it announced until the dead interval. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** signal makes BIRD hang and go on. */
  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.#child?.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.directory, { recursive: true, force: true });
  }

  async #end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    this.#child?.kill(signal);
    if (this.#child) await ended(this.#child);
  }
}
