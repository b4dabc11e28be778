// The contestants: the engine, the limit, and the tools that people use today. Each asks the same question at the same
// answerer in a process of its own, and tells how many answers it got in what time, for how much CPU.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Answerer } from "./answerer.js";
import { limitProgram } from "./build.js";
import { type Finished, finish, type Place } from "./place.js";
import { needs } from "./programs.js";
import { queryHex, queryName } from "./question.js";
import { quiet } from "./quiet.js";

/** Task is what a contestant is to do. */
export interface Task {
  readonly seconds: number;
  /** Its only core; without, all of them. The engine's shard is kept there, and JavaScript on `jsCpu`. */
  readonly cpu?: number | undefined;
  readonly jsCpu?: number;
  /** Closed loop: so many in flight; without, as many as the contestant's own default. */
  readonly inflight?: number | undefined;
  /** Open loop, for those that can. */
  readonly rateQps?: number;
  /** Queries per train at most; the engine and the limit only. */
  readonly train?: number;
  readonly trainUs?: number;
  /** Consecutive addresses from the answerer's on; default 1. */
  readonly targets?: number;
  readonly transport?: "socket" | "raw";
  /** The engine's threads; default 1. */
  readonly shards?: number;
  /** Rows that can wait for JavaScript; the engine's default. */
  readonly ringRows?: number;
}

/** Trial is what a contestant did. */
export interface Trial {
  readonly answered: number;
  readonly sent: number;
  /** From its first query to its last, as far as it tells. */
  readonly seconds: number;
  /** User and system time of the whole process. */
  readonly cpuSeconds: number;
  /** Whatever else it tells. */
  readonly figures?: Readonly<Record<string, number>>;
}

/** Contestant does a task at an answerer. */
export type Contestant = (answerer: Answerer, task: Task) => Promise<Trial>;

