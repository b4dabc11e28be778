// Where faults are planted: an endpoint with the built daemon and two services, each at a prefix of its own with a server of its
// own. One of them dies and comes back; nothing may happen to the other.
import type { ChildProcess } from "node:child_process";
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { stringify } from "yaml";
import { healthAddress, healthName } from "../../src/demo/answerer.js";
import { ended } from "../../src/demo/frr.js";
import type { Network, RoutedNode } from "../../src/demo/network.js";
import type { RouteMonitor } from "../../src/demo/route-monitor.js";
import { addressOf, type Prefix, prefixOf } from "../../src/route/prefix.js";
import type { PrefixReport } from "../../src/run/status.js";
import { monotonicNs, nsPerMs } from "../../src/units.js";
import { DaemonProcess, prefixIn, program } from "../support/daemon.js";
import { spawnAnswerer } from "../support/host.js";
import type { Ready } from "./faults-kind.js";
import { quick } from "./lab.js";

/** The prefix whose service dies, and the one beside it. */
export const mortal = prefixOf("203.0.113.53");
export const beside = prefixOf("203.0.113.54");

/** Down: the service dies; up: it comes back. */
export type Turn = "down" | "up";

const targets = { down: "withdrawn", up: "announced" } as const;
/** What `anyprobe status` ends with once all is as it should be. */
const exitCodes = { down: 2, up: 0 } as const;
const withinMs = 30_000;

export interface SiteOptions {
  readonly network: Network;
  readonly monitor: RouteMonitor;
  readonly directory: string;
  readonly route: Ready["route"];
  /** Runs the daemon by this command. */
  readonly wrapper?: readonly string[];
}

/** Site is that endpoint. Its daemon may be killed and started anew. */
export class Site {
  readonly network: Network;
  readonly monitor: RouteMonitor;
  readonly endpoint: RoutedNode;
  readonly #options: SiteOptions;
  readonly #servers = new Map<string, ChildProcess>();
  #daemon: DaemonProcess | undefined;

  constructor(options: SiteOptions) {
    this.#options = options;
    this.network = options.network;
    this.monitor = options.monitor;
    this.endpoint = options.network.endpoints[0]!;
  }

