// The examinations of routers and servers, in a process of their own inside a network namespace.
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import type { Namespace } from "../../src/demo/namespace.js";
import type { Finding } from "../../src/doctor/finding.js";

/** Examiner lives until it is closed. */
export class Examiner {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async open(namespace: Namespace): Promise<Examiner> {
    const program = fileURLToPath(new URL("./router-examiner-process.ts", import.meta.url));
    const argv = ["--import", import.meta.resolve("tsx"), program];
    const child = namespace.spawn(process.execPath, argv, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    await once(child, "message");
    return new Examiner(child);
  }

  /** examine gives what is found under a config, or for prefixes without one. */
  async examine(look: {
    readonly config?: object;
    readonly prefixes?: readonly string[];
  }): Promise<readonly Finding[]> {
    this.#child.send({ ...(look.config && { yaml: stringify(look.config) }), prefixes: look.prefixes });
    const [{ findings, failure }] = await once(this.#child, "message");
    if (failure !== undefined) throw new Error(failure);
    return findings;
  }

  close(): void {
    this.#child.kill("SIGKILL");
  }
}

/** idsOf names what was found. */
export function idsOf(findings: readonly Finding[]): string[] {
  return findings.map(({ id }) => id);
}
