// The tests that talk to real routers, once more with the routers of a later Debian: what this host's own prove of the drivers
// and of the guard's readers is then proved of those too.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Experiment } from "./figures.js";

const script = fileURLToPath(new URL("later-routers.sh", import.meta.url));

/** By the BIRD that stands beside FRR. */
const both = ["test/lab/link-state.test.ts", "test/route/bird.test.ts", "test/doctor/router-bird.test.ts"];
const frr = ["frr", "frr-redistribute", "frr-fault", "frr6", "frr6-link-state"].map(
  (name) => `test/route/${name}.test.ts`,
);
const files: Readonly<Record<"bird2" | "bird3", readonly string[]>> = {
  bird2: [...frr, "test/lab/deprefer.test.ts", ...both],
  bird3: both,
};

/** What vitest's JSON reporter writes. */
interface Results {
  readonly numPassedTests: number;
  readonly numTotalTests: number;
  readonly testResults: readonly {
    readonly message: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

export const laterRouters: Experiment = {
  summary: "the tests with real routers, on those of Debian 13 (`sh test/lab/later-routers.sh build` fetches them)",
  async run({ only }, say) {
    const figures: Record<string, unknown> = {};
    const failures: string[] = [];
    const environment: Record<string, unknown> = { frr: await version("bird2", "/usr/lib/frr/ospfd") };
    for (const bird of ["bird2", "bird3"] as const) {
      environment[bird] = await version(bird, "bird");
      for (const file of files[bird].filter((file) => only === undefined || file.includes(only))) {
        const { numPassedTests: passed, numTotalTests: total, testResults } = await runTests(bird, file);
        const name = `${file} (${bird})`;
        figures[name] = { passed, total };
        say(`${name}: ${passed} of ${total} tests passed`);
        // A skipped test has proved nothing of these routers.
        if (passed < total || total === 0)
          failures.push(`${name}: expected every test to pass, got ${passed} of ${total}`);
        for (const { message, assertionResults } of testResults) {
          if (message !== "") failures.push(`${name}: ${message}`);
          for (const { status, fullName, failureMessages } of assertionResults)
            if (status !== "passed") failures.push(`${name}: ${fullName}: ${failureMessages.join("\n") || status}`);
        }
      }
    }
    return { figures, failures, environment };
  },
};

/** version reads what a program of the root says of itself; rejects with the script's own sentence where there is no root. */
async function version(bird: string, program: string): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)("sh", [script, "run", bird, program, "--version"]);
  return /version (\S+)/i.exec(stdout + stderr)![1]!;
}

async function runTests(bird: string, file: string): Promise<Results> {
  const directory = mkdtempSync(join(tmpdir(), "anyprobe-later-"));
  try {
    const output = join(directory, "results.json");
    const vitest = ["npx", "vitest", "run", "--reporter=json", `--outputFile=${output}`, file];
    const env = { ...process.env, ANYPROBE_LAB: "required" };
    await once(spawn("sh", [script, "run", bird, ...vitest], { env, stdio: ["ignore", "ignore", "inherit"] }), "close");
    return JSON.parse(readFileSync(output, "utf8")) as Results;
  } finally {
    rmSync(directory, { recursive: true });
  }
}
