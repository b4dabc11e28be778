// The service manager: told when we are ready, how we are, that we live, and that we stop (sd_notify(3)).
import { notify } from "../engine/notify.js";
import type { Log } from "./log.js";

/** ServiceManager tells the manager what there is to tell; where there is none, nothing happens. */
export class ServiceManager {
  /** How often it wants a sign of life, ms; undefined: never. Half of what it was promised, as sd_watchdog_enabled(3) advises. */
  readonly watchdogMs: number | undefined;
  readonly #log: Log;

  constructor(log: Log, environment: NodeJS.ProcessEnv = process.env) {
    this.#log = log;
    const us = Number(environment["WATCHDOG_USEC"]);
    const ours = (environment["WATCHDOG_PID"] ?? String(process.pid)) === String(process.pid);
    this.watchdogMs = us > 0 && ours ? us / 2000 : undefined;
  }

  ready(status: string): void {
    this.#tell(`READY=1\nSTATUS=${status}`);
  }

  status(status: string): void {
    this.#tell(`STATUS=${status}`);
  }

  alive(): void {
    this.#tell("WATCHDOG=1");
  }

  reloading(): void {
    this.#tell(`RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`);
  }

  stopping(): void {
    this.#tell("STOPPING=1");
  }

  #tell(text: string) {
    try {
      notify(text);
    } catch (error) {
      // A manager that does not read must not take the daemon down with it.
      this.#log.warn({ error: (error as Error).message }, "the service manager could not be told");
    }
  }
}

/** Pulse tells whether a daemon lives, by its rows: an event loop that turns but judges nothing is not alive. */
export class Pulse {
  readonly #patienceNs: number;
  #rows = -1;
  #grewNs = Number.NEGATIVE_INFINITY;

  /** `patienceNs`: how long there may be no row where all is well. */
  constructor(patienceNs: number) {
    this.#patienceNs = patienceNs;
  }

  /** beats tells whether rows came lately, by their count so far; one that shrank is of another engine. */
  beats(rows: number, nowNs: number): boolean {
    if (rows !== this.#rows) this.#grewNs = nowNs;
    this.#rows = rows;
    return nowNs - this.#grewNs < this.#patienceNs;
  }
}
