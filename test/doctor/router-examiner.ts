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
  readonly #ended: Promise<never>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#ended = once(child, "exit").then(([code]) => Promise.reject(new Error(`it ended with ${code}`)));
    // Awaited by each answer; between two of them nobody does.
    this.#ended.catch(() => {});
  }

  static async open(namespace: Namespace): Promise<Examiner> {
    const program = fileURLToPath(new URL("./router-examiner-process.ts", import.meta.url));
    const argv = ["--import", import.meta.resolve("tsx"), program];
    const child = namespace.spawn(process.execPath, argv, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    const examiner = new Examiner(child);
    await examiner.#answer();
    return examiner;
  }

  /** examine gives what is found under a config, or for prefixes without one. */
  async examine(look: {
    readonly config?: object;
    readonly prefixes?: readonly string[];
  }): Promise<readonly Finding[]> {
    const answer = this.#answer();
    this.#child.send({ ...(look.config && { yaml: stringify(look.config) }), prefixes: look.prefixes });
    const { findings, failure } = await answer;
    if (failure !== undefined) throw new Error(failure);
    return findings;
  }

  async #answer() {
    const answered = new AbortController();
    const message = once(this.#child, "message", { signal: answered.signal });
    message.catch(() => {});
    const [answer] = await Promise.race([message, this.#ended]).finally(() => answered.abort());
    return answer;
  }

  close(): void {
    this.#child.kill("SIGKILL");
  }
}

/** idsOf names what was found. */
export function idsOf(findings: readonly Finding[]): string[] {
  return findings.map(({ id }) => id);
}
