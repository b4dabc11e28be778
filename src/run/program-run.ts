// One run of a check's program, within its time limit, and what it says of the service.
import type { Finding } from "../health/verdict.js";
import { firstLine, Program, type ProgramEnd, type ProgramOrder } from "../route/program.js";
import { monotonicNs } from "../units.js";
import { nothing, type Tell } from "./asker.js";
import { deadline } from "./deadline.js";
import { Vigil } from "./vigil.js";

/** ProgramRun runs from construction on until the program has ended, at its timeout at the latest. */
export class ProgramRun {
  readonly #tell: Tell;
  readonly #ended: () => void;
  readonly #sentNs = monotonicNs();
  readonly #vigil: Vigil;
  readonly #callOff: () => void;
  readonly #program: Program;
  #told = false;

  /** `tell` is called once, also where the program could not be started; `ended` after it, once nothing is left of it. */
  constructor({ timeoutMs, ...order }: ProgramOrder & { readonly timeoutMs: number }, tell: Tell, ended: () => void) {
    this.#tell = tell;
    this.#ended = ended;
    this.#vigil = new Vigil(timeoutMs);
    this.#callOff = deadline(timeoutMs, () => this.#expire());
    this.#program = new Program(order, { exited: () => this.#callOff(), ended: (end) => this.#end(end) });
  }

  /** kill ends it at once, with all of its group, and without a word. Idempotent. */
  kill(): void {
    this.#silence();
    this.#program.kill();
  }

  #end(end: ProgramEnd) {
    if ("errno" in end) this.#finish(this.#finding("not-started", end.errno));
    else {
      const line = lineOf(end.stdout) || lineOf(end.stderr);
      this.#finish({ ...this.#finding("exited"), exit: { status: end.status, line } });
    }
    this.#ended();
  }

  #expire() {
    this.#program.kill();
    this.#finish(this.#finding(this.#vigil.end() ? "voided" : "timeout"));
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
}

/** A plugin's line, without its performance data, which begins at a bar. */
function lineOf(output: string): string {
  return firstLine(output.split("\n", 1)[0]!.split("|", 1)[0]!);
}
