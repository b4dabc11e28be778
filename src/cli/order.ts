// What the verbs that give orders share: their options, and giving the order to the daemon.
import { Command, InvalidArgumentError, Option } from "commander";
import { parseDurationMs } from "../units.js";
import { controlOption } from "./control-option.js";
import { snakeCase } from "./snake-case.js";

/** What the daemon says to an order that it takes. */
export interface OrderAnswer {
  /** Those that it concerns; all of them in a freeze. */
  readonly prefixes: readonly string[];
  readonly message: string;
}

/** OrderOptions are those of all orders; `force` is not in all. */
export interface OrderOptions {
  readonly control: string;
  readonly json?: true;
  /** ms */
  readonly for?: number;
  readonly reason?: string;
  readonly force?: true;
}

/** orderVerb makes a verb for an order that concerns a service, a prefix or an address. */
export function orderVerb(name: string, description: string): Command {
  return new Command(name).description(description).argument("<what>", "a service, a prefix or an address");
}

/** lasting gives a verb the options of an order that stays in force. */
export function lasting(verb: Command): Command {
  const bound = new Option("--for <duration>", "end it after so long, as 30m or 1h (default: never)");
  return reasoned(verb.addOption(bound.argParser(duration)));
}

/** reasoned gives a verb the option to say why. */
export function reasoned(verb: Command): Command {
  return verb.addOption(new Option("--reason <text>", "why, for whoever looks at status").argParser(reason));
}

/** asking gives a verb the options of all that ask the daemon. */
export function asking(verb: Command): Command {
  return verb.addOption(controlOption()).option("--json", "print one JSON object");
}

/** order gives an order to the daemon. Rejects with ERR_RUN_ORDER where it refuses. */
export async function order(verb: string, options: OrderOptions, what?: string): Promise<OrderAnswer> {
  const { call } = await import("../run/control.js");
  const { control, for: forMs, reason, force } = options;
  const args = { what, for_ms: forMs, reason, force };
  return call<OrderAnswer>(control, verb, args);
}

/** print writes what came of an order. */
export function print(answer: OrderAnswer, { json }: OrderOptions): void {
  process.stdout.write(json ? `${JSON.stringify(snakeCase(answer))}\n` : `${answer.message}\n`);
}

function duration(text: string): number {
  const ms = parseDurationMs(text) ?? 0;
  if (ms > 0) return ms;
  throw new InvalidArgumentError(`expected a duration as 30m or 1h, got "${text}"`);
}

/** A reason is a line of the log, and of `status`. */
const longestReason = 500;

function reason(text: string): string {
  if (/\p{Cc}/u.test(text)) throw new InvalidArgumentError("expected one line of text, got control characters");
  if (text.length <= longestReason) return text;
  throw new InvalidArgumentError(`expected at most ${longestReason} characters, got ${text.length}`);
}
