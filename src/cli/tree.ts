// The tree of verbs, as completion, the manual and the tests walk it.
import type { Command } from "commander";

/** tree lists a command and all below it. */
export function tree(command: Command): Command[] {
  return [command, ...command.commands.flatMap(tree)];
}

/** pathOf is what one types for it: `anyprobe config check`. */
export function pathOf(command: Command): string {
  return command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();
}
