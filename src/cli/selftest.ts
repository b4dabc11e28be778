// anyprobe selftest: proves on this host that a failure would be seen and that our own rate causes none. It touches no route.
import { clearLine, cursorTo } from "node:readline";
import { Command, Option } from "commander";
import { beforeExit } from "../demo/before-exit.js";
import type { Proof, Selftest } from "../run/selftest.js";
import { coloured } from "./coloured.js";
import { warn } from "./complaint.js";
import { defaultConfigFile } from "./config.js";
import { examples } from "./example.js";
import { snakeCase } from "./snake-case.js";

export function selftestVerb(): Command {
  return new Command("selftest")
    .description("prove on this host that a failure would be seen, and that our own rate causes none; touches no route")
    .addOption(new Option("-c, --config <file>", "the config file").default(defaultConfigFile, defaultConfigFile))
    .option("--json", "print one JSON object")
    .addHelpText("after", examples("anyprobe selftest", "anyprobe selftest -c anyprobe.yaml --json | jq .proofs"))
    .action(selftest);
}

async function selftest({ config: file, json }: { readonly config: string; readonly json?: true }): Promise<void> {
  const { formatFault, readConfigFile } = await import("../run/config-file.js");
  const { config, warnings } = await readConfigFile(file);
  warn(warnings, (fault) => formatFault(fault, file));
  const { Selftest: Test } = await import("../run/selftest.js");
  const { renderProof, renderSum } = await import("./selftest-text.js");
  const proofs: Proof[] = [];
  let test: Selftest | undefined;
  // Before it is made: a signal must not come between its mark rule and whoever takes that away.
  const spared = beforeExit(() => test?.close());
  let endProgress = () => {};
  try {
    test = new Test(config);
    const onRate = (seconds: number) => {
      if (!json && process.stderr.isTTY) endProgress = showProgress(process.stderr, seconds);
    };
    for await (const proof of test.proofs(onRate)) {
      endProgress();
      proofs.push(proof);
      if (!json) process.stdout.write(renderProof(proof, coloured()));
    }
  } finally {
    endProgress();
    test?.close();
    spared();
  }
  const ok = proofs.every(({ state }) => state !== "failed");
  process.stdout.write(json ? `${JSON.stringify(snakeCase({ schemaVersion: 1, ok, proofs }))}\n` : renderSum(proofs));
  if (!ok) process.exitCode = 1;
}

/** Counts the seconds down in one line; the function that it gives takes that away. */
function showProgress(out: NodeJS.WriteStream, seconds: number): () => void {
  let left = seconds;
  const rewrite = (text: string) => {
    cursorTo(out, 0);
    clearLine(out, 0);
    out.write(text);
  };
  const show = () =>
    rewrite(`asking as fast as the checks ever do: ${left > 0 ? `${left--}s left` : "waiting for answers"}`);
  show();
  const timer = setInterval(show, 1000);
  let shown = true;
  return () => {
    clearInterval(timer);
    if (shown) rewrite("");
    shown = false;
  };
}
