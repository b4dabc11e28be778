// Steps of the wall clock for single processes: this host's own clock is everybody's, and no namespace has one.
import { execFileSync } from "node:child_process";
import { closeSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const source = fileURLToPath(new URL("clock-step.c", import.meta.url));

/** SteppedClock is the wall clock of the processes that run with its `env`. */
export class SteppedClock {
  readonly env: Readonly<Record<string, string>>;
  readonly #file: string;

  /** Builds the library in a directory of the caller's; needs a C compiler. */
  constructor(directory: string) {
    const library = join(directory, "clock-step.so");
    execFileSync("cc", ["-shared", "-fPIC", "-O2", "-o", library, source]);
    this.#file = join(directory, "clock-step");
    writeFileSync(this.#file, Buffer.alloc(8));
    this.env = { LD_PRELOAD: library, CLOCK_STEP: this.#file };
  }

  /** step sets it so many seconds beside the true one, at once. */
  step(seconds: number): void {
    const octets = Buffer.alloc(8);
    octets.writeBigInt64LE(BigInt(seconds));
    // In place: the processes have mapped this very file.
    const fd = openSync(this.#file, "r+");
    writeSync(fd, octets, 0, octets.length, 0);
    closeSync(fd);
  }
}
