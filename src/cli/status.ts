// anyprobe status: what the daemon of this host knows, and why. Its exit code is an answer too.
import { Command } from "commander";
import { AnyprobeError } from "../errors.js";
import { coloured } from "./coloured.js";
import { complain } from "./complaint.js";
import { controlOption } from "./control-option.js";
import { examples } from "./example.js";
import { exitCodeOf } from "./exit.js";
import { snakeCase } from "./snake-case.js";

export function statusVerb(): Command {
  return new Command("status")
    .description("show what the daemon of this host sees and does, and why; the exit code tells how bad it is")
    .addOption(controlOption())
    .option("-w, --watch", "go on showing it, once a second, until SIGINT")
    .option("--json", "print one JSON object; with --watch one a line")
    .addHelpText(
      "after",
      examples("anyprobe status", "anyprobe status --watch", "anyprobe status --json | jq .services"),
    )
    .action(status);
}

interface Options {
  readonly control: string;
  readonly watch?: true;
  readonly json?: true;
}

async function status({ control, watch: onward, json }: Options): Promise<void> {
  const [{ fetchStatus }, { renderStatus }, { gravityOf }] = await Promise.all([
    import("../run/control.js"),
    import("./status-text.js"),
    import("./status-gravity.js"),
  ]);
  const look = async () => {
    const found = await fetchStatus(control);
    const text = json ? `${JSON.stringify(snakeCase(found))}\n` : renderStatus(found, coloured());
    return { text, gravity: gravityOf(found) };
  };
  try {
    const { text, gravity } = await look();
    process.exitCode = gravity;
    if (!onward) process.stdout.write(text);
  } catch (error) {
    // What a missing permission hides is none of the daemon's states.
    if (exitCodeOf(error) !== 69) throw error;
    complain(error, json === true);
    process.exitCode = 3;
    return;
  }
  if (!onward) return;
  const { watch } = await import("./status-watch.js");
  // From here on a daemon that is gone is something to see: it may be starting anew.
  await watch(process.stdout.isTTY === true && !json, async () => {
    const { text } = await look().catch((error: unknown) => ({ text: tell(error, json === true) }));
    return text;
  });
}

function tell(error: unknown, json: boolean): string {
  if (!(error instanceof AnyprobeError)) throw error;
  const { code, message } = error;
  return json ? `${JSON.stringify({ error: { code, message } })}\n` : `${message}\n`;
}
