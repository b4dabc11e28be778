// Running a load test from the command line: what must be known before its first query, what is shown meanwhile, and the reports.
import { existsSync } from "node:fs";
import { BlockList } from "node:net";
import { AnyprobeError } from "../errors.js";
import { type BenchOptions, bench } from "../load/bench.js";
import { environmentOf } from "../load/environment.js";
import { Guard } from "../load/guard.js";
import { parseObjective } from "../load/objective.js";
import type { LoadRecord, ResultRecord, StartRecord } from "../load/record.js";
import { refusalOf } from "../load/refusal.js";
import { watchServer } from "../load/server-process.js";
import { answersAt } from "../load/sign-of-life.js";
import { familyOf, formatTarget, type Target } from "../probe/target.js";
import { type BenchFlags, workOf } from "./bench.js";
import { ceilingOf } from "./bench-ceiling.js";
import { Progress } from "./bench-progress.js";
import { guardQuestionOf, openSource } from "./bench-query.js";
import { expectWritable, writeReports } from "./bench-report.js";
import { UsageError } from "./exit.js";

/** runBench runs a load test to its end; its exit code is 1 where the objective was missed, or nothing was found out. */
export async function runBench(address: string, flags: BenchFlags): Promise<void> {
  const work = workOf(flags);
  const target = { address, port: flags.port };
  await refuseAnnounced(address, flags);
  expectWritable(flags);
  const progress = new Progress(process.stderr, flags.stats);
  const { source, sample } = await openSource(flags, (text) => progress.say(`warning: ${text}`));
  const interruption = new Interruption();
  let guard: Guard | undefined;
  try {
    const sending = {
      target,
      timeoutMs: flags.timeout * 1e3,
      ports: flags.ports,
      train: flags.train,
      arrivals: flags.arrivals,
      sources: flags.source,
    };
    if (!(await answersAt(target, sample, sending.timeoutMs, interruption.signal)) && !interruption.signal.aborted)
      throw new AnyprobeError("ERR_LOAD_UNANSWERED", unanswered(target));
    const objective = flags.slo === "none" ? [] : parseObjective(flags.slo);
    const { signal } = interruption;
    const ceiling = await ceilingOf(target, flags, sample, signal, (text) => progress.say(text)).catch((error) => {
      // Then the report is empty, and says why.
      if (signal.aborted) return null;
      throw error;
    });
    if (flags.guard !== undefined)
      guard = new Guard(target, (await guardQuestionOf(flags)) ?? sample, sending.timeoutMs);
    const records: LoadRecord[] = [];
    const start: BenchOptions["start"] = {
      target,
      queries: source.summary,
      objective: objective.map(({ text }) => text),
      settings: settingsOf(flags),
      environment: environmentOf(address),
      ceiling,
    };
    const result = await bench({
      work,
      setting: {
        sending,
        objective,
        shards: flags.shards,
        cpus: flags.cpus,
        server: watchServer(target),
        ceilingQps: ceiling?.qps,
      },
      source,
      sample,
      guard,
      signal,
      start,
      onRecord: (record) => {
        progress.show(record);
        if (flags.json) process.stdout.write(`${JSON.stringify(record)}\n`);
        if (record.type !== "progress") records.push(record);
      },
    });
    await writeReports(records, flags);
    process.exitCode = exitOf(result);
  } finally {
    progress.end();
    guard?.close();
    interruption.end();
    await source.close();
  }
}

function unanswered(target: Target): string {
  return `expected an answer from ${formatTarget(target)}, got none to 10 queries: is the server running there, and may this host ask it?`;
}

/** A result that nobody may rely on is no success either. */
function exitOf({ mode, status, objective_held, capacity_qps, limited_by_generator }: ResultRecord): number {
  if (objective_held === false || limited_by_generator !== null || status === "stopped") return 1;
  return mode === "search" && capacity_qps === null ? 1 : 0;
}

/** Interruption is SIGINT or SIGTERM: the first ends the run with the report so far, the second ends the process. */
class Interruption {
  readonly #controller = new AbortController();
  readonly signal = this.#controller.signal;
  readonly #end = (name: string) => {
    this.#controller.abort(name);
    this.end();
  };

  constructor() {
    process.on("SIGINT", this.#end).on("SIGTERM", this.#end);
  }

  end(): void {
    process.off("SIGINT", this.#end).off("SIGTERM", this.#end);
  }
}

/** refuseAnnounced sees that no load hits clients by accident: not an address that this host announces, or seems to. */
async function refuseAnnounced(address: string, { force, control }: BenchFlags): Promise<void> {
  if (force) return;
  const announced = existsSync(control) ? await announcedBy(control, address) : undefined;
  if (announced) {
    const what = `${announced} is announced by the anyprobe daemon of this host, and the load would hit its clients`;
    throw new UsageError(`${what}: drain it first, ask another address of the server, or say --force`);
  }
  const refusal = refusalOf(address, { force: false });
  if (refusal) throw new UsageError(refusal);
}

/** The prefix of the daemon that the address is in, unless it is known to be withdrawn. */
async function announcedBy(control: string, address: string): Promise<string | undefined> {
  const { fetchStatus } = await import("../run/control.js");
  try {
    const { services } = await fetchStatus(control);
    const prefixes = services.flatMap(({ prefixes }) => prefixes);
    return prefixes.find(({ prefix, observed }) => observed !== "withdrawn" && prefixContains(prefix, address))?.prefix;
  } catch (error) {
    // A socket that nobody listens at is left over; a daemon that may not be asked may announce anything.
    if (error instanceof AnyprobeError && /ECONNREFUSED/.test(error.message)) return undefined;
    throw error;
  }
}

function prefixContains(prefix: string, address: string): boolean {
  const [network, length] = prefix.split("/");
  const list = new BlockList();
  list.addSubnet(network!, Number(length), `ipv${familyOf(network!)}`);
  return list.check(address, `ipv${familyOf(address)}`);
}

function settingsOf(flags: BenchFlags): StartRecord["settings"] {
  const plain = Object.entries(flags).filter(
    ([name]) => !/^(server|port|json|output|html|csv|hgrm|control|stats)$/.test(name),
  );
  return Object.fromEntries(
    plain.map(([name, value]) => [
      name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      Array.isArray(value) ? value.join(",") : (value as string | number | boolean),
    ]),
  );
}
