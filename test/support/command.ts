// The command `anyprobe` as a process that runs beside the test, so that the test can be its daemon.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

/** Command is one run, with its output gathered. */
export class Command {
  readonly child: ChildProcess;
  out = "";
  err = "";

  constructor(...args: readonly string[]) {
    const { NO_COLOR: _, FORCE_COLOR: __, ...env } = process.env;
    this.child = spawn(process.execPath, ["--import", import.meta.resolve("tsx"), main, ...args], {
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.child.stdout!.setEncoding("utf8").on("data", (text: string) => {
      this.out += text;
    });
    this.child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      this.err += text;
    });
  }

  /** printed resolves once stdout is as wanted. */
  async printed(wanted: (out: string) => boolean): Promise<void> {
    while (!wanted(this.out)) {
      if (this.child.exitCode !== null) throw new Error(`it ended with ${this.child.exitCode}: ${this.out}${this.err}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** ended resolves with how it ended and what it said. */
  async ended(): Promise<{ code: number | NodeJS.Signals; out: string; err: string }> {
    const [code, signal] = await once(this.child, "close");
    return { code: code ?? signal, out: this.out, err: this.err };
  }
}

/** anyprobe runs the command to its end. */
export function anyprobe(...args: readonly string[]) {
  return new Command(...args).ended();
}
