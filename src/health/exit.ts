// How a program ended, and what that says about the service: the exit statuses of Nagios plugins, three-valued as they are.
import type { Command } from "../probe/query.js";
import type { Verdict } from "./verdict.js";

/** Exit is how a program ended. */
export interface Exit {
  /** Its exit status, or the name of the signal that ended it. */
  readonly status: number | string;
  /** The first line that it wrote, without control characters; empty where it wrote none. */
  readonly line: string;
}

/**
 * judgeExit says what a program found. A status that is none of a plugin's, or a signal, is the program's own trouble: it is
 * unknown.
 */
export function judgeExit({ status, line }: Exit, { warning }: Pick<Command, "warning">): Verdict {
  switch (status) {
    case 0:
      return { kind: "pass" };
    case 1:
      return warning === "pass"
        ? { kind: "pass", note: line || "warning" }
        : { kind: "fail", reason: line || "warning" };
    case 2:
      return { kind: "fail", reason: line || "critical" };
    case 3:
      return { kind: "unknown", reason: line || "unknown" };
  }
  const ended = typeof status === "number" ? `exit status ${status}` : `ended by ${status}`;
  return { kind: "unknown", reason: line === "" ? ended : `${ended}: ${line}` };
}
