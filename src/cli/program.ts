// The tree of verbs. It is apart from main.ts so that a test can walk it without running it.
import { Command } from "commander";
import { announceVerb } from "./announce.js";
import { benchVerb } from "./bench.js";
import { checkVerb } from "./check.js";
import { completionVerb } from "./completion.js";
import { configVerb } from "./config.js";
import { demoVerb } from "./demo.js";
import { doctorVerb } from "./doctor.js";
import { drainVerb, undrainVerb } from "./drain.js";
import { eventsVerb } from "./events.js";
import { freezeVerb, unfreezeVerb } from "./freeze.js";
import { holdVerb } from "./hold.js";
import { initVerb } from "./init.js";
import { planVerb } from "./plan.js";
import { runVerb } from "./run.js";
import { selftestVerb } from "./selftest.js";
import { statusVerb } from "./status.js";
import { tree } from "./tree.js";
import { packageDescription, packageVersion } from "./version.js";
import { watchVerb } from "./watch.js";
import { whyVerb } from "./why.js";
import { withdrawVerb } from "./withdraw.js";

/** program builds the command `anyprobe`. Errors are thrown, never printed here: main.ts has the one place that does. */
export function program(): Command {
  const root = new Command("anyprobe")
    .description(packageDescription)
    .version(packageVersion, "-V, --version", "print the version");
  const asked = [statusVerb(), whyVerb(), eventsVerb()];
  const ordered = [
    drainVerb(),
    undrainVerb(),
    withdrawVerb(),
    announceVerb(),
    holdVerb(),
    freezeVerb(),
    unfreezeVerb(),
  ];
  const measured = [watchVerb(), checkVerb(), benchVerb(), planVerb()];
  for (const verb of [
    runVerb(),
    ...asked,
    ...ordered,
    selftestVerb(),
    doctorVerb(),
    ...measured,
    initVerb(),
    configVerb(),
    demoVerb(),
    completionVerb(),
  ])
    root.addCommand(verb);
  root.addHelpText("after", "\nEach verb has its own --help with examples.");
  for (const command of tree(root)) {
    command.helpOption("-h, --help", "print this help").helpCommand(false);
    command.exitOverride().configureOutput({ outputError: () => {} });
  }
  return root;
}
