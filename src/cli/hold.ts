// anyprobe hold: what is withdrawn stays withdrawn, as after a removal by hand.
import type { Command } from "commander";
import { examples } from "./example.js";
import { asking, type OrderOptions, order, orderVerb, print, reasoned } from "./order.js";

export function holdVerb(): Command {
  return asking(reasoned(orderVerb("hold", "keep what is withdrawn withdrawn, when its checks are up again too")))
    .addHelpText("after", examples("anyprobe hold resolver --reason 'disk is failing'", "anyprobe hold 203.0.113.53"))
    .action(async (what: string, options: OrderOptions) => print(await order("hold", options, what), options));
}
