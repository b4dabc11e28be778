// npm run bench [-- --only NAME] [--json]: measures the engine against the limit and the rivals, and says whether it holds.
import { Command, InvalidArgumentError } from "commander";
import { type Experiment, environment, type Report } from "./experiment.js";

const scenarios: Readonly<Record<string, Experiment>> = {};

const program: Command = new Command("npm run bench --")
  .description("measure the engine against the limit (the bare system calls) and against other tools; needs root")
  .option("--only <name>", "only this scenario")
  .option("--trials <count>", "trials of each contestant", positive)
  .option("--seconds <count>", "how long a trial lasts", positive)
  .option("--json", "print one JSON object per scenario, a line each, and nothing else")
  .addHelpText(
    "after",
    `\nScenarios:\n${Object.entries(scenarios)
      .map(([name, { summary }]) => `  ${name.padEnd(16)}${summary}`)
      .join("\n")}`,
  )
  .parse();

const { only, trials, seconds, json } = program.opts<{
  only?: string;
  trials?: number;
  seconds?: number;
  json?: true;
}>();
if (only !== undefined && !Object.hasOwn(scenarios, only)) {
  program.error(`expected one of ${Object.keys(scenarios).join(", ")}, got "${only}"`, { exitCode: 64 });
}

const say = (text: string) => process.stderr.write(`${text}\n`);
for (const [name, scenario] of Object.entries(scenarios)) {
  if (only !== undefined && name !== only) continue;
  say(`${name}: ${scenario.summary}`);
  const measured = await scenario.run({ trials, seconds }, (text) => say(`  ${text}`));
  const report: Report = {
    name,
    ok: measured.failures.length === 0,
    figures: measured.figures,
    environment: { ...environment(), ...measured.environment },
  };
  for (const failure of measured.failures) say(`  ${failure}`);
  process.stdout.write(`${JSON.stringify(report, undefined, json ? undefined : 2)}\n`);
  if (!report.ok) process.exitCode = 1;
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError("expected a number above 0");
  return value;
}