/** contestants has each by name. */
export const contestants = {
  anyprobe: async (answerer, task) => {
    const argument = JSON.stringify({ address: answerer.address, port: answerer.port, task });
    const js = { namespace: answerer.namespace, cpu: task.jsCpu };
    return runNode("trial.ts", [argument], js);
  },
  limit: async ({ address, port, namespace }, task) => {
    const options = { address, port, query: queryHex, seconds: task.seconds, train: task.train ?? 1 };
    const more = { inflight: task.inflight, targets: task.targets, rate: task.rateQps, cpu: task.cpu };
    const argv = Object.entries({ ...options, ...more }).flatMap(([name, value]) =>
      value === undefined ? [] : [`--${name}`, String(value)],
    );
    return JSON.parse((await finish([limitProgram(), ...argv], { namespace })).stdout);
  },
  dnsperf: async ({ address, port, namespace }, { seconds, cpu, inflight, rateQps }) => {
    needs("dnsperf");
    const options = [
      ...["-s", address, "-p", String(port), "-l", String(seconds)],
      ...(inflight === undefined ? [] : ["-q", String(inflight)]),
      ...(rateQps === undefined ? [] : ["-Q", String(rateQps)]),
    ];
    // With a query lost it waits for its timeout, on full CPU: such a trial tells nothing.
    for (let tries = 0; tries < 10; tries++) {
      const told = await withFile(`${queryName} A\n`, (file) =>
        finish(["dnsperf", ...options, "-d", file], { namespace, cpu }),
      );
      if (number(told, /Queries lost: +(\d+)/) === 0) {
        const answered = number(told, /Queries completed: +(\d+)/);
        const sent = number(told, /Queries sent: +(\d+)/);
        return { answered, sent, seconds: number(told, /Run time \(s\): +([\d.]+)/), cpuSeconds: told.cpuSeconds };
      }
    }
    throw new Error("dnsperf lost queries in each of 10 trials");
  },
  kxdpgun: async ({ address, port, namespace, veth }, { seconds }) => {
    needs("kxdpgun");
    if (!veth) throw new Error("kxdpgun needs a veth");
    const options = [
      ...["-t", String(seconds), "-Q", "2000000", "-p", String(port)],
      ...["-I", veth.device, "-l", veth.source, "-R", veth.gatewayMac],
    ];
    await veth.free();
    try {
      const told = await withFile(`${queryName} A\n`, (file) =>
        finish(["kxdpgun", ...options, "-i", file, address], { namespace }),
      );
      const answered = number(told, /total replies: +(\d+)/);
      const sent = number(told, /total queries: +(\d+)/);
      return { answered, sent, seconds: number(told, /duration: ([\d.]+) s/), cpuSeconds: told.cpuSeconds };
    } finally {
      await veth.free();
      await veth.passUp();
    }
  },
  zmap: async ({ address, port, namespace, veth }, { seconds, cpu, targets = 1 }) => {
    needs("zmap");
    if (!veth) throw new Error("zmap needs a veth");
    const directory = mkdtempSync(join(tmpdir(), "anyprobe-zmap-"));
    const metadata = join(directory, "metadata.json");
    try {
      // It stops sending by the clock, long before it has asked each target so often; its own blacklist has our addresses.
      const told = await finish(
        [
          ...["zmap", "--probe-module=udp", `--probe-args=hex:${queryHex}`, "--target-port", String(port), "--quiet"],
          ...["--interface", veth.device, "--source-ip", veth.source, "--gateway-mac", veth.gatewayMac],
          ...["--config=/dev/null", "--blacklist-file=/dev/null", "--rate=0", "--probes=255", "--cooldown-time=1"],
          ...["--output-file=/dev/null", "--metadata-file", metadata, "--max-runtime", String(Math.ceil(seconds))],
          ...(cpu === undefined ? [] : [`--cores=${cpu}`]),
          `${address}/${32 - Math.log2(targets)}`,
        ],
        { namespace, cpu },
      );
      const { success_total: answered } = JSON.parse(readFileSync(metadata, "utf8"));
      return { answered, sent: Number.NaN, seconds: Math.ceil(seconds), cpuSeconds: told.cpuSeconds };
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
  dgram: async ({ address, port, namespace }, { seconds, cpu, inflight = 256 }) => {
    const argv = [address, String(port), String(seconds), String(inflight), queryHex];
    return runNode("dgram.ts", argv, { namespace, cpu });
  },
  dig: async ({ address, port, namespace }, { cpu }) => {
    needs("dig");
    const count = 100;
    const script = `for i in $(seq ${count}); do dig @${address} -p ${port} +noedns +short +tries=1 ${queryName} A || exit 1; done`;
    const { seconds, cpuSeconds } = await finish(["sh", "-c", script], { namespace, cpu });
    return { answered: count, sent: count, seconds, cpuSeconds };
  },
} satisfies Record<string, Contestant>;

/** ContestantName is one of them. */
export type ContestantName = keyof typeof contestants;

/** attempt has a contestant do a task once the machine is quiet. Throws where nothing was answered: that is no measurement. */
export async function attempt(name: ContestantName, answerer: Answerer, task: Task): Promise<Trial> {
  await quiet();
  const trial = await contestants[name](answerer, task);
  if (trial.answered > 0) return trial;
  throw new Error(`${name} got no answer in ${trial.seconds} s: ${JSON.stringify(trial)}`);
}

async function runNode(file: string, argv: readonly string[], place: Place): Promise<Trial> {
  const script = fileURLToPath(new URL(file, import.meta.url));
  const { stdout } = await finish([process.execPath, "--import", import.meta.resolve("tsx"), script, ...argv], place);
  return JSON.parse(stdout);
}

async function withFile<T>(content: string, use: (file: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), "anyprobe-bench-"));
  const file = join(directory, "queries");
  writeFileSync(file, content);
  try {
    return await use(file);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function number({ stdout, stderr }: Finished, pattern: RegExp): number {
  const found = pattern.exec(stdout) ?? pattern.exec(stderr);
  if (!found) throw new Error(`expected ${pattern} in: ${stdout}${stderr}`);
  return Number(found[1]);
}
