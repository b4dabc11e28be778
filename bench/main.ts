// npm run bench [-- --only NAME] [--json]: measures the engine against the limit and the rivals, and says whether it holds.
import { Command, InvalidArgumentError } from "commander";
import { environment, type Report } from "./experiment.js";
import { CannotMeasure } from "./programs.js";
import { scenarios } from "./scenarios.js";
import { save, writeTables } from "./table.js";

const program: Command = new Command("npm run bench --")
  .description("measure the engine against the limit (the bare system calls) and against other tools; needs root")
  .option("--only <name>", "only this scenario")
  .option("--trials <count>", "trials of each contestant", positive)
  .option("--seconds <count>", "how long a trial lasts", positive)
  .option("--json", "print one JSON object per scenario, a line each")
  .option("--save", "keep the results in bench/results, and write the tables")
  .option("--table", "only write the tables of README.md and docs/benchmarks.md from bench/results")
  .addHelpText(
    "after",
    `\nScenarios:\n${Object.entries(scenarios)
      .map(([name, { summary }]) => `  ${name.padEnd(16)}${summary}`)
      .join("\n")}`,
  )
  .parse();

const options = program.opts<{
  only?: string;
  trials?: number;
  seconds?: number;
  json?: true;
  save?: true;
  table?: true;
}>();
const { only } = options;
if (only !== undefined && !Object.hasOwn(scenarios, only)) {
  program.error(`expected one of ${Object.keys(scenarios).join(", ")}, got "${only}"`, { exitCode: 64 });
}

const say = (text: string) => process.stderr.write(`${text}\n`);
const names = options.table ? [] : Object.keys(scenarios).filter((name) => only === undefined || name === only);
try {
  for (const name of names) await measure(name);
} catch (error) {
  if (!(error instanceof CannotMeasure)) throw error;
  program.error(error.message, { exitCode: 77 });
}
if (options.table || options.save) writeTables();

async function measure(name: string): Promise<void> {
  const scenario = scenarios[name]!;
  say(`${name}: ${scenario.summary}`);
  const measured = await scenario.run({ trials: options.trials, seconds: options.seconds }, (text) => say(`  ${text}`));
  const report: Report = {
    name,
    ok: measured.failures.length === 0,
    figures: measured.figures,
    environment: { ...environment(), ...measured.environment },
  };
  for (const failure of measured.failures) say(`  ${failure}`);
  if (options.save) save(report);
  process.stdout.write(`${JSON.stringify(report, undefined, options.json ? undefined : 2)}\n`);
  if (!report.ok) process.exitCode = 1;
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError("expected a number above 0");
  return value;
}
