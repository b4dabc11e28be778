// The state file: what was changed on routers and must be undone, and what operators took away, also for the next daemon
// after a crash. Written whole and renamed into place, so that a reader finds the old file or the new one and never half.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Change } from "../route/driver.js";
import type { Prefix } from "../route/prefix.js";

const version = 1;

/** State is what outlives the daemon. */
export interface State {
  readonly changes: readonly Change[];
  /** The operators' orders in force: prefixes that were taken away by hand. */
  readonly manual: readonly Order[];
}

interface Order {
  readonly prefix: Prefix;
  readonly by: string;
}

const nothing: State = { changes: [], manual: [] };

/** StateFile reads at start and writes at every change. */
export class StateFile {
  #written = "";
  #warned = "";

  constructor(
    readonly path: string,
    readonly onWarning: (message: string) => void,
  ) {}

  /** read gives what the last daemon left; a file that cannot be used is set aside with a warning, never written over. */
  read(): State {
    try {
      return parse(readFileSync(this.path, "utf8"));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") this.#setAside((error as Error).message);
      return nothing;
    }
  }

  /** write keeps the state; a disk that is full or read-only is a warning, once, and never a reason to stop. */
  write(state: State): void {
    const text = `${JSON.stringify({ version, ...state }, undefined, 2)}\n`;
    if (text === this.#written) return;
    try {
      mkdirSync(dirname(this.path), { recursive: true });
      const fresh = `${this.path}.new`;
      // Not flushed: that can take longer than a withdrawal may. A host that loses power starts its router anew as well.
      writeFileSync(fresh, text, { mode: 0o640 });
      renameSync(fresh, this.path);
      this.#written = text;
      this.#warned = "";
    } catch (error) {
      const warning = `state file ${this.path} cannot be written: ${(error as Error).message}`;
      if (warning !== this.#warned) this.onWarning(warning);
      this.#warned = warning;
    }
  }

  #setAside(why: string) {
    const aside = `${this.path}.bad`;
    try {
      renameSync(this.path, aside);
      this.onWarning(`state file ${this.path} cannot be used (${why}); it is kept as ${aside}`);
    } catch (error) {
      this.onWarning(`state file ${this.path} cannot be used (${why}), nor set aside: ${(error as Error).message}`);
    }
  }
}

function parse(text: string): State {
  const { version: found, changes, manual = [] } = (JSON.parse(text) ?? {}) as Record<string, unknown>;
  if (found !== version) throw new Error(`expected version ${version}, got ${String(found)}`);
  if (!Array.isArray(changes) || !changes.every(isChange)) throw new Error("expected a list of changes");
  if (!Array.isArray(manual) || !manual.every(isOrder)) throw new Error("expected a list of manual orders");
  return { changes, manual };
}

function isOrder(value: unknown): value is Order {
  const { prefix, by } = (value ?? {}) as Record<string, unknown>;
  return typeof prefix === "string" && typeof by === "string";
}

function isChange(value: unknown): value is Change {
  const { driver, prefix, undo } = (value ?? {}) as Record<string, unknown>;
  return typeof driver === "string" && typeof prefix === "string" && typeof undo === "object" && undo !== null;
}
