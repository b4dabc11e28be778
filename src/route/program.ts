// One run of an operator's program: as argv, without a shell, in a process group of its own, which ends with it, whole. What it
// writes never fills memory, and whoever keeps its pipes open holds up nobody.
import { type ChildProcess, spawn } from "node:child_process";
import type { Readable } from "node:stream";

export interface ProgramOrder {
  /** The program's path and its arguments. */
  readonly command: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  /** What it reads from stdin; undefined: nothing, at once. */
  readonly input?: string;
  /** Octets that are kept of each of its two outputs; 1 KiB where it is not given. */
  readonly mostOctets?: number;
}

/** ProgramEnd is what came of a run: `errno` where it could not be started, else its exit status or the signal that ended it. */
export type ProgramEnd =
  | { readonly errno: string | number }
  | {
      readonly status: number | NodeJS.Signals;
      /** The beginning of what it wrote. */
      readonly stdout: string;
      readonly stderr: string;
    };

export interface ProgramListener {
  /** It was waited for; what it wrote may still be on its way. */
  exited?(): void;
  /** Called once, when nothing is left of it. */
  ended(end: ProgramEnd): void;
}

/** Characters of a line that are kept. */
const mostCharacters = 200;
/** What it wrote before it ended is there at once; so long it is waited for where something else holds the pipe open. */
const pipeGraceMs = 100;

/** What the service manager tells this process is none of a program's business. */
const ours = ["NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"];

/** programEnvironment gives what a program inherits, and `more`. */
export function programEnvironment(more: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !ours.includes(name));
  return { ...Object.fromEntries(inherited), ...more };
}

/** firstLine makes the first line of what a program wrote fit for a log: without control characters, at most 200 characters. */
export function firstLine(text: string): string {
  const line = text
    .split("\n", 1)[0]!
    .replaceAll("\t", " ")
    .replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "");
  return [...line.trim()].slice(0, mostCharacters).join("");
}

/** Program runs from construction on until it has ended by itself or by kill(). It has no time limit of its own. */
export class Program {
  readonly #listener: ProgramListener;
  #child: ChildProcess | undefined;
  /** Its process group, as long as it has not been waited for: after that its id may be another's. */
  #group: number | undefined;

  constructor({ command, environment, input, mostOctets = 1024 }: ProgramOrder, listener: ProgramListener) {
    this.#listener = listener;
    const [file = "", ...argv] = command;
    const stdin = input === undefined ? "ignore" : "pipe";
    try {
      // Detached is in a session and process group of its own, whose id is the child's.
      const child = spawn(file, argv, { cwd: "/", env: environment, detached: true, stdio: [stdin, "pipe", "pipe"] });
      this.#watch(child, mostOctets);
      // It need not read what it is told.
      child.stdin?.on("error", () => {}).end(input);
    } catch (error) {
      setImmediate(() => this.#refuse(error as Error));
    }
  }

  /** kill ends it at once, with all of its group; `ended` follows. Idempotent. */
  kill(): void {
    this.#killGroup();
    this.#release();
  }

  #watch(child: ChildProcess, mostOctets: number) {
    this.#child = child;
    this.#group = child.pid;
    const [stdout, stderr] = [child.stdout, child.stderr].map((stream) => beginning(stream, mostOctets)) as [
      () => string,
      () => string,
    ];
    child.once("error", (error) => this.#refuse(error));
    child.once("exit", (code, signal) => {
      // It has been waited for just now, so nobody else can have its id yet; what it left behind goes with it.
      this.#killGroup();
      this.#group = undefined;
      this.#listener.exited?.();
      const finish = () => {
        clearTimeout(grace);
        child.off("close", finish);
        const end = { status: signal ?? code ?? 0, stdout: stdout(), stderr: stderr() };
        this.#release();
        this.#listener.ended(end);
      };
      const grace = setTimeout(finish, pipeGraceMs);
      child.once("close", finish);
    });
  }

  #refuse({ code }: NodeJS.ErrnoException) {
    this.#listener.ended({ errno: code ?? 0 });
  }

  #killGroup() {
    if (this.#group === undefined) return;
    try {
      process.kill(-this.#group, "SIGKILL");
    } catch {
      // Nothing is left of it.
    }
  }

  #release() {
    this.#child?.stdout?.destroy();
    this.#child?.stderr?.destroy();
  }
}

/** beginning keeps a stream flowing; the function that it gives reads the beginning of what came so far. */
function beginning(stream: Readable | null, mostOctets: number): () => string {
  let kept = Buffer.alloc(0);
  stream?.on("data", (chunk: Buffer) => {
    if (kept.length < mostOctets) kept = Buffer.concat([kept, chunk.subarray(0, mostOctets - kept.length)]);
  });
  stream?.on("error", () => {});
  return () => kept.toString();
}
