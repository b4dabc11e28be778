// zebra, ospfd and where IPv6 is wanted ospf6d of one node, as children of this process in the node's network namespace:
// started with their own directory, stopped by pid.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { chown, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** daemonDirectory is where Debian's and FRR's own packages put the daemons. */
export const daemonDirectory = "/usr/lib/frr";

/** OspfDaemon is FRR's daemon of OSPFv2 or of OSPFv3. */
export type OspfDaemon = "ospfd" | "ospf6d";

export interface RouterOptions {
  readonly namespace: string;
  /** Its own directory, made here and owned by frr. */
  readonly directory: string;
  readonly ospfConfig: string;
  /** That of ospf6d; without one there is none. */
  readonly ospf6Config?: string;
  /** The ids of the user and group frr. */
  readonly uid: number;
  readonly gid: number;
}

/** Router is zebra and the OSPF daemons of one node. */
export class Router {
  /** The directory of the vty sockets, as the frr driver wants it. */
  readonly sockets: string;
  readonly #options: RouterOptions;
  readonly #configs: ReadonlyMap<OspfDaemon, string>;
  readonly #daemons = new Map<"zebra" | OspfDaemon, ChildProcess>();

  constructor(options: RouterOptions) {
    this.#options = options;
    this.sockets = join(options.directory, "vty");
    this.#configs = new Map<OspfDaemon, string>([
      ["ospfd", options.ospfConfig],
      ...(options.ospf6Config === undefined ? [] : [["ospf6d", options.ospf6Config] as const]),
    ]);
  }

  async start(): Promise<void> {
    const { directory, uid, gid } = this.#options;
    await mkdir(this.sockets, { recursive: true });
    // With kernel nexthop objects, zebra 8.4 believes that a group is whole which the kernel has cut when a link went down
    // for a moment: the endpoint's share of the route then never comes back.
    const files = new Map([["zebra", "no zebra nexthop kernel enable\n"], ...this.#configs]);
    for (const [daemon, text] of files) await writeFile(join(directory, `${daemon}.conf`), text);
    const paths = [...files.keys()].map((daemon) => join(directory, `${daemon}.conf`));
    for (const path of [directory, this.sockets, ...paths]) await chown(path, uid, gid);
    this.#spawn("zebra");
    await exists(join(directory, "zserv.api"));
    await Promise.all([...this.#configs.keys()].map((daemon) => this.startOspfd(daemon)));
  }

  /** startOspfd starts a daemon with its configuration file, as after a restart: runtime changes are lost. */
  async startOspfd(daemon: OspfDaemon = "ospfd"): Promise<void> {
    this.#spawn(daemon);
    await exists(join(this.sockets, `${daemon}.vty`));
  }

  /** signalOspfd sends a signal to a daemon: SIGKILL, or SIGSTOP and SIGCONT for one that hangs. */
  async signalOspfd(
    signal: "SIGKILL" | "SIGTERM" | "SIGSTOP" | "SIGCONT",
    daemon: OspfDaemon = "ospfd",
  ): Promise<void> {
    const child = this.#daemons.get(daemon);
    child?.kill(signal);
    if (child && (signal === "SIGKILL" || signal === "SIGTERM")) await ended(child);
  }

  /** stop ends all; resolves when they are gone. */
  async stop(): Promise<void> {
    const children = this.children();
    for (const child of children) child.kill("SIGKILL");
    await Promise.all(children.map(ended));
  }

  /** children are the processes to end if there is no time for stop. */
  children(): ChildProcess[] {
    return [...this.#daemons.values()].toReversed();
  }

  #spawn(daemon: "zebra" | OspfDaemon): void {
    const { namespace, directory } = this.#options;
    const path = (name: string) => join(directory, name);
    // `ip netns exec` becomes the daemon, so the child's pid is the daemon's.
    const child = spawn(
      "ip",
      [
        ...["netns", "exec", namespace, `${daemonDirectory}/${daemon}`, "-u", "frr", "-g", "frr"],
        ...["-f", path(`${daemon}.conf`), "-i", path(`${daemon}.pid`), "-z", path("zserv.api")],
        ...["--vty_socket", this.sockets, "-A", "127.0.0.1", "-P", "0"],
      ],
      { cwd: directory, stdio: "ignore" },
    );
    this.#daemons.set(daemon, child);
  }
}

/** ended resolves when the child has exited. */
export async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  await new Promise((resolve) => child.once("exit", resolve));
}

async function exists(path: string): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    if (existsSync(path)) return;
    await sleep(25);
  }
  throw new Error(`${path} did not appear within 5 s: the daemon did not start`);
}
