// Moments that outlive the daemon, so that an order which was given for an hour ends after an hour, across restarts,
// suspension and steps of the wall clock.
import { readFileSync } from "node:fs";
import { boottimeNs } from "../engine/boottime.js";
import { nsPerMs } from "../units.js";

/** Moment is plain JSON, for the state file. */
export interface Moment {
  /** The kernel's name for the time since this host was started. */
  readonly bootId: string;
  /** CLOCK_BOOTTIME: comparable within one boot. */
  readonly bootNs: number;
  /** Unix time. */
  readonly wallMs: number;
}

/** BootClock tells the present moment. */
export class BootClock {
  readonly #bootId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();

  now(): Moment {
    return { bootId: this.#bootId, bootNs: boottimeNs(), wallMs: Date.now() };
  }
}

/**
 * remainingMs tells what is left at `now` of `forMs` that began at `since`, 0 to `forMs`. Within one boot the wall clock says
 * nothing. Across boots nothing else tells the time that the host was off.
 */
export function remainingMs(since: Moment, forMs: number, now: Moment): number {
  const elapsedMs = now.bootId === since.bootId ? (now.bootNs - since.bootNs) / nsPerMs : now.wallMs - since.wallMs;
  return Math.max(0, forMs - Math.max(0, elapsedMs));
}
