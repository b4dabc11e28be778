// One network namespace: made, used and removed with `ip`, argv only, never through a shell.
import { type ChildProcess, execFile, execFileSync, type SpawnOptions, spawn } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/** ip runs one `ip` command and gives its output. */
export async function ip(...argv: string[]): Promise<string> {
  return (await run("ip", argv)).stdout;
}

/** Namespace is a named network namespace of this process's making. */
export class Namespace {
  private constructor(readonly name: string) {}

  static async create(name: string): Promise<Namespace> {
    await ip("netns", "add", name);
    const namespace = new Namespace(name);
    await namespace.ip("link", "set", "lo", "up");
    return namespace;
  }

  /** ip runs `ip` inside. */
  ip(...argv: string[]): Promise<string> {
    return ip("-n", this.name, ...argv);
  }

  /** exec runs a program inside and gives its output. */
  async exec(file: string, ...argv: string[]): Promise<string> {
    return (await run("ip", ["netns", "exec", this.name, file, ...argv])).stdout;
  }

  /** spawn starts a program inside; the child's pid is the program's. */
  spawn(file: string, argv: readonly string[], options: SpawnOptions = {}): ChildProcess {
    return spawn("ip", ["netns", "exec", this.name, file, ...argv], options);
  }

  async remove(): Promise<void> {
    await ip("netns", "del", this.name);
  }

  /** removeNow is remove for a process that is exiting. */
  removeNow(): void {
    try {
      execFileSync("ip", ["netns", "del", this.name], { stdio: "ignore" });
    } catch {
      // It is gone already, which is what was wanted.
    }
  }
}
