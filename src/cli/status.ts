// anyprobe status: what the daemon of this host knows, and why.
import { Command, Option } from "commander";
import { examples } from "./example.js";
import { snakeCase } from "./snake-case.js";

/** defaultControl is where the daemon listens unless its config says otherwise. */
export const defaultControl = "/run/anyprobe/anyprobe.sock";

export function statusVerb(): Command {
  return new Command("status")
    .description("show what the daemon of this host sees and does, and why")
    .addOption(new Option("--control <path>", "the daemon's control socket").default(defaultControl, defaultControl))
    .option("--json", "print one JSON object")
    .addHelpText("after", examples("anyprobe status", "anyprobe status --json | jq .services"))
    .action(status);
}

async function status(options: { readonly control: string; readonly json?: true }): Promise<void> {
  const { fetchStatus } = await import("../run/control.js");
  const found = await fetchStatus(options.control);
  if (options.json) {
    process.stdout.write(`${JSON.stringify(snakeCase(found))}\n`);
    return;
  }
  const { renderStatus } = await import("./status-text.js");
  process.stdout.write(renderStatus(found, process.stdout.isTTY && process.env["NO_COLOR"] === undefined));
}
