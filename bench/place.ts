// Where a program runs (which cores, which network namespace), and the two ways in which the bench runs one: to its end, with
// what it cost; or as a server that is stopped. None outlives the bench.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { ended } from "../src/demo/frr.js";
import { costProgram } from "./build.js";

/** Generators send from the first core; answerers have the second one. */
export const generatorCpu = 0;
export const answererCpu = 1;

/** Place is where a program runs. */
export interface Place {
  /** A network namespace; without, the host's own. */
  readonly namespace?: string | undefined;
  /** The only core that it may use; without, all of them. */
  readonly cpu?: number | undefined;
}

/** Finished is what a program said, and what it and its children cost. */
export interface Finished {
  readonly stdout: string;
  readonly stderr: string;
  readonly seconds: number;
  /** User and system time. */
  readonly cpuSeconds: number;
}

/** finish runs a program to its end. Throws with what it said where it fails. */
export async function finish(argv: readonly string[], place: Place): Promise<Finished> {
  const child = spawn(costProgram(), placed(argv, place), { stdio: ["ignore", "pipe", "pipe", "pipe"] });
  const closed = once(child, "close") as Promise<[number | null]>;
  const [stdout, stderr, cost] = await Promise.all(
    [child.stdout, child.stderr, child.stdio[3] as Readable].map((stream) => text(stream!)),
  );
  const [code] = await closed;
  if (code !== 0) throw new Error(`${argv[0]} ended with ${code}: ${stderr}${stdout}`);
  return { stdout: stdout!, stderr: stderr!, ...(JSON.parse(cost!) as { seconds: number; cpuSeconds: number }) };
}

/** Server is a program that runs until it is stopped. */
export interface Server {
  readonly child: ChildProcess;
  /** The next line that it prints. */
  line(): Promise<string>;
  stop(): Promise<void>;
}

/** serve starts a server; it ends with the bench, however that ends. */
export function serve(argv: readonly string[], place: Place): Server {
  const whole = ["setpriv", "--pdeathsig", "TERM", ...placed(argv, place)];
  const child = spawn(whole[0]!, whole.slice(1), { stdio: ["ignore", "pipe", "pipe"] });
  let complaint = "";
  child.stderr.on("data", (data) => {
    complaint = `${complaint}${data}`.slice(-2000);
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    child,
    line: async () => {
      const { value, done } = await lines.next();
      if (done) throw new Error(`${argv[0]} ended: ${complaint}`);
      return value;
    },
    stop: async () => {
      child.kill("SIGTERM");
      const kill = setTimeout(() => child.kill("SIGKILL"), 3000);
      await ended(child);
      clearTimeout(kill);
    },
  };
}

/** placed gives the command line that runs a program in its place. */
export function placed(argv: readonly string[], { namespace, cpu }: Place): string[] {
  return [
    ...(namespace === undefined ? [] : ["ip", "netns", "exec", namespace]),
    ...(cpu === undefined ? [] : ["taskset", "--cpu-list", String(cpu)]),
    ...argv,
  ];
}
