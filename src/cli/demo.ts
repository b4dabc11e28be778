// anyprobe demo: the whole story on this host in network namespaces, with nothing of the host changed.
import { Command } from "commander";
import { examples } from "./example.js";

export function demoVerb(): Command {
  return new Command("demo")
    .description("show a death, a withdrawal and a return in network namespaces of this host")
    .option("--ospf", "with real routers: needs root and FRR", false)
    .option("--json", "print one JSON object at the end", false)
    .addHelpText("after", examples("anyprobe demo", "sudo anyprobe demo --ospf --json"))
    .action(demo);
}

async function demo(options: { readonly json: boolean; readonly ospf: boolean }): Promise<void> {
  const { runDemo } = await import("../demo/demo.js");
  process.exitCode = await runDemo(options);
}
