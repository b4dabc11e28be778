// The demo's end of a stage: starts its process in a network namespace, tells it what to do and hears what it sees.
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { EngineError } from "../errors.js";
import { monotonicNs, nsPerMs } from "../units.js";
import { beforeExit } from "./before-exit.js";
import { ended } from "./frr.js";
import type { Failure, Place, Reply, StageEvent, Verbs } from "./stage-verb.js";

const processFile = fileURLToPath(new URL("./stage-process.js", import.meta.url));

/** Entrance is a command that runs another in a network namespace. */
export interface Entrance {
  readonly name: string;
  readonly command: readonly string[];
}

/** Private namespaces, the one that needs no privilege first. */
const privateEntrances: readonly Entrance[] = [
  { name: "user and network namespace", command: ["unshare", "--user", "--map-root-user", "--net", "--"] },
  { name: "network namespace", command: ["unshare", "--net", "--"] },
];

type Of<K extends StageEvent["kind"]> = Extract<StageEvent, { readonly kind: K }>;

/** Stage is one running stage process. */
export class Stage {
  /** Why this stage cannot see the ends of sockets; null where it does. */
  blind: string | null = null;
  /** The last that the daemon said, for whoever must tell why nothing happens. */
  lastWord = "";
  readonly #child: ChildProcess;
  readonly #forget: () => void;
  readonly #events: StageEvent[] = [];
  readonly #replies = new Map<number, (reply: Reply) => void>();
  #waiting: (() => void)[] = [];
  #stderr = "";
  #daemonEnded = false;
  #ended = false;
  /** Why the process could not even be started. */
  #spawning: Failure | undefined;
  #calls = 0;

  private constructor(
    readonly entrance: Entrance,
    readonly place: Place,
  ) {
    const [file, ...argv] = [...entrance.command, process.execPath, processFile];
    this.#child = spawn(file!, argv, { stdio: ["ignore", "ignore", "pipe", "ipc"] });
    this.#child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr += text;
    });
    this.#child.on("message", (reply: Reply) => this.#hear(reply));
    this.#child.on("close", () => this.#lost());
    this.#child.on("error", (error: NodeJS.ErrnoException) => {
      const message = `expected the program ${file}, of the package util-linux or iproute2, got ${error.code}`;
      this.#spawning = {
        message,
        engine: { code: "ERR_ENGINE_SYSCALL", errno: error.code ?? "", syscall: "spawn" },
      };
      this.#lost();
    });
    this.#forget = beforeExit(() => {
      if (this.#child.connected) this.#child.disconnect();
    });
  }

  /** open starts a stage in a namespace that is there. */
  static async open(entrance: Entrance, place: Place): Promise<Stage> {
    const stage = new Stage(entrance, place);
    try {
      stage.blind = (await stage.call("prepare", place)).blind;
      return stage;
    } catch (error) {
      await stage.close();
      throw error;
    }
  }

  /** openPrivate starts a stage in a namespace of its own. Throws EngineError EPERM where the kernel gives none. */
  static async openPrivate(place: Place): Promise<Stage> {
    const refusals: string[] = [];
    for (const entrance of privateEntrances) {
      try {
        return await Stage.open(entrance, place);
      } catch (error) {
        // Whatever else goes wrong is no refusal, and another entrance would not help.
        if (!isRefusal(error as Error)) throw error;
        refusals.push((error as Error).message);
      }
    }
    throw new EngineError(
      "ERR_ENGINE_SYSCALL",
      `expected the kernel to give this user a private network namespace, but it refuses (${[...new Set(refusals)].join("; ")}): ` +
        "run it as root, or allow unprivileged user namespaces",
      "EPERM",
      "unshare",
    );
  }

  /** call has the stage do something. Rejects with what went wrong there. */
  call<V extends keyof Verbs>(verb: V, ...[argument]: Parameters<Verbs[V]>): Promise<ReturnType<Verbs[V]>> {
    const id = ++this.#calls;
    return new Promise((resolve, reject) => {
      this.#replies.set(id, (reply) => {
        if ("result" in reply) resolve(reply.result as ReturnType<Verbs[V]>);
        else if ("error" in reply) reject(errorOf(reply.error));
      });
      // Where it cannot be sent, the process is ending: once it has, all that wait are told why.
      if (this.#ended) this.#lost();
      else if (this.#child.connected) this.#child.send({ id, verb, argument }, () => {});
    });
  }

  /** until gives the first such event at or after `sinceNs`, also one that came before the call; undefined: none in time. */
  async until<K extends StageEvent["kind"]>(
    kind: K,
    sinceNs: number,
    withinMs: number,
    wanted: (event: Of<K>) => boolean = () => true,
  ): Promise<Of<K> | undefined> {
    const deadlineNs = monotonicNs() + withinMs * nsPerMs;
    for (;;) {
      const found = this.#events.find(
        (event) => event.kind === kind && event.atNs >= sinceNs && wanted(event as Of<K>),
      );
      if (found) return found as Of<K>;
      const leftMs = (deadlineNs - monotonicNs()) / nsPerMs;
      if (leftMs <= 0 || !this.#child.connected || (kind === "log" && this.#daemonEnded)) return undefined;
      await this.#next(leftMs);
    }
  }

  /** close ends everything in the namespace; resolves when it is gone. */
  async close(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    await ended(this.#child);
    this.#forget();
  }

  #next(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      this.#waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #hear(reply: Reply) {
    if (!("event" in reply)) {
      this.#replies.get(reply.id)?.(reply);
      this.#replies.delete(reply.id);
      return;
    }
    const { event } = reply;
    this.#events.push(event);
    if (event.kind === "log") this.lastWord = event.entry.msg;
    if (event.kind === "ended" && event.who === "daemon") {
      this.#daemonEnded = true;
      this.lastWord = `it ended: ${event.how}`;
    }
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** The process is gone: nobody answers any more. */
  #lost() {
    this.#ended = true;
    const lines = this.#stderr.trim().split("\n");
    const message =
      lines.find((line) => /^(unshare|ip|\w*Error): /.test(line)) ||
      lines.at(-1) ||
      `the process in the ${this.entrance.name} ended`;
    const error = this.#spawning ?? { message };
    for (const [id, answer] of this.#replies) answer({ id, error });
    this.#replies.clear();
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

function errorOf({ message, engine }: Failure): Error {
  return engine ? new EngineError(engine.code, message, engine.errno, engine.syscall) : new Error(message);
}

/** Some kernels make the namespace and then allow nothing in it. */
function isRefusal(error: Error): boolean {
  if (error instanceof EngineError) return error.errno === "EPERM" || error.errno === "EACCES";
  return error.message.startsWith("unshare: ");
}
