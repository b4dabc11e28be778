// The state file: what was changed on routers and must be undone, also by the next daemon after a crash. Written whole and
// renamed into place, so that a reader finds the old file or the new one and never half of one.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Change } from "../route/driver.js";

const version = 1;

/** State is what outlives the daemon. */
export interface State {
  readonly changes: readonly Change[];
}

/** StateFile reads at start and writes at every change. */
export class StateFile {
  #written = "";

  constructor(
    readonly path: string,
    readonly onWarning: (message: string) => void,
  ) {}

  /** read gives what the last daemon left; a file that cannot be used is set aside with a warning, never written over. */
  read(): State {
    let text: string;
    try {
      text = readFileSync(this.path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") this.onWarning(`state file: ${(error as Error).message}`);
      return { changes: [] };
    }
    try {
      const { version: found, changes } = JSON.parse(text) as { version?: unknown; changes?: unknown };
      if (found !== version) throw new Error(`expected version ${version}, got ${String(found)}`);
      if (!Array.isArray(changes) || !changes.every(isChange)) throw new Error("expected a list of changes");
      return { changes };
    } catch (error) {
      const aside = `${this.path}.bad`;
      renameSync(this.path, aside);
      this.onWarning(`state file ${this.path} cannot be used (${(error as Error).message}); it is kept as ${aside}`);
      return { changes: [] };
    }
  }

  /** write keeps the state; a disk that is full or read-only is a warning, never a reason to stop. */
  write(state: State): void {
    const text = `${JSON.stringify({ version, ...state }, undefined, 2)}\n`;
    if (text === this.#written) return;
    try {
      mkdirSync(dirname(this.path), { recursive: true });
      const fresh = `${this.path}.new`;
      writeFileSync(fresh, text, { mode: 0o640, flush: true });
      renameSync(fresh, this.path);
      this.#written = text;
    } catch (error) {
      this.onWarning(`state file ${this.path} cannot be written: ${(error as Error).message}`);
    }
  }
}

function isChange(value: unknown): value is Change {
  const { driver, prefix, undo } = (value ?? {}) as Record<string, unknown>;
  return typeof driver === "string" && typeof prefix === "string" && typeof undo === "object" && undo !== null;
}
