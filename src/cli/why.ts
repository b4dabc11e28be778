// anyprobe why: from the present announcement of a prefix back to the probes that it rests on.
import { Command } from "commander";
import { coloured } from "./coloured.js";
import { examples } from "./example.js";
import { asking } from "./order.js";
import { snakeCase } from "./snake-case.js";
import type { WhyAnswer } from "./why-text.js";

export function whyVerb(): Command {
  const verb = new Command("why").description(
    "tell why a prefix is announced as it is: from the announcement back to the probes",
  );
  return asking(verb.argument("<prefix>", "a prefix or an address"))
    .addHelpText("after", examples("anyprobe why 203.0.113.53", "anyprobe why 2001:db8::53/128 --json | jq .events"))
    .action(why);
}

async function why(what: string, { control, json }: { readonly control: string; readonly json?: true }): Promise<void> {
  const { call } = await import("../run/control.js");
  const answer = await call<WhyAnswer>(control, "why", { what });
  if (json) {
    process.stdout.write(`${JSON.stringify(snakeCase(answer))}\n`);
    return;
  }
  const [{ renderWhy }, { monotonicNs }] = await Promise.all([import("./why-text.js"), import("../units.js")]);
  process.stdout.write(renderWhy(answer, coloured(), monotonicNs()));
}
