// Two namespaces joined by a veth: a watcher on one side; on the other all that it watches, and who floods it.
import { type ChildProcess, execFileSync } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { ended } from "../../src/demo/frr.js";
import { Namespace } from "../../src/demo/namespace.js";
import type { Counters, WatchTotals } from "../../src/index.js";

/** Watching is what the watcher's process is told. */
export interface Watching {
  readonly targets: readonly string[];
  readonly intervalMs: number;
}

/** Watched is what it counted. */
export interface Watched {
  readonly totals: WatchTotals;
  readonly counters: Counters;
  readonly p50Us: number;
  readonly p99Us: number;
}

/** Flooding is where the flood goes. */
export interface Flooding {
  readonly address: string;
  readonly ports: readonly number[];
  readonly perSecond: number;
}

export interface Flooded {
  readonly sent: number;
  readonly perSecond: number;
}

export type Role = "answer" | "watch" | "flood";

const watcher = "198.18.0.1";
const program = fileURLToPath(new URL("./flood-process.ts", import.meta.url));

/**
 * Sends forged ICMP errors, 2,000 a second: port unreachable, each quoting no more of a packet than RFC 792 asks for (its IP header
 * and 8 octets), to which no id belongs; from every port of the watcher to every target.
 */
const forger = `
import json, random, socket, struct, sys, time
watcher, ports, targets = json.loads(sys.argv[1])
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
def checksum(octets):
    total = sum(struct.unpack("!%dH" % (len(octets) // 2), octets))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff
while True:
    for _ in range(20):
        quote = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 64, 0, 0, 64, 17, 0, socket.inet_aton(watcher), socket.inet_aton(random.choice(targets)))
        quote += struct.pack("!HHHH", random.choice(ports), 53, 44, 0)
        error = struct.pack("!BBHI", 3, 3, checksum(struct.pack("!BBHI", 3, 3, 0, 0) + quote), 0) + quote
        raw.sendto(error, (watcher, 0))
    time.sleep(0.01)
`;

/** Actor is one process at work. */
export class Actor<Told> implements AsyncDisposable {
  readonly #lines: AsyncIterator<string>;

  constructor(readonly child: ChildProcess) {
    this.#lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  }

  async next(): Promise<string> {
    const { value } = await this.#lines.next();
    if (value !== undefined) return value;
    await ended(this.child);
    throw new Error(`a process of the flood ended with ${this.child.signalCode ?? this.child.exitCode}`);
  }

  /** end gives what it told at its end. */
  async end(): Promise<Told> {
    this.child.stdin!.end();
    return JSON.parse(await this.next()) as Told;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill("SIGKILL");
    await ended(this.child);
  }
}

/** FloodStage has the two namespaces, with all targets answering. */
export class FloodStage implements AsyncDisposable {
  readonly targets: readonly string[];
  readonly #open: AsyncDisposable[] = [];

  private constructor(
    private readonly near: Namespace,
    private readonly far: Namespace,
    targets: number,
  ) {
    this.targets = Array.from({ length: targets }, (_, i) => `198.19.0.${i + 1}`);
  }

  static async create(targets: number): Promise<FloodStage> {
    const name = `apflood${process.pid}`;
    const stage = new FloodStage(await Namespace.create(`${name}a`), await Namespace.create(`${name}b`), targets);
    try {
      await stage.#join();
      return stage;
    } catch (error) {
      await stage[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #join(): Promise<void> {
    const { near, far } = this;
    await near.ip("link", "add", "far", "type", "veth", "peer", "name", "near", "netns", far.name);
    await near.ip("address", "add", `${watcher}/24`, "dev", "far");
    await far.ip("address", "add", "198.18.0.2/24", "dev", "near");
    await near.ip("link", "set", "far", "up");
    await far.ip("link", "set", "near", "up");
    // On lo a prefix of addresses is local as a whole.
    await far.ip("address", "add", "198.19.0.1/24", "dev", "lo");
    await near.ip("route", "add", "198.19.0.0/24", "via", "198.18.0.2");
    this.#open.push(await this.#start(far, "answer", {}));
  }

  /** watch starts a watcher; resolves once all targets are up. */
  watch(intervalMs: number): Promise<Actor<Watched>> {
    return this.#start<Watched>(this.near, "watch", { targets: this.targets, intervalMs } satisfies Watching);
  }

  /** flood begins to send to all ports that the watcher has open. */
  async flood(perSecond: number): Promise<Actor<Flooded>> {
    return this.#start<Flooded>(this.far, "flood", {
      address: watcher,
      ports: this.#ports(),
      perSecond,
    } satisfies Flooding);
  }

  /** forge begins to send ICMP errors that no packet has met, until it is disposed of. */
  forge(): AsyncDisposable {
    const argument = JSON.stringify([watcher, this.#ports(), this.targets]);
    return new Actor(this.far.spawn("python3", ["-c", forger, argument], { stdio: ["pipe", "pipe", "inherit"] }));
  }

  #ports(): number[] {
    const sockets = execFileSync("ip", ["netns", "exec", this.near.name, "ss", "-Huan"], { encoding: "utf8" });
    const ports = [...sockets.matchAll(/^UNCONN +\d+ +\d+ +\S+:(\d+) /gm)].map(([, port]) => Number(port));
    if (ports.length === 0) throw new Error(`expected ports of the watcher, got ${JSON.stringify(sockets)}`);
    return [...new Set(ports)];
  }

  async #start<Told>(namespace: Namespace, role: Role, task: object): Promise<Actor<Told>> {
    const argv = ["--import", import.meta.resolve("tsx"), program, role, JSON.stringify(task)];
    const actor = new Actor<Told>(namespace.spawn(process.execPath, argv, { stdio: ["pipe", "pipe", "inherit"] }));
    await actor.next();
    return actor;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const one of this.#open) await one[Symbol.asyncDispose]();
    await this.near.remove();
    await this.far.remove();
  }
}
