// A built anyprobe daemon as a process in a network namespace: its log as data, its status, and how it ended.
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { ended } from "../../src/demo/frr.js";
import type { Namespace } from "../../src/demo/namespace.js";
import { fetchStatus } from "../../src/run/control.js";
import type { PrefixReport, Status } from "../../src/run/status.js";
import { monotonicNs, nsPerMs } from "../../src/units.js";

export const program = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

/** Line is one line of the log. */
export interface Line {
  readonly level: string;
  readonly event?: string;
  readonly msg: string;
  readonly time: string;
  readonly [key: string]: unknown;
}

export interface DaemonProcessOptions {
  readonly control: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Runs the daemon by this command, such as setpriv. */
  readonly wrapper?: readonly string[];
}

/** DaemonProcess is `anyprobe run` with its output gathered. */
export class DaemonProcess {
  readonly lines: Line[] = [];
  readonly child: ChildProcess;
  readonly #control: string;
  stderr = "";

  constructor(namespace: Namespace, argv: readonly string[], { control, env, wrapper = [] }: DaemonProcessOptions) {
    const { NOTIFY_SOCKET: _, ...inherited } = process.env;
    const [file, ...rest] = [...wrapper, process.execPath, program, "run", ...argv];
    this.#control = control;
    this.child = namespace.spawn(file!, rest, { stdio: ["ignore", "pipe", "pipe"], env: { ...inherited, ...env } });
    createInterface({ input: this.child.stdout! }).on("line", (line) => this.lines.push(JSON.parse(line) as Line));
    this.child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
  }

  status(): Promise<Status> {
    return fetchStatus(this.#control);
  }

  /** until resolves with the first status that satisfies `wanted`; rejects after `withinMs` with all that is known. */
  async until(wanted: (status: Status) => boolean, withinMs = 10_000): Promise<Status> {
    let last: Status | undefined;
    const found = await within(withinMs, async () => {
      last = existsSync(this.#control) ? await this.status().catch(() => undefined) : undefined;
      if (this.child.exitCode !== null) throw new Error(`the daemon ended with ${this.child.exitCode}: ${this.tail()}`);
      return last && wanted(last) ? last : undefined;
    });
    if (found) return found;
    throw new Error(`not so within ${withinMs} ms: ${JSON.stringify(last?.services)}\n${this.tail()}`);
  }

  /** logged resolves with the first line that satisfies `wanted`, also one that was written before the call. */
  async logged(wanted: (line: Line) => boolean, withinMs = 10_000): Promise<Line> {
    const found = await within(withinMs, async () => this.lines.find(wanted));
    if (found) return found;
    throw new Error(`no such line within ${withinMs} ms:\n${this.tail()}`);
  }

  /** The lines about routes that were moved or found moved. */
  routeLines(): Line[] {
    return this.lines.filter(({ event }) => event === "action" || event === "manual" || event === "expired");
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** exit resolves with the exit code, or the signal that ended it. */
  async exit(withinMs = 10_000): Promise<number | NodeJS.Signals> {
    const { child } = this;
    const expired = sleep(withinMs, "late" as const);
    if (child.exitCode === null && child.signalCode === null) {
      if ((await Promise.race([once(child, "close"), expired])) === "late")
        throw new Error(`still running after ${withinMs} ms: ${this.tail()}`);
    }
    return child.exitCode ?? child.signalCode!;
  }

  /** stop ends it by SIGTERM; gives the exit code. */
  stop(): Promise<number | NodeJS.Signals> {
    this.signal("SIGTERM");
    return this.exit();
  }

  async kill(): Promise<void> {
    this.child.kill("SIGKILL");
    await ended(this.child);
  }

  tail(): string {
    const lines = this.lines.slice(-12).map(({ level, msg, error }) => `${level} ${msg}${error ? ` (${error})` : ""}`);
    return [...lines, this.stderr].join("\n");
  }
}

/** within asks every 20 ms until there is an answer; undefined: none in time. */
export async function within<T>(ms: number, ask: () => Promise<T | undefined>): Promise<T | undefined> {
  const untilNs = monotonicNs() + ms * nsPerMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined || monotonicNs() > untilNs) return answer;
    await sleep(20);
  }
}

export function prefixIn(status: Status, prefix: string): PrefixReport {
  const found = status.services.flatMap(({ prefixes }) => prefixes).find((report) => report.prefix === prefix);
  if (!found) throw new Error(`no ${prefix} in ${JSON.stringify(status.services)}`);
  return found;
}

/** stands tells of a status whether a prefix is so and verified. */
export const stands = (announcement: string, prefix: string) => (status: Status) => {
  const reports = status.services.flatMap(({ prefixes }) => prefixes).filter((report) => report.prefix === prefix);
  return reports.length > 0 && reports.every(({ observed, verified }) => observed === announcement && verified);
};

export const allUp = (status: Status) =>
  status.services.every(({ prefixes }) => prefixes.every(({ checks }) => checks.every(({ state }) => state === "up")));
