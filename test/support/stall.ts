// A scenario that runs in a child process which is stopped and continued (SIGSTOP, SIGCONT): a machine that stands still.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

export interface Stallable {
  /** stall stops the process for so long. */
  stall(forMs: number): void;
  /** What the scenario returned. */
  // biome-ignore lint/suspicious/noExplicitAny: each scenario returns its own JSON.
  readonly result: Promise<any>;
}

/** stallable runs a scenario of a fixture (see namespace.ts) with one argument. */
export function stallable(url: URL, name: string, argument: string): Stallable {
  const args = ["--import", import.meta.resolve("tsx"), fileURLToPath(url), name, argument];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (data) => {
    output += data;
  });
  return {
    stall(forMs) {
      child.kill("SIGSTOP");
      setTimeout(() => child.kill("SIGCONT"), forMs);
    },
    result: once(child, "close").then(() => JSON.parse(output)),
  };
}
