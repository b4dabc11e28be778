#!/usr/bin/env node
// The command `anyprobe`: runs a verb, and turns whatever goes wrong into a line on stderr and an exit code.
import { tellUnknown } from "./check-unknown.js";
import { complain } from "./complaint.js";
import { exitCodeOf, isCommanderError } from "./exit.js";
import { program } from "./program.js";

// Whoever reads our output may stop reading, as `head` does. That is no fault, and there is nobody left to tell of one.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit();
  });
}

try {
  await program().parseAsync(process.argv);
} catch (error) {
  // Help and version arrive as errors too, and have been printed by now; help that nobody asked for has an exit code.
  const printed = isCommanderError(error) && (error.exitCode === 0 || error.code === "commander.help");
  if (printed) process.exitCode = error.exitCode === 0 ? 0 : exitCodeOf(error);
  else if (process.argv[2] === "check") tellUnknown(error);
  else {
    complain(error, process.argv.includes("--json"));
    process.exitCode = exitCodeOf(error);
  }
}
