// Runs of the built `anyprobe bench`, and of the tools whose figures stand beside its own, against a server on this host: each
// keeps to the generator's core.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { setPriority, tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { Answerer } from "../../bench/answerer.js";
import { generatorCpu, placed } from "../../bench/place.js";
import { needs } from "../../bench/programs.js";
import { queryName } from "../../bench/question.js";
import { quiet } from "../../bench/quiet.js";
import { beforeExit } from "../../src/demo/before-exit.js";
import type { LoadRecord, ResultRecord, StartRecord, TrialRecord } from "../../src/load/record.js";
import { program } from "./lab.js";

type Target = Pick<Answerer, "address" | "port">;

/** undisturbed puts this process, and with it all that it starts, before whatever else runs on the host; root only. */
export function undisturbed(): void {
  try {
    setPriority(-15);
  } catch {
    // Then a trial may be disturbed, and say so.
  }
}

const queueSetting = "/proc/sys/net/core/rmem_default";
const queueOctets = 16 << 20;

/**
 * deepQueues gives servers that start from now on receive queues for some 100 ms, as the manuals of busy ones advise: of the
 * kernel's own 3 ms every pause of a virtual machine makes a loss, whatever the rate. It returns what undoes it; root only.
 */
export function deepQueues(): () => void {
  const before = readFileSync(queueSetting, "utf8");
  const restore = () => writeFileSync(queueSetting, before);
  writeFileSync(queueSetting, String(queueOctets));
  const forget = beforeExit(restore);
  return () => {
    forget();
    restore();
  };
}

let cache: string | undefined;

/** cacheHome is this process's own: what a generator that is held back finds of itself must not stay on the host. */
function cacheHome(): string {
  if (cache === undefined) {
    const made = mkdtempSync(join(tmpdir(), "anyprobe-lab-cache-"));
    beforeExit(() => rmSync(made, { recursive: true, force: true }));
    cache = made;
  }
  return cache;
}

/** BenchRun is what a run printed. */
export interface BenchRun {
  readonly start: StartRecord;
  readonly trials: readonly TrialRecord[];
  readonly result: ResultRecord;
}

/**
 * bench runs `anyprobe bench` once the host is quiet. `wrap` makes its command line another one, to hold it back. Throws where
 * it printed no result; an objective that was missed is a result.
 */
export async function bench(
  { address, port }: Target,
  options: readonly string[],
  wrap = (argv: readonly string[]) => argv,
): Promise<BenchRun> {
  await quiet();
  const argv = [process.execPath, program, "bench", address, "-p", String(port), "--query", `${queryName}/A`, "--json"];
  const { stdout, stderr } = await finish(wrap(placed([...argv, ...options], { cpu: generatorCpu })));
  const records = stdout
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as LoadRecord);
  const of = <T extends LoadRecord["type"]>(type: T) =>
    records.filter((record): record is Extract<LoadRecord, { type: T }> => record.type === type);
  const [[start], trials, [result]] = [of("start"), of("trial"), of("result")];
  if (!start || !result) throw new Error(`anyprobe bench printed no result: ${stderr.slice(-2000)}`);
  return { start, trials, result };
}

/** dnsperfClosed gives what dnsperf reports of itself: the rate at which answers came, with a hundred queries in flight. */
export async function dnsperfClosed(target: Target, seconds: number): Promise<number> {
  const { stdout } = await dnsperf(target, ["-l", String(seconds)]);
  return numberIn(stdout, /Queries per second: +([\d.]+)/);
}

/** dnsperfLatencies gives each latency that dnsperf saw at a rate, in ns, and its own words for them, in s. */
export async function dnsperfLatencies(target: Target, rateQps: number, seconds: number) {
  const { stdout } = await dnsperf(target, ["-l", String(seconds), "-Q", String(rateQps), "-v"]);
  const all = [...stdout.matchAll(/^> \S+ \S+ \S+ ([\d.]+)$/gm)].map((match) => Number(match[1]) * 1e9);
  return {
    sortedNs: Float64Array.from(all).sort(),
    averageSeconds: numberIn(stdout, /Average Latency \(s\): +([\d.]+)/),
    maxSeconds: numberIn(stdout, /max ([\d.]+)\)/),
    sent: numberIn(stdout, /Queries sent: +(\d+)/),
  };
}

async function dnsperf({ address, port }: Target, options: readonly string[]) {
  needs("dnsperf");
  await quiet();
  return withQueries(1, (file) => {
    const argv = ["dnsperf", "-s", address, "-p", String(port), "-d", file, ...options];
    return finish(placed(argv, { cpu: generatorCpu }));
  });
}

/** resperfMaximum gives resperf's maximum throughput, and what it lost there, %; its load rises to `mostQps`. */
export async function resperfMaximum({ address, port }: Target, mostQps: number, seconds: number) {
  needs("resperf");
  await quiet();
  // It asks each line once, and the load rises evenly.
  return withQueries(Math.ceil(0.6 * mostQps * seconds), async (file) => {
    const options = ["-m", String(Math.round(mostQps)), "-r", String(seconds), "-P", `${file}.plot`];
    const argv = ["resperf", "-s", address, "-p", String(port), "-d", file, ...options];
    const { stdout } = await finish(placed(argv, { cpu: generatorCpu }));
    return {
      qps: numberIn(stdout, /Maximum throughput: +([\d.]+)/),
      lostPercent: numberIn(stdout, /Lost at that point: +([\d.]+)/),
    };
  });
}

async function withQueries<T>(count: number, use: (file: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), "anyprobe-lab-"));
  try {
    const file = join(directory, "queries");
    writeFileSync(file, `${queryName} A\n`.repeat(count));
    return await use(file);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** finish runs a program to its end, whatever its exit code. */
async function finish(argv: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  const env = { ...process.env, XDG_CACHE_HOME: cacheHome() };
  const child = spawn(argv[0]!, argv.slice(1), { stdio: ["ignore", "pipe", "pipe"], env });
  const closed = once(child, "close");
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  await closed;
  return { stdout, stderr };
}

function numberIn(said: string, pattern: RegExp): number {
  const found = pattern.exec(said);
  if (!found) throw new Error(`expected ${pattern} in: ${said.slice(-2000)}`);
  return Number(found[1]);
}
