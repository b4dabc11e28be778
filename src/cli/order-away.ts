// What drain and withdraw do alike: give the order, and wait until the prefixes are gone or something keeps them.
import type { DrainOutcome } from "./drain-wait.js";
import { type OrderOptions, order, print } from "./order.js";
import { snakeCase } from "./snake-case.js";

/** AwayOptions are an order's, and whether it is waited for. */
export type AwayOptions = OrderOptions & { readonly wait: boolean };

/** orderAway gives an order and waits until the prefixes are withdrawn, or held; then the exit code is 1. */
export async function orderAway(verb: "drain" | "withdraw", what: string, options: AwayOptions): Promise<void> {
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
