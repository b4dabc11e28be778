// zebra and ospfd of one node, as children of this process in the node's network namespace: started with their own
// directory, stopped by pid.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { chown, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** daemonDirectory is where Debian's and FRR's own packages put the daemons. */
export const daemonDirectory = "/usr/lib/frr";

export interface RouterOptions {
  readonly namespace: string;
  /** Its own directory, made here and owned by frr. */
  readonly directory: string;
  readonly ospfConfig: string;
  /** The ids of the user and group frr. */
  readonly uid: number;
  readonly gid: number;
}

/** Router is zebra and ospfd of one node. */
export class Router {
  /** The directory of the vty sockets, as the frr driver wants it. */
  readonly sockets: string;
  readonly #options: RouterOptions;
  #zebra: ChildProcess | undefined;
  #ospfd: ChildProcess | undefined;

  constructor(options: RouterOptions) {
    this.#options = options;
    this.sockets = join(options.directory, "vty");
  }

  async start(): Promise<void> {
    const { directory, ospfConfig, uid, gid } = this.#options;
    await mkdir(this.sockets, { recursive: true });
    // With kernel nexthop objects, zebra 8.4 believes that a group is whole which the kernel has cut when a link went down
    // for a moment: the endpoint's share of the route then never comes back.
    await writeFile(join(directory, "zebra.conf"), "no zebra nexthop kernel enable\n");
    await writeFile(join(directory, "ospfd.conf"), ospfConfig);
    for (const path of [directory, this.sockets, join(directory, "zebra.conf"), join(directory, "ospfd.conf")]) {
      await chown(path, uid, gid);
    }
    this.#zebra = this.#spawn("zebra");
    await exists(join(directory, "zserv.api"));
    await this.startOspfd();
  }

  /** startOspfd starts ospfd with the configuration file, as after a restart: runtime changes are lost. */
  async startOspfd(): Promise<void> {
    this.#ospfd = this.#spawn("ospfd");
    await exists(join(this.sockets, "ospfd.vty"));
  }

  /** signalOspfd sends a signal to ospfd: SIGKILL, or SIGSTOP and SIGCONT for one that hangs. */
  async signalOspfd(signal: "SIGKILL" | "SIGTERM" | "SIGSTOP" | "SIGCONT"): Promise<void> {
    const ospfd = this.#ospfd;
    ospfd?.kill(signal);
    if (ospfd && (signal === "SIGKILL" || signal === "SIGTERM")) await ended(ospfd);
  }

  /** stop ends both; resolves when they are gone. */
  async stop(): Promise<void> {
    const children = this.children();
    for (const child of children) child.kill("SIGKILL");
    await Promise.all(children.map(ended));
  }

  /** children are the processes to end if there is no time for stop. */
  children(): ChildProcess[] {
    return [this.#ospfd, this.#zebra].filter((child) => child !== undefined);
  }

  #spawn(daemon: "zebra" | "ospfd"): ChildProcess {
    const { namespace, directory } = this.#options;
    const path = (name: string) => join(directory, name);
    // `ip netns exec` becomes the daemon, so the child's pid is the daemon's.
    return spawn(
      "ip",
      [
        ...["netns", "exec", namespace, `${daemonDirectory}/${daemon}`, "-u", "frr", "-g", "frr"],
        ...["-f", path(`${daemon}.conf`), "-i", path(`${daemon}.pid`), "-z", path("zserv.api")],
        ...["--vty_socket", this.sockets, "-A", "127.0.0.1", "-P", "0"],
      ],
      { cwd: directory, stdio: "ignore" },
    );
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
