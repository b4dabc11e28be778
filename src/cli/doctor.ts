// anyprobe doctor: says what is wrong with this host for an anycast service, and what to type. It changes nothing.
import { existsSync } from "node:fs";
import { Command, Option } from "commander";
import type { Severity } from "../doctor/finding.js";
import type { Look } from "../doctor/host.js";
import { type Prefix, parsePrefix } from "../route/prefix.js";
import { coloured } from "./coloured.js";
import { note, warn } from "./complaint.js";
import { defaultConfigFile } from "./config.js";
import { examples } from "./example.js";
import { UsageError } from "./exit.js";
import { snakeCase } from "./snake-case.js";

export function doctorVerb(): Command {
  return new Command("doctor")
    .description("say what is wrong with this host for an anycast service, and what to type; changes nothing")
    .addOption(new Option("-c, --config <file>", `the config file; ${defaultConfigFile} where there is one`))
    .addOption(
      new Option(
        "--prefix <prefix...>",
        "without a config: the anycast prefixes, or addresses; guessed where none are given",
      ).conflicts("config"),
    )
    .option("--json", "print one JSON object")
    .addHelpText("after", examples("anyprobe doctor", "anyprobe doctor --prefix 203.0.113.53 --json | jq .findings"))
    .action(doctor);
}

interface Options {
  readonly config?: string;
  readonly prefix?: readonly string[];
  readonly json?: true;
}

/** As a monitoring plugin has it, so that provisioning can ask it. */
const exitCodeOf: Readonly<Record<Severity, number>> = { error: 2, warning: 1, note: 0 };

async function doctor(options: Options): Promise<void> {
  const look = await lookOf(options);
  const { lookAt } = await import("../doctor/host.js");
  const { examine } = await import("../doctor/doctor.js");
  const context = lookAt(look);
  if (!look.config && !look.prefixes && context.prefixes.length > 0)
    note(`no config: ${context.prefixes.join(", ")} on lo taken for anycast; --prefix says otherwise`);
  const findings = await examine(context);
  const worst = findings[0]?.severity ?? "note";
  if (options.json) {
    const report = { schemaVersion: 1, ok: worst === "note", findings };
    process.stdout.write(`${JSON.stringify(snakeCase(report))}\n`);
  } else {
    const { renderFindings, renderClean } = await import("./doctor-text.js");
    if (findings.length > 0) process.stdout.write(renderFindings(findings, coloured()));
    else if (process.stdout.isTTY) process.stdout.write(renderClean(coloured()));
  }
  process.exitCode = exitCodeOf[worst];
}

async function lookOf({ config: given, prefix }: Options): Promise<Look> {
  if (prefix) return { prefixes: prefix.map(readPrefix) };
  const file = given ?? defaultConfigFile;
  if (given === undefined && !existsSync(file)) return {};
  const { formatFault, readConfigFile } = await import("../run/config-file.js");
  const { config, warnings } = await readConfigFile(file);
  warn(warnings, (fault) => formatFault(fault, file));
  return { config };
}

function readPrefix(text: string): Prefix {
  const prefix = parsePrefix(text) ?? parsePrefix(`${text}/${text.includes(":") ? 128 : 32}`);
  if (prefix) return prefix;
  throw new UsageError(`--prefix: expected an address or a host prefix like 203.0.113.53/32, got "${text}"`);
}
