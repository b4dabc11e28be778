// anyprobe run: the endpoint daemon, from a config file or from options alone.
import { once } from "node:events";
import { Command } from "commander";
import { ConfigError } from "../errors.js";
import type { Config } from "../run/config.js";
import type { Flags } from "../run/config-flag.js";
import type { Daemon } from "../run/daemon.js";
import { warn } from "./complaint.js";
import { defaultConfigFile } from "./config.js";
import { examples } from "./example.js";
import { UsageError } from "./exit.js";
import { packageVersion } from "./version.js";

export function runVerb(): Command {
  const collect = (value: string, before: readonly string[] = []) => [...before, value];
  return new Command("run")
    .description("probe the services of this endpoint, and withdraw the route of a dead one")
    .option("-c, --config <file>", `the config file (default: ${defaultConfigFile})`)
    .option("-n, --dry-run", "probe and decide, but move no route")
    .optionsGroup("Without a config file, one service:")
    .option("--anycast <address>", "an anycast address; may be repeated", collect)
    .option("--query <name/type>", "the DNS question, as health.example.com/A; may be repeated", collect)
    .option("--expect-answer <text>", "an answer that must come, and no other; may be repeated", collect)
    .option("--port <number>", "the UDP port that is asked (default: 53)")
    .option("--interval <duration>", "how often it is asked (default: 1s)")
    .option("--fast-interval <duration>", "the same while it is rising or falling (default: 200ms)")
    .option("--timeout <duration>", "no answer within this is a failure (default: 1s)")
    .option("--rise <count>", "passes in a row that bring it up (default: 3)")
    .option("--fall <count>", "failures in a row that bring it down (default: 3)")
    .option("--stable-for <duration>", "how long it must have passed to be up again (default: 10s)")
    .option(
      "--driver <name>",
      "address, frr, bird, ifupdown or none; may be repeated, in order for withdrawing (default: address)",
      collect,
    )
    .option("--device <name>", "address driver: the device of the addresses (default: lo)")
    .option("--label <label>", "address driver: the label of IPv4 addresses, as lo:0")
    .option("--recovery <kind>", "address driver: anchor, alias or manual (default: anchor, IPv4 only)")
    .option("--alias <address>", "address driver, recovery alias: a unicast address; may be repeated", collect)
    .option("--lease <duration>", "address driver: the kernel's own timeout of the address (default: 0s, none)")
    .option("--guard <count>", "so many other routers must announce it before it is withdrawn, or none (default: 1)")
    .option("--damping <duration>", "the first wait before it is announced again, 10s unless given; or none")
    .option("--source <address>", "the address that probes are sent from (default: auto)")
    .option("--control <path>", "the control socket (default: /run/anyprobe/anyprobe.sock)")
    .option("--state <path>", "the state file (default: /var/lib/anyprobe/state.json)")
    .option("--min-gap <duration>", "the least time between two changes of one router (default: 1.1s)")
    .option("--announce-gap <duration>", "the least time between two announcements on one router (default: 10s)")
    .option(
      "--listen <place>",
      "where HTTP listens for /metrics and the status page, as 127.0.0.1:9353 (default: nowhere)",
    )
    .option("--token-file <file>", "the token that HTTP asks for; without, it listens for this host alone")
    .option("--textfile <file>", "write the metrics there for node_exporter, as …/anyprobe.prom")
    .option("--log-level <level>", "trace, debug, info, warn or error (default: info)")
    .option("--no-hints", "do not react to socket and address events")
    .addHelpText(
      "after",
      examples(
        "anyprobe run -c /etc/anyprobe/anyprobe.yaml",
        "anyprobe run -c anyprobe.yaml --dry-run",
        "anyprobe run --anycast 203.0.113.53 --query health.example.com/A --driver frr",
        "anyprobe run --anycast 203.0.113.53 --query health.example.com/A --expect-answer 198.51.100.80 --label lo:0",
      ),
    )
    .action(run);
}

type RunOptions = Partial<Flags> & { readonly config?: string; readonly dryRun?: boolean };

async function run({ config: file, dryRun = false, ...flags }: RunOptions, command: Command): Promise<void> {
  const typed = command.options
    .filter((option) => command.getOptionValueSource(option.attributeName()) === "cli")
    .filter((option) => !/^(config|dryRun)$/.test(option.attributeName()));
  const configFile = typed.length === 0 ? (file ?? defaultConfigFile) : undefined;
  const { configFromFlags, formatFault, readConfigFile } = await import("../run/config-file.js");
  const read = async (): Promise<Config> => {
    const names = typed.map(({ long }) => long ?? "");
    const reading = configFile
      ? await readConfigFile(configFile).catch((error) => reject(error, file))
      : configFromFlags(demand(file, names, flags));
    warn(reading.warnings, (fault) => formatFault(fault, configFile));
    return dryRun ? dry(reading.config) : reading.config;
  };
  const config = await read();
  const { Daemon } = await import("../run/daemon.js");
  const options = { version: packageVersion, ...(configFile !== undefined && { configFile }) };
  const daemon = await Daemon.start(config, options);
  await stopped(daemon, configFile ? read : undefined);
}

/** Who gave neither a file nor options may not know that there are two forms. */
function reject(error: unknown, file: string | undefined): never {
  if (file !== undefined || !(error instanceof ConfigError) || error.code !== "ERR_CONFIG_READ") throw error;
  const hint = "name a file with -c, or give --anycast and --query";
  throw new ConfigError(error.code, `${error.message} (${hint})`, [], { cause: error });
}

/** stopped waits for SIGTERM or SIGINT and then leaves as the config says; SIGHUP reads the config file anew. */
async function stopped(daemon: Daemon, read: (() => Promise<Config>) | undefined): Promise<void> {
  let reloading: Promise<void> = Promise.resolve();
  const reload = async () => {
    try {
      await daemon.reload(await read!());
    } catch (error) {
      daemon.rejectReload(error as Error);
    }
  };
  let stopping = false;
  process.on("SIGHUP", () => {
    // A config that is read while prefixes leave would announce them again.
    if (read && !stopping) reloading = reloading.then(reload);
  });
  await Promise.race([once(process, "SIGTERM"), once(process, "SIGINT")]);
  stopping = true;
  // Whoever is impatient has SIGKILL: a second signal must not lose the state.
  for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => {});
  await reloading;
  if (!(await daemon.stop())) process.exitCode = 69;
}

/** The file-free form needs an address and a question, and a file beside it would leave open which one holds. */
function demand(file: string | undefined, typed: readonly string[], flags: Partial<Flags>): Flags {
  if (file !== undefined) throw new UsageError(`expected --config or ${typed[0]}, got both (write it into the file)`);
  const { anycast, query } = flags;
  if (!anycast || !query) {
    const missing = [!anycast && "--anycast", !query && "--query"].filter(Boolean).join(" and ");
    throw new UsageError(`expected ${missing} beside ${typed[0]}, got none`);
  }
  return { ...flags, anycast, query };
}

/** Nothing is moved, so there is nothing to guard. */
function dry(config: Config): Config {
  const route = [{ driver: "none" }] as const;
  return { ...config, services: config.services.map((service) => ({ ...service, route, guard: undefined })) };
}
