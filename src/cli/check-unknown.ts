// What `anyprobe check` says where no check could be made: a monitoring system reads stdout, and an exit code of its own.
import { exitCodeOf } from "./exit.js";

const unknownCode = 3;

/** tellUnknown prints `DNS UNKNOWN - …`, and sets the exit code. A fault of anyprobe's own shows on stderr where it struck. */
export function tellUnknown(error: unknown): void {
  const message = error instanceof Error ? error.message.replace(/^error: /, "") : String(error);
  process.stdout.write(`DNS UNKNOWN - ${clean(message)}\n`);
  process.exitCode = unknownCode;
  if (exitCodeOf(error) === 70 && error instanceof Error) process.stderr.write(`${error.stack}\n`);
}

/** clean makes a text fit before the figures of a plugin's line: a bar would begin those, and a line feed another line. */
export function clean(text: string): string {
  return text.replaceAll("|", "/").replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ");
}