  get daemon(): DaemonProcess {
    if (!this.#daemon) throw new Error("no daemon was started yet");
    return this.#daemon;
  }

  get control(): string {
    return this.#path("anyprobe.sock");
  }

  /** open starts servers and daemon; resolves when both prefixes are announced and verified. */
  async open(): Promise<void> {
    for (const prefix of [mortal, beside]) await this.#serve(prefix);
    writeFileSync(this.#path("anyprobe.yaml"), stringify(this.#config()));
    this.startDaemon();
    await this.well();
  }

  /** startDaemon waits for nothing. */
  startDaemon(): void {
    const { wrapper } = this.#options;
    const options = { control: this.control, ...(wrapper && { wrapper }) };
    this.#daemon = new DaemonProcess(this.endpoint.namespace, ["-c", this.#path("anyprobe.yaml")], options);
  }

  /** well resolves when both services are up, and their prefixes announced, verified and routed. */
  async well(): Promise<void> {
    for (const prefix of [mortal, beside]) {
      await this.until(
        ({ observed, verified, checks }) => observed === "announced" && verified && checks[0]!.state === "up",
        prefix,
      );
      await this.#routed(prefix, true);
    }
  }

  /** turn kills the service or brings it back; resolves when that is done, with the time at which it began. */
  async turn(turn: Turn): Promise<number> {
    const startNs = monotonicNs();
    if (turn === "up") await this.#serve(mortal);
    else {
      const server = this.#servers.get(mortal)!;
      server.kill("SIGKILL");
      await ended(server);
    }
    return startNs;
  }

  /** until resolves with the first report of a prefix that satisfies `wanted`. */
  async until(wanted: (report: PrefixReport) => boolean, prefix = mortal): Promise<PrefixReport> {
    return prefixIn(await this.daemon.until((status) => wanted(prefixIn(status, prefix)), withinMs), prefix);
  }

  /** said resolves once the status tells what keeps the prefix from being as wanted, in text and exit code. */
  async said(words: RegExp): Promise<void> {
    await this.until(
      ({ wanted, observed, verified, reason = "" }) => (wanted !== observed || !verified) && words.test(reason),
    );
    const { code, text } = await this.tell();
    if (code === 0 || !words.test(text)) throw new Error(`expected ${words} and no 0, got ${code}: ${text}`);
  }

  /** tell is `anyprobe status` as an operator types it. */
  tell(): Promise<{ readonly code: number; readonly text: string }> {
    return this.command("status");
  }

  /** command runs a verb of anyprobe that asks the daemon. */
  async command(...argv: readonly string[]): Promise<{ readonly code: number; readonly text: string }> {
    try {
      const { stdout } = await promisify(execFile)(process.execPath, [program, ...argv, "--control", this.control]);
      return { code: 0, text: stdout };
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      return { code, text: `${stdout}${stderr}` };
    }
  }

  /**
   * settled resolves when the prefix is as a turn wants it: at R1, in the daemon's eyes, and by the exit code of its status. Gives
   * how long after `sinceNs` R1's table had it, ms; 0 where it was so before.
   */
  async settled(turn: Turn, sinceNs: number): Promise<number> {
    await this.until((report) => report.observed === targets[turn] && report.verified);
    await this.#routed(mortal, turn === "up");
    const { code, text } = await this.tell();
    if (code !== exitCodes[turn]) throw new Error(`expected exit code ${exitCodes[turn]}, got ${code}: ${text}`);
    const at = this.monitor.events.findLast(
      ({ destination, nextHops }) => destination === addressOf(mortal) && this.isRoutedIn(nextHops) === (turn === "up"),
    )?.atNs;
    return Math.max(0, ((at ?? 0) - sinceNs) / nsPerMs);
  }

  isRoutedIn(nextHops: readonly string[]): boolean {
    return nextHops.includes(this.endpoint.address);
  }

  /** changes lists what the state file has to be undone. */
  changes(): readonly unknown[] {
    return (JSON.parse(readFileSync(this.#path("state.json"), "utf8")) as { changes: unknown[] }).changes;
  }

  /** close ends what is left; the daemon by SIGTERM. Gives its exit code, if there was one. */
  async close(): Promise<number | NodeJS.Signals | undefined> {
    try {
      return await this.#daemon?.stop();
    } finally {
      await this.#daemon?.kill();
      for (const server of this.#servers.values()) server.kill("SIGKILL");
      await Promise.all([...this.#servers.values()].map(ended));
    }
  }

  async #serve(prefix: Prefix): Promise<void> {
    const options = { address: addressOf(prefix), port: 53 };
    this.#servers.set(prefix, await spawnAnswerer(this.endpoint.namespace, options));
  }

  async #routed(prefix: string, wanted: boolean): Promise<void> {
    const untilNs = monotonicNs() + withinMs * nsPerMs;
    while (this.isRoutedIn(await this.network.nextHops(prefix)) !== wanted) {
      if (monotonicNs() > untilNs) throw new Error(`R1 ${wanted ? "lacks" : "keeps"} its route to ${prefix}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  #config() {
    const service = (prefix: Prefix) => ({
      prefixes: [prefix],
      checks: [{ dns: { name: healthName, type: "A" }, expect: { answers: [healthAddress] }, ...quick }],
      ...{ route: [this.#options.route(prefix)], guard: "none", damping: "none" },
    });
    return {
      ...{ control: this.control, state: this.#path("state.json"), min_gap: "0s", announce_gap: "0s" },
      services: { mortal: service(mortal), beside: service(beside) },
    };
  }

  #path(name: string): string {
    return join(this.#options.directory, name);
  }
}
