// anyprobe bench compare: two reports, before and after a change, figure by figure.
import { styleText } from "node:util";
import { Command, InvalidArgumentError, Option } from "commander";
import type { Change, Comparison, Side } from "../load/compare.js";
import { count, latency, percent } from "../load/figure.js";
import { examples } from "./example.js";
import { UsageError } from "./exit.js";
import { snakeCase } from "./snake-case.js";

export function benchCompareVerb(): Command {
  return new Command("compare")
    .description("compare two reports, before and after a change")
    .argument("<before>", "a report: what anyprobe bench --json printed")
    .argument("<after>", "another")
    .addOption(
      new Option("--noise <percent>", "smaller changes are not called better or worse (default: 1%)")
        .default(0.01, "1%")
        .argParser(share),
    )
    .option("--fail-if-worse", "end with 1 where a figure is worse")
    .option("--force", "compare what is not alike too: other queries, another objective")
    .option("--json", "print one JSON object")
    .addHelpText(
      "after",
      examples(
        "anyprobe bench compare before.json after.json",
        "anyprobe bench compare main.json branch.json --fail-if-worse --noise 5%",
      ),
    )
    .action(run);
}

interface CompareOptions {
  readonly noise: number;
  readonly failIfWorse?: true;
  readonly force?: true;
  readonly json?: true;
}

async function run(before: string, after: string, options: CompareOptions): Promise<void> {
  const [{ compare }, { readReportFile }] = await Promise.all([
    import("../load/compare.js"),
    import("../load/report-file.js"),
  ]);
  const [first, second] = await Promise.all([readReportFile(before), readReportFile(after)]);
  const found = compare(first, second, options.noise);
  if (found.unlike.length > 0 && !options.force)
    throw new UsageError(
      `expected two reports that are alike; --force compares them all the same. ${found.unlike.join(" ")}`,
    );
  const worse = found.changes.some(({ verdict }) => verdict === "worse");
  if (options.json) process.stdout.write(`${JSON.stringify(snakeCase({ before, after, worse, ...found }))}\n`);
  else process.stdout.write(renderComparison(found, process.stdout.isTTY && process.env["NO_COLOR"] === undefined));
  if (worse && options.failIfWorse) process.exitCode = 1;
}

const verdictStyles = { better: "green", worse: "red", "no difference seen": "dim", "not judged": "dim" } as const;

/** renderComparison writes a comparison as lines of text. */
export function renderComparison({ changes, unlike, notes }: Comparison, colours: boolean): string {
  const header = ["figure", "before [95 %]", "n", "after [95 %]", "n", "change", "verdict"];
  const rows = changes.map((change) => [
    change.figure,
    sideText(change.before, change.unit),
    count(change.before.n),
    sideText(change.after, change.unit),
    count(change.after.n),
    change.change === null ? "–" : `${change.change < 0 ? "−" : "+"}${(Math.abs(change.change) * 100).toFixed(1)}%`,
    change.verdict,
  ]);
  const widths = header.map((_, column) => Math.max(...[header, ...rows].map((row) => row[column]!.length)));
  const lines = [header, ...rows].map((row, i) => {
    const cells = row.map((cell, column) =>
      column === 6 ? cell : column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!),
    );
    const verdict = changes[i - 1]?.verdict;
    if (colours && verdict) cells[6] = styleText(verdictStyles[verdict], cells[6]!, { validateStream: false });
    return cells.join("  ");
  });
  const worst = [...unlike.map((sentence) => `not alike: ${sentence}`), ...notes];
  return `${[...lines, "", ...worst].join("\n")}\n`;
}

function sideText({ value, lower, upper }: Side, unit: Change["unit"]): string {
  const told = (number: number) =>
    unit === "ns"
      ? latency(number)
      : unit === "share"
        ? percent(number)
        : unit === "qps"
          ? `${count(number)}/s`
          : `${number.toFixed(2)} cores`;
  if (unit === "cores") return value === null ? "not known" : told(value);
  if (value === null && lower === null) return "not known";
  const figure = value === null ? `at least ${told(lower!)}` : told(value);
  return `${figure} [${lower === null ? "…" : told(lower)}, ${upper === null ? "…" : told(upper)}]`;
}

function share(text: string): number {
  const match = /^(\d+(?:\.\d+)?)%$/.exec(text);
  if (!match) throw new InvalidArgumentError(`expected a share as 5%, got "${text}"`);
  return Number(match[1]) / 100;
}
