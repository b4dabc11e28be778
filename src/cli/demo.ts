// anyprobe demo: the whole story on this host in network namespaces, with nothing of the host changed.
import { Command, Option } from "commander";
import { examples } from "./example.js";
import { MissingError, UsageError } from "./exit.js";
import { snakeCase } from "./snake-case.js";

export function demoVerb(): Command {
  return new Command("demo")
    .description("show a death, a withdrawal and a return in network namespaces of this host")
    .option("--ospf", "with real routers and a neighbour's table: needs root and FRR")
    .addOption(new Option("--driver <name>", "with --ospf: frr or address (default: frr)").choices(["frr", "address"]))
    .option("--json", "print one JSON object at the end")
    .addHelpText(
      "after",
      examples("anyprobe demo", "anyprobe demo --json | jq .timeline", "sudo anyprobe demo --ospf --driver address"),
    )
    .action(demo);
}

interface Options {
  readonly json?: true;
  readonly ospf?: true;
  readonly driver?: "frr" | "address";
}

async function demo({ json, ospf, driver }: Options): Promise<void> {
  if (driver && !ospf) throw new UsageError("expected --ospf beside --driver, got none");
  if (ospf) {
    const { networkMissing } = await import("../demo/network.js");
    const missing = networkMissing();
    if (missing !== undefined) throw new MissingError(missing);
  }
  const { runDemo } = await import("../demo/demo.js");
  const { DemoScreen } = await import("./demo-screen.js");
  const screen = json ? undefined : new DemoScreen(process.stdout);
  const silent = { onStep: () => {}, onWait: () => {} };
  try {
    const report = await runDemo({ ospf: ospf === true, driver: driver ?? "frr", ...(screen ?? silent) });
    if (screen) screen.end(report);
    else process.stdout.write(`${JSON.stringify(snakeCase(report))}\n`);
    process.exitCode = report.ok ? 0 : 1;
  } finally {
    screen?.close();
  }
}
