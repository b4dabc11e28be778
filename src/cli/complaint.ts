// What is said on stderr: errors with every fault of a config, and warnings. One JSON object where `--json` was asked for.
import { styleText } from "node:util";
import { AnyprobeError, ConfigError, type Fault } from "../errors.js";
import { exitCodeOf, isCommanderError, MissingError } from "./exit.js";

/** complain writes an error to stderr. A stack trace is shown only of what is anyprobe's own fault. */
export function complain(error: unknown, json: boolean): void {
  const message = messageOf(error);
  if (json) {
    const faults = error instanceof ConfigError ? error.faults : [];
    process.stderr.write(`${JSON.stringify({ error: { code: codeOf(error), message, faults } })}\n`);
    return;
  }
  for (const line of message.split("\n")) say("red", line);
  if (exitCodeOf(error) === 70 && error instanceof Error && !(error instanceof AnyprobeError))
    process.stderr.write(`${error.stack}\n`);
}

/** warn writes the warnings of a config to stderr. */
export function warn(warnings: readonly Fault[], format: (fault: Fault) => string): void {
  for (const warning of warnings) say("yellow", `warning: ${format(warning)}`);
}

/** note writes a line to stderr about what was taken for granted. */
export function note(line: string): void {
  say("yellow", line);
}

function say(colour: "red" | "yellow", line: string): void {
  process.stderr.write(`${paint(colour, "anyprobe:")} ${line}\n`);
}

/** Colours only where a person looks on, and NO_COLOR is not set; Node 20's styleText looks at neither. */
function paint(colour: "red" | "yellow", text: string): string {
  return process.stderr.isTTY && !process.env["NO_COLOR"] ? styleText(colour, text) : text;
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // commander may add a guess on a second line.
  return isCommanderError(error) ? error.message.replace(/^error: /, "").replace(/\n\s*/g, " ") : error.message;
}

function codeOf(error: unknown): string {
  if (error instanceof AnyprobeError || error instanceof MissingError) return error.code;
  return exitCodeOf(error) === 64 ? "usage" : "software";
}
