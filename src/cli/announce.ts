// anyprobe announce --force: announce prefixes, whatever their checks say.
import type { Command } from "commander";
import { examples } from "./example.js";
import { UsageError } from "./exit.js";
import { asking, lasting, type OrderOptions, order, orderVerb, print } from "./order.js";

export function announceVerb(): Command {
  const verb = orderVerb("announce", "announce even if the checks are down, and keep it so");
  return asking(lasting(verb).option("--force", "must be given: clients may be sent to a dead service"))
    .addHelpText("after", examples("anyprobe announce resolver --force --for 1h --reason 'the check is wrong'"))
    .action(announce);
}

async function announce(what: string, options: OrderOptions): Promise<void> {
  if (!options.force) {
    const instead = "`anyprobe undrain` hands it back to its checks instead";
    throw new UsageError(`expected --force, for clients may be sent to a dead service, got none; ${instead}`);
  }
  print(await order("announce", options, what), options);
}
