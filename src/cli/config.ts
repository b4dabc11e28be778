// anyprobe config: check a config file, print it with every default, or print its JSON schema for editors.
import { Command, Option } from "commander";
import { warn } from "./complaint.js";
import { examples } from "./example.js";

/** defaultConfigFile is read where no file is named. */
export const defaultConfigFile = "/etc/anyprobe/anyprobe.yaml";

const fileOption = () =>
  new Option("-c, --config <file>", "the config file").default(defaultConfigFile, defaultConfigFile);

export function configVerb(): Command {
  const config = new Command("config").description(
    "check a config file, print it with every default, or print its schema",
  );
  config
    .command("check")
    .description("read a config file and name everything that is wrong in it")
    .addOption(fileOption())
    .option("--json", "print one JSON object")
    .addHelpText("after", examples("anyprobe config check", "anyprobe config check -c anyprobe.yaml --json"))
    .action(check);
  config
    .command("print")
    .description("print the config with every default filled in")
    .addOption(fileOption())
    .option("--json", "print it as JSON")
    .addHelpText("after", examples("anyprobe config print -c anyprobe.yaml"))
    .action(print);
  config
    .command("schema")
    .description("print the JSON schema of the config file, for editors")
    .addHelpText("after", examples("anyprobe config schema > anyprobe.schema.json"))
    .action(schema);
  return config.addHelpText("after", examples("anyprobe config check -c anyprobe.yaml", "anyprobe config print"));
}

interface FileOptions {
  readonly config: string;
  readonly json?: true;
}

async function check({ config: file, json }: FileOptions): Promise<void> {
  const { formatFault, readConfigFile } = await import("../run/config-file.js");
  const { config, warnings } = await readConfigFile(file);
  if (json) {
    process.stdout.write(`${JSON.stringify({ ok: true, file, warnings })}\n`);
    return;
  }
  warn(warnings, (fault) => formatFault(fault, file));
  const { services } = config;
  const parts = [
    count(services.length, "service", "services"),
    count(
      services.reduce((sum, { prefixes }) => sum + prefixes.length, 0),
      "prefix",
      "prefixes",
    ),
    count(
      services.reduce((sum, { checks }) => sum + checks.length, 0),
      "check",
      "checks",
    ),
  ];
  process.stdout.write(`${file}: ok (${parts.join(", ")})\n`);
}

async function print({ config: file, json }: FileOptions): Promise<void> {
  const { formatFault, printConfig, readConfigFile } = await import("../run/config-file.js");
  const { config, warnings } = await readConfigFile(file);
  warn(warnings, (fault) => formatFault(fault, file));
  const yaml = printConfig(config);
  if (!json) process.stdout.write(yaml);
  else process.stdout.write(`${JSON.stringify((await import("yaml")).parse(yaml))}\n`);
}

async function schema(): Promise<void> {
  const { configSchema } = await import("../run/config-file.js");
  process.stdout.write(`${JSON.stringify(configSchema(), null, 2)}\n`);
}

function count(n: number, one: string, many: string): string {
  return `${n} ${n === 1 ? one : many}`;
}
