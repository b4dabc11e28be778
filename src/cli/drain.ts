// anyprobe drain and undrain: take the traffic off before maintenance, and hand the prefixes back to their checks after it.
import type { Command } from "commander";
import { examples } from "./example.js";
import { asking, lasting, type OrderOptions, order, orderVerb, print } from "./order.js";
import { type AwayOptions, orderAway } from "./order-away.js";

export function drainVerb(): Command {
  const verb = orderVerb("drain", "send the traffic elsewhere, and withdraw once it is gone: for maintenance");
  lasting(verb)
    .option("--force", "also where other services share the prefix, and past the last-endpoint guard")
    .option("--no-wait", "return at once, and not when it is withdrawn");
  return asking(verb)
    .addHelpText(
      "after",
      examples(
        "anyprobe drain resolver --reason 'kernel update' && systemctl restart unbound && anyprobe undrain resolver",
        "anyprobe drain 203.0.113.53 --for 1h --no-wait",
      ),
    )
    .action((what: string, options: AwayOptions) => orderAway("drain", what, options));
}

export function undrainVerb(): Command {
  return asking(
    orderVerb(
      "undrain",
      "end an order (drain, withdraw, announce, hold, or a removal by hand): its checks decide again",
    ),
  )
    .addHelpText("after", examples("anyprobe undrain resolver", "anyprobe undrain 203.0.113.53/32"))
    .action(async (what: string, options: OrderOptions) => print(await order("undrain", options, what), options));
}
