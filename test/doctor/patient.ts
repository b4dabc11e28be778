// A host that is clean, or has one fault: a namespace with an address, an uplink and a server, a root of its own for files, and
// the doctor at its bed.
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { ended } from "../../src/demo/frr.js";
import type { Finding } from "../../src/doctor/finding.js";
import { anycast, Host, type HostConfig } from "../support/host.js";
import type { Visit } from "./examiner.js";

/** timedatectl as it would be on a host that runs systemd: what it says is in a file. */
export const timedatectl = `#!/bin/sh
read -r word < "$(dirname "$0")/synchronised" && echo "$word"
`;

export class Patient implements AsyncDisposable {
  readonly root: string;
  readonly #programs: string;
  readonly #doctor: ChildProcess;
  readonly #started: ChildProcess[] = [];

  private constructor(readonly host: Host) {
    this.root = join(host.directory, "root");
    this.#programs = join(host.directory, "bin");
    mkdirSync(this.root);
    mkdirSync(this.#programs);
    this.install("timedatectl", timedatectl);
    this.setClock("yes");
    const examiner = fileURLToPath(new URL("examiner.ts", import.meta.url));
    this.#doctor = host.namespace.spawn(process.execPath, ["--import", import.meta.resolve("tsx"), examiner], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      env: this.#environment(),
    });
  }

  static async create(): Promise<Patient> {
    const host = await Host.create([anycast]);
    await host.answer();
    return new Patient(host);
  }

  /** install puts a program before the host's own of that name. */
  install(name: string, script: string): void {
    writeFileSync(join(this.#programs, name), script);
    chmodSync(join(this.#programs, name), 0o755);
  }

  uninstall(name: string): void {
    rmSync(join(this.#programs, name));
  }

  setClock(synchronised: "yes" | "no"): void {
    writeFileSync(join(this.#programs, "synchronised"), `${synchronised}\n`);
  }

  /** write makes a file below the root. */
  write(path: string, content: string): void {
    mkdirSync(dirname(join(this.root, path)), { recursive: true });
    writeFileSync(join(this.root, path), content);
  }

  /** start starts a program there that ends at the next recovery. */
  start(path: string, argv: readonly string[]): ChildProcess {
    const child = this.host.spawn(path, argv);
    this.#started.push(child);
    return child;
  }

  /** recover takes away all files, and ends what was started. */
  async recover(): Promise<void> {
    const started = this.#started.splice(0);
    for (const child of started) child.kill("SIGKILL");
    // A socket goes with its process, not with the signal.
    await Promise.all(started.map(ended));
    rmSync(this.root, { recursive: true });
    mkdirSync(this.root);
  }

  /** examined is what the doctor finds now. */
  async examined(config?: HostConfig): Promise<readonly Finding[]> {
    return this.visit({ config: stringify(this.host.config(config)) });
  }

  async visit(visit: Omit<Visit, "root">): Promise<readonly Finding[]> {
    const over = new AbortController();
    const ending = once(this.#doctor, "exit", over).then(([code]) => {
      throw new Error(`the doctor ended with ${code}`);
    });
    this.#doctor.send({ ...visit, root: this.root });
    const [findings] = await Promise.race([once(this.#doctor, "message", over), ending]);
    over.abort();
    return findings;
  }

  /** anyprobe runs the command there to its end; files are the real ones then. */
  async anyprobe(...args: readonly string[]): Promise<{ code: number | null; out: string; err: string }> {
    const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
    const argv = ["--import", import.meta.resolve("tsx"), main, ...args];
    const stdio = ["ignore", "pipe", "pipe"] as const;
    const child = this.host.namespace.spawn(process.execPath, argv, { stdio: [...stdio], env: this.#environment() });
    const [out, err, [code]] = await Promise.all([text(child.stdout!), text(child.stderr!), once(child, "close")]);
    return { code, out, err };
  }

  #environment(): NodeJS.ProcessEnv {
    const { NO_COLOR: _, FORCE_COLOR: __, ...env } = process.env;
    return { ...env, PATH: `${this.#programs}:${env["PATH"]}` };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#doctor.kill("SIGKILL");
    await ended(this.#doctor);
    await this.host[Symbol.asyncDispose]();
  }
}
