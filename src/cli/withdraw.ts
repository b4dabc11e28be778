// anyprobe withdraw: take prefixes away at once, whatever their checks say.
import type { Command } from "commander";
import { examples } from "./example.js";
import { asking, lasting, orderVerb } from "./order.js";
import { type AwayOptions, orderAway } from "./order-away.js";

export function withdrawVerb(): Command {
  const verb = orderVerb(
    "withdraw",
    "withdraw now, without waiting for traffic to go, and keep it so; the guard may still hold it",
  );
  return asking(
    lasting(verb)
      .option("--force", "also where other services share the prefix, and past the last-endpoint guard")
      .option("--no-wait", "return at once, and not when it is withdrawn"),
  )
    .addHelpText(
      "after",
      examples(
        "anyprobe withdraw resolver --reason 'answers are wrong'",
        "anyprobe withdraw 203.0.113.53/32 --for 10m",
      ),
    )
    .action((what: string, options: AwayOptions) => orderAway("withdraw", what, options));
}
