// A generator that is held back: it must say that it was the limit, and never call what came of it the server's capacity. It is
// held back by a CPU quota where cgroups can be made, and by being stopped and continued in turns everywhere.
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { startManner } from "../../bench/answerer.js";
import { type BenchRun, bench, undisturbed } from "./bench-run.js";
import type { Experiment } from "./figures.js";

/** Of each 100 ms it runs so many. */
const runMs = 20;
const periodMs = 100;

/** Quota is a cgroup with a CPU quota. */
interface Quota {
  readonly procs: string;
  remove(): void;
}

export const heldBack: Experiment = {
  summary: "`bench` held back on purpose, by a CPU quota and by SIGSTOP: it says so, and finds no capacity",
  async run({ only, seconds = 2 }, say) {
    undisturbed();
    const told: Record<string, unknown> = {};
    const failures: string[] = [];
    const quota = makeQuota();
    if (typeof quota === "string") say(`no CPU quota here: ${quota}`);
    const ways: Record<string, ((argv: readonly string[]) => readonly string[]) | undefined> = {
      quota: typeof quota === "string" ? undefined : (argv) => shell(`echo $$ > ${quota.procs}; exec "$@"`, argv),
      // A shell of its own stops and continues the program, which has the shell's first number.
      stopped: (argv) =>
        shell(
          `(while kill -STOP $$ 2>/dev/null; do sleep ${(periodMs - runMs) / 1000}; kill -CONT $$; sleep ${runMs / 1000}; done) & exec "$@"`,
          argv,
        ),
    };
    try {
      for (const [name, wrap] of Object.entries(ways)) {
        if (wrap === undefined || (only !== undefined && only !== name)) continue;
        // The server holds far more than is ever offered.
        const server = await startManner();
        try {
          const options = ["--slo", "p99<50ms,loss<0.1%", "-l", String(seconds), "--within", "40s"];
          const run = await bench(server, options, wrap);
          told[name] = summary(run);
          say(`${name}: ${JSON.stringify(told[name])}`);
          const { capacity_qps: capacity, limited_by_generator: limited } = run.result;
          if (capacity !== null) failures.push(`${name}: expected no capacity, got ${capacity}/s`);
          if (limited === null) failures.push(`${name}: expected the generator to be named as the limit, got null`);
        } finally {
          await server.stop();
        }
      }
    } finally {
      if (typeof quota !== "string") quota.remove();
    }
    return { figures: { ...told, quota_available: typeof quota !== "string" }, failures };
  },
};

function summary({ start, result, trials }: BenchRun) {
  return {
    capacity_qps: result.capacity_qps,
    lower_qps: result.lower_qps,
    upper_qps: result.upper_qps,
    limited_by_generator: result.limited_by_generator,
    ceiling_qps: start.ceiling?.qps ?? null,
    trials: trials.length,
    limited_trials: trials.filter((trial) => trial.limited_by_generator !== null).length,
  };
}

function shell(script: string, argv: readonly string[]): string[] {
  return ["sh", "-c", script, "sh", ...argv];
}

/** makeQuota makes a cgroup of either version; or tells why there is none. */
function makeQuota(): Quota | string {
  const name = `anyprobe-lab-${process.pid}`;
  const [v2, v1] = ["/sys/fs/cgroup", "/sys/fs/cgroup/cpu"];
  const version = existsSync(`${v2}/cgroup.controllers`) ? 2 : 1;
  const directory = `${version === 2 ? v2 : v1}/${name}`;
  const us = { quota: 1000 * runMs, period: 1000 * periodMs };
  try {
    mkdirSync(directory);
  } catch (error) {
    return String(error);
  }
  try {
    if (version === 2) {
      writeFileSync(`${directory}/cpu.max`, `${us.quota} ${us.period}`);
    } else {
      writeFileSync(`${directory}/cpu.cfs_period_us`, String(us.period));
      writeFileSync(`${directory}/cpu.cfs_quota_us`, String(us.quota));
    }
  } catch (error) {
    rmdirSync(directory);
    return String(error);
  }
  return { procs: `${directory}/cgroup.procs`, remove: () => rmdirSync(directory) };
}
