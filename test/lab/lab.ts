// The lab: the OSPF network of src/demo/network.ts with a real name server and the built anyprobe on every endpoint.
import type { ChildProcess } from "node:child_process";
import { createWriteStream, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { ended } from "../../src/demo/frr.js";
import { Network, type RoutedNode } from "../../src/demo/network.js";
import type { RouteMonitor } from "../../src/demo/route-monitor.js";
import { encodeQuery } from "../../src/probe/dns.js";
import { fetchStatus } from "../../src/run/control.js";
import type { Status } from "../../src/run/status.js";
import { monotonicNs, nsPerMs } from "../../src/units.js";
import { DaemonProcess, type DaemonProcessOptions } from "../support/daemon.js";
import { healthAddress, healthName, type NameServer, startNamed, startUnbound } from "./servers.js";

export const anycast = "203.0.113.53/32";
/** Checks that decide within a second, so that an experiment takes a few. */
export const quick = { interval: "200ms", fast_interval: "50ms", timeout: "300ms", stable_for: "300ms" };
/** The built command. */
export const program = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

export interface LabOptions {
  readonly prefixes?: readonly string[];
  readonly endpoints?: number;
  readonly announce?: "network" | "redistribute";
  readonly timers?: "tuned" | "default";
  readonly server?: "unbound" | "named";
  readonly client?: boolean;
  /** The OSPF area of each endpoint; default: all in area 0. */
  readonly areas?: readonly number[];
}

/** DaemonOptions are keys of the config file, in its own spelling, over the defaults. */
export interface DaemonOptions {
  readonly driver?: "address" | "frr";
  readonly address?: Readonly<Record<string, unknown>>;
  readonly check?: Readonly<Record<string, unknown>>;
  readonly service?: Readonly<Record<string, unknown>>;
  readonly top?: Readonly<Record<string, unknown>>;
  /** The last-endpoint guard is on, by the database of the endpoint's router: so many others must remain. */
  readonly others?: number;
}

/** LabEndpoint is one endpoint: its node, its server, its daemon. */
export class LabEndpoint {
  server: NameServer | undefined;
  daemon: ChildProcess | undefined;
  /** The daemon's log so far, one parsed line each. */
  readonly logFile: string;
  readonly control: string;
  readonly configFile: string;

  constructor(
    readonly node: RoutedNode,
    readonly options: Required<LabOptions>,
    readonly directory: string,
  ) {
    this.logFile = join(directory, `${node.name}.log`);
    this.control = join(directory, `${node.name}.sock`);
    this.configFile = join(directory, `${node.name}.yaml`);
  }

  async startServer(): Promise<NameServer> {
    const { namespace, name } = this.node;
    const { server, prefixes } = this.options;
    this.server =
      server === "named"
        ? await startNamed({ namespace, identity: name })
        : await startUnbound({ namespace, identity: name, addresses: this.#addresses(prefixes) });
    return this.server;
  }

  /** restartServer ends what is left of the server and starts it anew. */
  async restartServer(): Promise<NameServer> {
    await this.server?.stop();
    return this.startServer();
  }

  /** Bound to its addresses, the server goes on answering behind an anchor; loopback is for asking whether it is ready. */
  #addresses(prefixes: readonly string[]): string[] {
    return ["127.0.0.1", ...prefixes.map((prefix) => prefix.split("/")[0]!)];
  }

  writeConfig(options: DaemonOptions): void {
    const { driver = "address", address, check, service, top, others } = options;
    const route =
      driver === "frr"
        ? [{ frr: { sockets: this.node.router.sockets } }]
        : [{ address: { device: "lo", label: "lo:0", ...address } }];
    const config = {
      control: this.control,
      state: join(this.directory, `${this.node.name}.state.json`),
      // The lab's routers have tuned timers unless a case says otherwise.
      min_gap: this.options.timers === "tuned" ? "0s" : "1.1s",
      announce_gap: "0s",
      ...top,
      services: {
        resolver: {
          prefixes: this.options.prefixes,
          checks: [
            {
              dns: { name: healthName, type: "A" },
              expect: { answers: [healthAddress], nsid: this.node.name },
              ...check,
            },
          ],
          route,
          guard: others === undefined ? "none" : { others, frr: this.node.router.sockets },
          damping: "none",
          ...service,
        },
      },
    };
    writeFileSync(this.configFile, stringify(config));
  }

  /** startDaemon resolves once every check of the daemon is up, or after `upWithinMs` of waiting for a sick one. */
  async startDaemon(options: DaemonOptions = {}, upWithinMs = 20_000): Promise<void> {
    this.writeConfig(options);
    const { namespace } = this.node;
    this.daemon = namespace.spawn(process.execPath, [program, "run", "-c", this.configFile], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const log = createWriteStream(this.logFile, { flags: "a" });
    this.daemon.stdout!.pipe(log);
    this.daemon.stderr!.pipe(log);
    await this.until((status) => checksOf(status).every(({ state }) => state === "up"), upWithinMs);
  }

  /** run starts the daemon and waits for nothing: it may find its service sick. Lab.close ends it. */
  run(options: DaemonOptions = {}, process: Partial<DaemonProcessOptions> = {}): DaemonProcess {
    this.writeConfig(options);
    const argv = ["-c", this.configFile];
    const daemon = new DaemonProcess(this.node.namespace, argv, { control: this.control, ...process });
    this.daemon = daemon.child;
    return daemon;
  }

  status(): Promise<Status> {
    return fetchStatus(this.control);
  }

  /** until resolves with the first status that satisfies `wanted`; rejects with the last one after `withinMs`. */
  async until(wanted: (status: Status) => boolean, withinMs: number): Promise<Status> {
    const untilNs = monotonicNs() + withinMs * nsPerMs;
    for (;;) {
      const status = existsSync(this.control) ? await this.status().catch(() => undefined) : undefined;
      if (status && wanted(status)) return status;
      if (this.daemon?.exitCode != null) throw new Error(`the daemon of ${this.node.name} ended:\n${this.log()}`);
      if (monotonicNs() > untilNs) throw new Error(`not so within ${withinMs} ms: ${JSON.stringify(status?.services)}`);
      await sleep(20);
    }
  }

  log(): string {
    return existsSync(this.logFile) ? readFileSync(this.logFile, "utf8") : "";
  }

  async stopDaemon(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    const daemon = this.daemon;
    this.daemon = undefined;
    daemon?.kill(signal);
    if (daemon) await ended(daemon);
  }

  /** The gateway by which R1 knows it. */
  get gateway(): string {
    return this.node.address;
  }
}

export function checksOf(status: Status) {
  return status.services.flatMap(({ prefixes }) => prefixes.flatMap(({ checks }) => checks));
}

export function prefixesOf(status: Status) {
  return status.services.flatMap(({ prefixes }) => prefixes);
}

/** Lab is the running whole; close ends all of it. */
export class Lab implements AsyncDisposable {
  private constructor(
    readonly network: Network,
    readonly endpoints: readonly LabEndpoint[],
    readonly monitor: RouteMonitor,
    readonly directory: string,
  ) {}

  /** create starts routers and servers; daemons are started by startDaemons or one by one. */
  static async create(options: LabOptions = {}): Promise<Lab> {
    const full: Required<LabOptions> = {
      prefixes: [anycast],
      endpoints: 3,
      announce: "network",
      timers: "tuned",
      server: "unbound",
      client: false,
      areas: [],
      ...options,
    };
    const network = await Network.create(full);
    const directory = mkdtempSync(join(tmpdir(), "anyprobe-lab-"));
    const endpoints = network.endpoints.map((node) => new LabEndpoint(node, full, directory));
    const lab = new Lab(network, endpoints, await network.routeMonitor(), directory);
    try {
      await Promise.all(endpoints.map((endpoint) => endpoint.startServer()));
    } catch (error) {
      await lab.close();
      throw error;
    }
    return lab;
  }

  async startDaemons(options: DaemonOptions = {}): Promise<void> {
    await Promise.all(this.endpoints.map((endpoint) => endpoint.startDaemon(options)));
  }

  async stopDaemons(): Promise<void> {
    await Promise.all(this.endpoints.map((endpoint) => endpoint.stopDaemon()));
  }

  /** goneFromR1 gives when R1's kernel table had the prefix no longer via this endpoint; ns, CLOCK_MONOTONIC. */
  async goneFromR1(endpoint: LabEndpoint, sinceNs: number, prefix = anycast, withinMs = 15_000): Promise<number> {
    const gone = (hops: readonly string[]) => !hops.includes(endpoint.gateway);
    return (await this.monitor.until(destinationOf(prefix), gone, sinceNs, withinMs)).atNs;
  }

  async backAtR1(endpoint: LabEndpoint, sinceNs: number, prefix = anycast, withinMs = 30_000): Promise<number> {
    const back = (hops: readonly string[]) => hops.includes(endpoint.gateway);
    return (await this.monitor.until(destinationOf(prefix), back, sinceNs, withinMs)).atNs;
  }

  /**
   * answersFrom asks the anycast address the health question, `count` times from the client and from as many ports, and
   * tells how often each endpoint answered, by its NSID, `nobody` among them. Needs `client: true`.
   */
  async answersFrom(count: number, prefix = anycast): Promise<Record<string, number>> {
    // NSID and no id.server: BIND limits the rate of its answers in class CH.
    const query = Buffer.from(encodeQuery({ name: healthName, type: "A", nsid: true }, 1)).toString("hex");
    const script = `
      const seen = {};
      let open = ${count};
      const note = (who) => {
        seen[who] = (seen[who] ?? 0) + 1;
        if (--open > 0) return;
        console.log(JSON.stringify(seen));
        process.exit(0);
      };
      for (let i = 0; i < ${count}; i++) {
        const socket = require("node:dgram").createSocket("udp4");
        const timer = setTimeout(() => note("nobody"), 1000);
        socket.once("message", (answer) => {
          clearTimeout(timer);
          socket.close();
          // Option 3 of the OPT record; identities here have two letters.
          note(/\\x00\\x03\\x00\\x02(..)/s.exec(answer.toString("latin1"))?.[1] ?? "somebody");
        });
        socket.send(Buffer.from("${query}", "hex"), 53, "${destinationOf(prefix)}");
      }`;
    return JSON.parse(await this.network.client!.namespace.exec(process.execPath, "-e", script));
  }

  async close(): Promise<void> {
    await Promise.all(this.endpoints.map((endpoint) => endpoint.stopDaemon("SIGKILL")));
    await Promise.all(this.endpoints.map((endpoint) => endpoint.server?.stop()));
    await this.network.close();
    rmSync(this.directory, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function destinationOf(prefix: string): string {
  return prefix.replace(/\/(32|128)$/, "");
}
