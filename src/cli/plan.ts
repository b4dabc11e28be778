// anyprobe plan: whether endpoints with measured capacities hold the peak when some of them are withdrawn.
import { Command, InvalidArgumentError, Option } from "commander";
import type { CapacityPlan, Split } from "../load/capacity-plan.js";
import { parseRate, plain } from "../load/figure.js";
import { examples } from "./example.js";
import { UsageError } from "./exit.js";
import { snakeCase } from "./snake-case.js";

export function planVerb(): Command {
  return new Command("plan")
    .description("tell whether endpoints hold the peak when any of them are withdrawn")
    .addOption(
      new Option("--peak <rate>", "the expected peak of all together, as 1.2M").makeOptionMandatory().argParser(rate),
    )
    .requiredOption("--capacity <endpoint...>", "a report of anyprobe bench, or NAME=report.json, or NAME=200k")
    .addOption(
      new Option("--survive <count>", "any so many may be withdrawn (default: 1)").default(1, "1").argParser(whole),
    )
    .addOption(
      new Option("--share <name=percent...>", "an endpoint's share of the peak; the others share the rest evenly"),
    )
    .addOption(
      new Option("--split <kind>", "what decides: withdrawn traffic spreads evenly, or lands on one")
        .choices(["even", "one"])
        .default("even", "even"),
    )
    .option("--json", "print one JSON object")
    .addHelpText(
      "after",
      examples(
        "anyprobe plan --peak 1.2M --capacity fra.json ams.json nyc.json --survive 1",
        "anyprobe plan --peak 600k --capacity fra=300k ams=300k nyc=200k --share fra=50% --split one",
      ),
    )
    .action(plan);
}

interface PlanOptions {
  readonly peak: number;
  readonly capacity: readonly string[];
  readonly survive: number;
  readonly share?: readonly string[];
  readonly split: Split;
  readonly json?: true;
}

async function plan({ peak, capacity, survive, share = [], split, json }: PlanOptions): Promise<void> {
  const [{ planCapacity }, { readEndpoint }] = await Promise.all([
    import("../load/capacity-plan.js"),
    import("../load/endpoint.js"),
  ]);
  const measured = await asUsage(() => Promise.all(capacity.map(readEndpoint)));
  const shares = sharesOf(share, new Set(measured.map(({ name }) => name)));
  const twice = measured.find(({ name }, i) => measured.findIndex((other) => other.name === name) !== i);
  if (twice)
    throw new UsageError(
      `expected endpoints of different names, got "${plain(twice.name)}" twice; name them: NAME=report.json`,
    );
  const endpoints = measured.map((endpoint) => ({ ...endpoint, share: shares.get(endpoint.name) }));
  const found = await asUsage(async () => planCapacity(endpoints, peak, survive));
  const notes = [
    "Where an anycast endpoint's traffic goes when it is withdrawn is the routers' choice: the nearest others get it, not all.",
    ...measured
      .filter(({ atLeast }) => atLeast)
      .map(({ name }) => `${name} holds at least what is shown: more was not, or could not be, offered to it.`),
    ...measured.flatMap(({ notes }) => notes),
    ...(new Set(measured.filter(({ file }) => file).map(({ objective }) => [...objective].sort().join())).size > 1
      ? ["The capacities were measured against different objectives."]
      : []),
  ];
  if (json)
    process.stdout.write(`${JSON.stringify({ survives: found.survives[split], ...asJson(found, split, notes) })}\n`);
  else {
    const { renderPlan } = await import("./plan-text.js");
    const colours = process.stdout.isTTY && process.env["NO_COLOR"] === undefined;
    process.stdout.write(renderPlan(found, split, notes, colours));
  }
  if (!found.survives[split]) process.exitCode = 1;
}

function asJson(found: CapacityPlan, split: Split, notes: readonly string[]) {
  const { survives, ...rest } = found;
  return snakeCase({
    judgedBy: split,
    survivesEven: survives.even,
    survivesOne: survives.one,
    ...rest,
    notes,
  }) as object;
}

/** What the user wrote wrong is told as such, not as a fault of ours. */
async function asUsage<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) throw new UsageError(error.message);
    throw error;
  }
}

function sharesOf(texts: readonly string[], names: ReadonlySet<string>): Map<string, number> {
  const shares = new Map<string, number>();
  for (const text of texts) {
    const match = /^(.+)=(\d+(?:\.\d+)?)%$/.exec(text);
    const share = Number(match?.[2]) / 100;
    if (!match || !(share > 0 && share <= 1)) throw new UsageError(`--share: expected NAME=30%, got "${text}"`);
    const name = match[1]!;
    if (!names.has(name)) throw new UsageError(`--share: expected one of ${[...names].join(", ")}, got "${name}"`);
    if (shares.has(name)) throw new UsageError(`--share: expected one share of "${name}", got two`);
    shares.set(name, share);
  }
  return shares;
}

function rate(text: string): number {
  const qps = parseRate(text);
  if (qps === undefined) throw new InvalidArgumentError(`expected a rate as 1.2M, 200k or 50000, got "${text}"`);
  return qps;
}

function whole(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError(`expected a whole number, got "${text}"`);
  return Number(text);
}
