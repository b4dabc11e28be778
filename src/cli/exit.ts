// How anyprobe ends: the exit codes (sysexits) and which error leads to which. docs/cli.md and docs/errors.md are held
// against these tables by a test.
import { AnyprobeError, type ErrorCode } from "../errors.js";

/** exitCodes lists every code that a verb can end with, and what it means. */
export const exitCodes = {
  0: "it did what was asked",
  1: "it was done, and the result is bad, such as an overload that `plan` found or a drain that the guard holds; `doctor`: a warning; `check`: WARNING; `status`: see there",
  2: "`status`: a prefix is withdrawn, or dead and held by the guard; `doctor`: an error; `check`: CRITICAL",
  3: "`status`: no daemon can be reached; `check`: UNKNOWN, whatever kept it from being made",
  64: "usage: an option or argument is wrong",
  65: "data: a file that was given as input is wrong",
  66: "no input: a file that was given as input cannot be read",
  69: "unavailable: a daemon, a router or the kernel interface cannot be reached or refuses",
  70: "software: a fault of anyprobe itself",
  77: "permission: the kernel refused for lack of privilege, or this host lacks what it needs",
  78: "config: the configuration is wrong",
} as const;

export type ExitCode = keyof typeof exitCodes;

const byCode: Readonly<Record<ErrorCode, ExitCode>> = {
  ERR_CONFIG_READ: 78,
  ERR_CONFIG_SYNTAX: 78,
  ERR_CONFIG_INVALID: 78,
  ERR_CONFIG_SOURCE: 78,
  ERR_ENGINE_ADDON: 70,
  ERR_ENGINE_SYSCALL: 69,
  ERR_ENGINE_CLOSED: 70,
  ERR_ROUTE_UNREACHABLE: 69,
  ERR_ROUTE_REFUSED: 69,
  ERR_ROUTE_UNSUPPORTED: 69,
  ERR_LOAD_REPORT: 65,
  ERR_LOAD_QUERIES: 65,
  ERR_LOAD_INPUT: 66,
  ERR_LOAD_UNANSWERED: 69,
  ERR_LOAD_MISSING: 77,
  ERR_RUN_LOCKED: 69,
  ERR_RUN_ORDER: 69,
  ERR_RUN_UNREACHABLE: 69,
};

/** UsageError is a wrong use of the command line that commander cannot see, such as two options that exclude each other. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly code = "usage";
}

/** MissingError says what this host lacks for what was asked, such as FRR. */
export class MissingError extends Error {
  override readonly name = "MissingError";
  readonly code = "missing";
}

/** exitCodeOf gives the exit code for an error; a missing permission anywhere in its causes tells more than where it struck. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof MissingError || isForbidden(error)) return 77;
  if (error instanceof AnyprobeError) return byCode[error.code];
  return error instanceof UsageError || isCommanderError(error) ? 64 : 70;
}

/** commander marks its own errors by their code. */
export function isCommanderError(error: unknown): error is Error & { code: string; exitCode: number } {
  return error instanceof Error && "code" in error && String(error.code).startsWith("commander.");
}

function isForbidden(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    const { code, errno } = at as { code?: unknown; errno?: unknown };
    if ([code, errno].some((word) => word === "EPERM" || word === "EACCES")) return true;
  }
  return false;
}
