// anyprobe drain and undrain: take the traffic off before maintenance, and hand the prefixes back to their checks after it.
import type { Command } from "commander";
import type { DrainOutcome } from "./drain-wait.js";
import { examples } from "./example.js";
import { asking, lasting, type OrderOptions, order, orderVerb, print } from "./order.js";
import { snakeCase } from "./snake-case.js";

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
    .action((what: string, options: WaitOptions) => orderAway("drain", what, options));
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

type WaitOptions = OrderOptions & { readonly wait: boolean };

/** orderAway gives an order and waits until the prefixes are withdrawn, or held; then the exit code is 1. */
export async function orderAway(verb: "drain" | "withdraw", what: string, options: WaitOptions): Promise<void> {
  const answer = await order(verb, options, what);
  if (!options.wait) return print(answer, options);
  if (!options.json) process.stdout.write(`${answer.message}\n`);
  const { drained } = await import("./drain-wait.js");
  const outcomes = await drained(options.control, answer.prefixes, (line) => {
    if (!options.json) process.stdout.write(`${line}\n`);
  });
  if (options.json) process.stdout.write(`${JSON.stringify(snakeCase({ ...answer, outcomes }))}\n`);
  if (outcomes.every(({ outcome }: DrainOutcome) => outcome === "withdrawn")) return;
  process.exitCode = 1;
  const stands = outcomes.some(({ outcome }: DrainOutcome) => outcome === "held" || outcome === "frozen");
  if (stands && !options.json) {
    process.stdout.write(`the order stands, and withdraws as soon as it can; \`anyprobe undrain ${what}\` ends it\n`);
  }
}
