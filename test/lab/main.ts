// npm run lab -- NAME [--json]: measures one thing in the lab and says whether it holds.
import { Command } from "commander";
import type { Report } from "../../bench/experiment.js";
import { labMissing } from "../support/lab.js";
import { capacity } from "./capacity.js";
import { drain } from "./drain.js";
import { drivers } from "./drivers.js";
import { failover } from "./failover.js";
import { faults } from "./faults.js";
import { type Experiment, environment } from "./figures.js";
import { flap } from "./flap.js";
import { flood } from "./flood.js";
import { heldBack } from "./held-back.js";
import { knownCapacity } from "./known-capacity.js";
import { lastEndpoint } from "./last-endpoint.js";
import { laterRouters } from "./later-routers.js";
import { load } from "./load.js";
import { objective } from "./objective.js";
import { omission } from "./omission.js";
import { page } from "./page.js";
import { restart } from "./restart.js";
import { soak } from "./soak.js";
import { stress } from "./stress.js";
import { watch } from "./watch.js";

const experiments: Readonly<Record<string, Experiment>> = {
  ...{ failover, load, soak },
  ...{ capacity, "known-capacity": knownCapacity, omission, "held-back": heldBack },
  ...{ drivers, drain, "last-endpoint": lastEndpoint, objective, flap, restart, stress },
  ...{ faults, "later-routers": laterRouters, watch, page, flood },
};

const program: Command = new Command("npm run lab --")
  .description(
    "measure anyprobe with real routers and name servers in network namespaces (needs root, FRR and unbound)",
  )
  .argument(
    "<name>",
    Object.entries(experiments)
      .map(([name, { summary }]) => `${name}: ${summary}`)
      .join("\n"),
  )
  .option("--runs <count>", "how often", Number)
  .option("--driver <name>", "only cases of this driver: address or frr")
  .option("--only <case>", "only this case")
  .option("--seconds <count>", "how long", Number)
  .option("--json", "print one JSON object as the last line")
  .parse();

const [name = ""] = program.args;
const options = program.opts();
const experiment = experiments[name];
const missing = labMissing();
if (!experiment)
  program.error(`expected one of ${Object.keys(experiments).join(", ")}, got "${name}"`, { exitCode: 64 });
if (missing) program.error(`the lab cannot run here: ${missing}`, { exitCode: 77 });

const {
  figures,
  failures,
  environment: where,
} = await experiment.run(
  { runs: options["runs"], driver: options["driver"], only: options["only"], seconds: options["seconds"] },
  (text) => process.stderr.write(`${text}\n`),
);
const report: Report = { name, ok: failures.length === 0, figures, environment: { ...environment(), ...where } };
for (const failure of failures) process.stderr.write(`${failure}\n`);
process.stdout.write(`${JSON.stringify(report, undefined, options["json"] ? undefined : 2)}\n`);
process.exitCode = report.ok ? 0 : 1;
