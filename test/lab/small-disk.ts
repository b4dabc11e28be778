// A small disk of one daemon's own, in a mount namespace that nobody else sees: it can be filled up, and goes with its holder.
import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { ended } from "../../src/demo/frr.js";

const octets = 256 * 1024;

/** SmallDisk is mounted at `directory`, for those that run by its `wrapper`. */
export class SmallDisk {
  /** Runs a program where the disk is. */
  readonly wrapper: readonly string[];
  readonly #holder: ChildProcess;
  readonly #path: (name: string) => string;

  private constructor(directory: string, holder: ChildProcess) {
    this.#holder = holder;
    this.wrapper = ["nsenter", `--mount=/proc/${holder.pid}/ns/mnt`];
    this.#path = (name) => join(`/proc/${holder.pid}/root`, directory, name);
  }

  /** Whose mount namespace has the disk: it is seen from outside below /proc/PID/root. */
  get pid(): number {
    return this.#holder.pid!;
  }

  static async mount(directory: string): Promise<SmallDisk> {
    const script = `mount -t tmpfs -o size=${octets} tmpfs "$1" && echo mounted && exec sleep 600`;
    const holder = spawn("unshare", ["--mount", "sh", "-c", script, "sh", directory], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [said] = await Promise.race([once(holder.stdout, "data"), once(holder, "exit")]);
    if (!String(said).startsWith("mounted")) throw new Error(`expected a tmpfs at ${directory}, got exit ${said}`);
    return new SmallDisk(directory, holder);
  }

  read(name: string): string {
    return readFileSync(this.#path(name), "utf8");
  }

  /** fill leaves no room at all, by a file. */
  fill(name = "fill"): void {
    const fd = openSync(this.#path(name), "w");
    try {
      for (;;) writeSync(fd, Buffer.alloc(4096));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
    } finally {
      closeSync(fd);
    }
  }

  /** clear makes room again. */
  clear(): void {
    rmSync(this.#path("fill"));
  }

  async close(): Promise<void> {
    this.#holder.kill("SIGKILL");
    await ended(this.#holder);
  }
}
