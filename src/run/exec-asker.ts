// Asks by running a program: never two of one check at once, so that one that hangs does not pile up.
import type { Command } from "../probe/query.js";
import { programEnvironment } from "../route/program.js";
import { monotonicNs } from "../units.js";
import { type Asker, nothing, type Slot, type Tell } from "./asker.js";
import { Beat } from "./beat.js";
import { ProgramRun } from "./program-run.js";

export interface ExecAskerOptions {
  readonly slot: Slot;
  /** Whether the address is this host's now: a program that asks it must not be answered by another endpoint. */
  readonly isLocal: () => boolean;
  readonly tell: Tell;
}

/** ExecAsker runs a check's program; none outlives close(). */
export class ExecAsker implements Asker {
  readonly #options: ExecAskerOptions;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #beat = new Beat(() => {
    if (!this.#stop) this.burst(1);
  });
  /** Runs that are to begin when the one under way has ended. */
  #owed = 0;
  /** Ends the run under way. */
  #stop: (() => void) | undefined;
  #closed = false;

  constructor(options: ExecAskerOptions) {
    this.#options = options;
    this.#environment = environmentOf(options.slot);
  }

  /** A beat that finds a run under way is skipped. */
  pace(intervalMs: number, firstInMs: number): void {
    this.#beat.pace(intervalMs, firstInMs);
  }

  /** Runs follow one another as they end, whatever the gap. */
  burst(count: number): number {
    if (this.#closed) return 0;
    const more = Math.max(0, count - this.#owed);
    this.#owed += more;
    if (!this.#stop) this.#next();
    return more;
  }

  close(): void {
    this.#closed = true;
    this.#beat.close();
    this.#stop?.();
  }

  #next() {
    this.#stop = undefined;
    if (this.#closed || this.#owed === 0) return;
    this.#owed--;
    const { slot, isLocal, tell } = this.#options;
    if (!isLocal()) {
      const later = setImmediate(() => {
        tell(nothing("not-local", 0), monotonicNs());
        this.#next();
      });
      this.#stop = () => clearImmediate(later);
      return;
    }
    const { command } = slot.check.config.query as Command;
    const { timeoutMs } = slot.check.config;
    const run = new ProgramRun({ command, environment: this.#environment, timeoutMs }, tell, () => this.#next());
    this.#stop = () => run.kill();
  }
}

function environmentOf({ check, address }: Slot): NodeJS.ProcessEnv {
  return programEnvironment({
    ANYPROBE_SERVICE: check.service,
    ANYPROBE_PREFIX: check.prefix,
    ANYPROBE_ADDRESS: address,
  });
}
