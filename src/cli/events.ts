// anyprobe events: what happened, and what it rested on.
import { once } from "node:events";
import { Command, Option } from "commander";
import type { JournalEvent } from "../run/journal.js";
import { count } from "./bench-option.js";
import { coloured } from "./coloured.js";
import { controlOption } from "./control-option.js";
import { examples } from "./example.js";
import { snakeCase } from "./snake-case.js";

/** The daemon's journal holds no more. */
const mostEvents = 1000;
/** A daemon that is not asked to go on tells what it knows at once. ms */
const silenceMs = 10_000;

export function eventsVerb(): Command {
  return new Command("events")
    .description("show what happened: transitions, actions, orders, and what the guard said")
    .option("-f, --follow", "go on with what happens, until SIGINT")
    .addOption(new Option("-n, --count <count>", "so many of the newest").default(20).argParser(count(0, mostEvents)))
    .addOption(controlOption())
    .option("--json", "print one JSON object a line, with all evidence")
    .addHelpText(
      "after",
      examples("anyprobe events -n 100", "anyprobe events --follow --json | jq 'select(.kind == \"route\")'"),
    )
    .action(events);
}

interface Options {
  readonly control: string;
  readonly count: number;
  readonly follow?: true;
  readonly json?: true;
}

async function events({ control, count, follow: onward, json }: Options): Promise<void> {
  const { follow } = await import("../run/control.js");
  const { renderEvent } = await import("./event-text.js");
  const items = follow<JournalEvent>(control, "events", { count, follow: onward === true }, onward ? 0 : silenceMs);
  if (onward) void once(process, "SIGINT").then(() => process.exit(0));
  for await (const event of items) {
    process.stdout.write(json ? `${JSON.stringify(snakeCase(event))}\n` : `${renderEvent(event, coloured())}\n`);
  }
}
