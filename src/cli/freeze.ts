// anyprobe freeze and unfreeze: the big red button. Under a freeze the daemon probes and reports, and touches nothing.
import { Command } from "commander";
import { examples } from "./example.js";
import { asking, lasting, type OrderOptions, order, print } from "./order.js";

export function freezeVerb(): Command {
  const verb = new Command("freeze").description(
    "touch no route and no address any more, whatever happens; goes on probing",
  );
  return asking(lasting(verb))
    .addHelpText("after", examples("anyprobe freeze --for 1h --reason 'core switch maintenance'"))
    .action(async (options: OrderOptions) => print(await order("freeze", options), options));
}

export function unfreezeVerb(): Command {
  return asking(new Command("unfreeze").description("end a freeze: routes are again as checks and orders want them"))
    .addHelpText("after", examples("anyprobe unfreeze"))
    .action(async (options: OrderOptions) => print(await order("unfreeze", options), options));
}
