// One run of a check's program: in a process group of its own, which ends with it, whole. What it writes never fills memory,
// and whoever keeps its pipes open holds up nobody.
import { type ChildProcess, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import type { Finding } from "../health/verdict.js";
import { monotonicNs } from "../units.js";
import { nothing, type Tell } from "./asker.js";
import { deadline } from "./deadline.js";
import { Vigil } from "./vigil.js";

export interface ProgramOrder {
  /** The program's path and its arguments. */
  readonly command: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  readonly timeoutMs: number;
}

/** Octets that are looked at of each of its two outputs, and characters of its first line that are kept. */
const [mostOctets, mostCharacters] = [1024, 200];
/** What it wrote before it ended is there at once; so long it is waited for where something else holds the pipe open. */
const pipeGraceMs = 100;

/** ProgramRun runs from construction on until the program has ended, at its timeout at the latest. */
export class ProgramRun {
  readonly #tell: Tell;
  readonly #ended: () => void;
  readonly #sentNs = monotonicNs();
  readonly #vigil: Vigil;
  readonly #callOff: () => void;
  #child: ChildProcess | undefined;
  /** Its process group, as long as it has not been waited for: after that its id may be another's. */
  #group: number | undefined;
  #told = false;

  /** `tell` is called once, also where the program could not be started; `ended` after it, once nothing is left of it. */
  constructor({ command, environment, timeoutMs }: ProgramOrder, tell: Tell, ended: () => void) {
    this.#tell = tell;
    this.#ended = ended;
    this.#vigil = new Vigil(timeoutMs);
    this.#callOff = deadline(timeoutMs, () => this.#expire());
    const [file = "", ...argv] = command;
    try {
      // Detached is in a session and process group of its own, whose id is the child's.
      this.#watch(spawn(file, argv, { cwd: "/", env: environment, detached: true, stdio: ["ignore", "pipe", "pipe"] }));
    } catch (error) {
      setImmediate(() => this.#refuse(error as Error));
    }
  }

  /** kill ends it at once, with all of its group, and without a word. Idempotent. */
  kill(): void {
    this.#silence();
    this.#killGroup();
    this.#release();
  }

  #watch(child: ChildProcess) {
    this.#child = child;
    this.#group = child.pid;
    const lines = [child.stdout, child.stderr].map(firstLine);
    child.once("error", (error) => this.#refuse(error));
    child.once("exit", (code, signal) => {
      // It has been waited for just now, so nobody else can have its id yet; what it left behind goes with it.
      this.#killGroup();
      this.#group = undefined;
      this.#callOff();
      const finish = () => {
        clearTimeout(grace);
        child.off("close", finish);
        const line = lines.map((read) => read()).find((text) => text !== "") ?? "";
        this.#finish({ ...this.#finding("exited"), exit: { status: signal ?? code ?? 0, line } });
        this.#release();
        this.#ended();
      };
      const grace = setTimeout(finish, pipeGraceMs);
      child.once("close", finish);
    });
  }

  #expire() {
    this.#killGroup();
    this.#finish(this.#finding(this.#vigil.end() ? "voided" : "timeout"));
  }

  #refuse({ code }: NodeJS.ErrnoException) {
    this.#finish(this.#finding("not-started", code ?? 0));
    this.#ended();
  }

  #finding(outcome: Finding["outcome"], errno: string | number = 0): Finding {
    return nothing(outcome, monotonicNs() - this.#sentNs, errno);
  }

  #finish(finding: Finding) {
    if (this.#told) return;
    this.#silence();
    this.#tell(finding, this.#sentNs);
  }

  #silence() {
    this.#told = true;
    this.#callOff();
    this.#vigil.end();
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

/** firstLine keeps a stream flowing; the function that it gives reads the first line of what came so far. */
function firstLine(stream: Readable | null): () => string {
  let kept = Buffer.alloc(0);
  stream?.on("data", (chunk: Buffer) => {
    if (kept.length < mostOctets) kept = Buffer.concat([kept, chunk.subarray(0, mostOctets - kept.length)]);
  });
  stream?.on("error", () => {});
  return () => clean(kept.toString().split("\n", 1)[0]!);
}

/** clean makes a plugin's line fit for a log: without performance data, which begins at a bar, and without control characters. */
function clean(line: string): string {
  const text = line
    .split("|", 1)[0]!
    .replaceAll("\t", " ")
    .replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "");
  return [...text.trim()].slice(0, mostCharacters).join("");
}
