// A step: what a driver has to do next, for all prefixes that have to go the same way.
import { RouteError } from "../errors.js";
import type { Announcement } from "./driver.js";
import type { Lane } from "./lane.js";
import type { Prefix } from "./prefix.js";

export interface Step {
  readonly lane: Lane;
  readonly to: Announcement;
  /** It attracts more traffic than before. */
  readonly rises: boolean;
  readonly prefixes: Prefix[];
}

/** hasMoved tells whether any of its prefixes is where it was to go. */
export function hasMoved({ lane, to, prefixes }: Step): boolean {
  return prefixes.some((prefix) => lane.observation(prefix).announcement === to);
}

/** wroteNothing tells of a step's error that its router was not changed: it was refused before, or could not be reached. */
export function wroteNothing(error: Error | undefined): boolean {
  return error instanceof RouteError && /^ERR_ROUTE_UN(SUPPORTED|REACHABLE)$/.test(error.code);
}
