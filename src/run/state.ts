// The state file: what was changed on routers and must be undone, what operators ordered, how prefixes have flapped, also for the
// next daemon after a crash. Written whole and renamed into place, so that a reader finds the old file or the new one and never half.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Change } from "../route/driver.js";
import type { Prefix } from "../route/prefix.js";
import type { Moment } from "./boot-clock.js";
import type { JournalEvent } from "./journal.js";
import { type Freeze, isFreeze, isMoment, isOrder, type Order } from "./order.js";

const version = 2;

/** State is what outlives the daemon. */
export interface State {
  readonly changes: readonly Change[];
  /** How prefixes were last seen announced. */
  readonly ways: readonly Change[];
  /** Prefixes that were taken away by hand, and are left alone. */
  readonly manual: readonly Removal[];
  readonly orders: readonly Order[];
  readonly freeze: Freeze | null;
  readonly flaps: readonly Flaps[];
  /** The prefixes that were announced when it was written, at whatever cost. */
  readonly announced: readonly Prefix[];
  /** The boot in which it was written, and whether by a daemon that ended as it should. */
  readonly bootId: string;
  readonly clean: boolean;
  readonly history: readonly JournalEvent[];
}

/** Removal is a prefix that somebody took away by hand. */
export interface Removal {
  readonly prefix: Prefix;
  readonly by: string;
  readonly why?: string;
}

/** Flaps is how a prefix has flapped. */
export interface Flaps {
  readonly prefix: Prefix;
  readonly departures: number;
  readonly departed: Moment;
  readonly returned: Moment | null;
}

export const noState: State = {
  changes: [],
  ways: [],
  manual: [],
  orders: [],
  freeze: null,
  flaps: [],
  announced: [],
  bootId: "",
  clean: false,
  history: [],
};

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
      return parseState(readFileSync(this.path, "utf8"));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") this.#setAside((error as Error).message);
      return noState;
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

/** parseState reads the text of a state file. Throws where it cannot be used. */
export function parseState(text: string): State {
  const found = (JSON.parse(text) ?? {}) as Record<string, unknown>;
  if (found["version"] !== version) throw new Error(`expected version ${version}, got ${String(found["version"])}`);
  const list = <T>(key: string, is: (value: unknown) => value is T): readonly T[] => {
    const value = found[key] ?? [];
    if (!Array.isArray(value) || !value.every(is)) throw new Error(`expected a list of ${key}`);
    return value;
  };
  const { freeze = null, bootId = "", clean = false } = found;
  if (freeze !== null && !isFreeze(freeze)) throw new Error("expected a freeze, or null");
  return {
    changes: list("changes", isChange),
    ways: list("ways", isChange),
    manual: list("manual", isRemoval),
    orders: list("orders", isOrder),
    freeze,
    flaps: list("flaps", isFlaps),
    announced: list("announced", isPrefix),
    bootId: String(bootId),
    clean: clean === true,
    // The journal looks at each of them itself: history is not worth losing the rest for.
    history: Array.isArray(found["history"]) ? found["history"] : [],
  };
}

function isPrefix(value: unknown): value is Prefix {
  return typeof value === "string";
}

function isRemoval(value: unknown): value is Removal {
  const { prefix, by, why } = (value ?? {}) as Record<string, unknown>;
  return typeof prefix === "string" && typeof by === "string" && (why === undefined || typeof why === "string");
}

function isFlaps(value: unknown): value is Flaps {
  const { prefix, departures, departed, returned } = (value ?? {}) as Record<string, unknown>;
  const counted = typeof prefix === "string" && Number.isInteger(departures);
  return counted && isMoment(departed) && (returned === null || isMoment(returned));
}

function isChange(value: unknown): value is Change {
  const { driver, prefix, undo } = (value ?? {}) as Record<string, unknown>;
  return typeof driver === "string" && typeof prefix === "string" && typeof undo === "object" && undo !== null;
}
