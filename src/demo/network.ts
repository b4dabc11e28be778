// A small OSPF network on this host, in network namespaces: a router R1 and endpoints that announce the same anycast
// prefixes to it, each with its own FRR, and a client behind R1. The lab's tests and `anyprobe demo --ospf` run on it.
import { execFileSync } from "node:child_process";
import { accessSync, constants, rmSync } from "node:fs";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { RouteError } from "../errors.js";
import { type Neighbor, readNeighbors } from "../route/lsdb.js";
import { readNeighbors6 } from "../route/ospf6-neighbor.js";
import { Vty } from "../route/vty.js";
import { beforeExit } from "./before-exit.js";
import { daemonDirectory, type OspfDaemon, Router } from "./frr.js";
import { Namespace } from "./namespace.js";
import { type Area, type OspfOptions, ospf6Config, ospfConfig } from "./ospfd-conf.js";
import { RouteMonitor } from "./route-monitor.js";

export interface NetworkOptions extends OspfOptions {
  readonly endpoints: number;
  /** Adds a client namespace behind R1, with its default route there. */
  readonly client: boolean;
  /** The OSPF area of each endpoint, in their order; those without one are in area 0. With another one R1 is an area border router. */
  readonly areas?: readonly number[];
  /** Has IPv6 on all links and an ospf6d beside each ospfd, which announces the IPv6 prefixes. */
  readonly ipv6?: boolean;
}

/** Node is one namespace with the unicast address that the others know it by. */
export interface Node {
  /** `r1`, `e1`, `client`. */
  readonly name: string;
  readonly namespace: Namespace;
  readonly address: string;
  /** The same of IPv6, where the network has it: `2001:db8:100:1::2`. */
  readonly address6: string;
}

/** RoutedNode is a node with an FRR of its own. */
export interface RoutedNode extends Node {
  readonly router: Router;
}

/** networkMissing says what this host lacks for a network, in one sentence; undefined where nothing is. */
export function networkMissing(): string | undefined {
  if (process.getuid?.() !== 0) return "network namespaces and FRR need root";
  for (const daemon of ["zebra", "ospfd", "ospf6d"]) {
    const path = join(daemonDirectory, daemon);
    if (!executable(path)) return `${path} is missing: install frr`;
  }
  const found = (process.env["PATH"] ?? "").split(":").some((directory) => executable(join(directory, "ip")));
  return found ? undefined : "the program `ip` is missing: install iproute2";
}

let networks = 0;

/** Network is the running network; close removes all of it. */
export class Network {
  readonly #options: NetworkOptions;
  readonly #label: string;
  readonly #nodes: Node[] = [];
  readonly #routers: Router[] = [];
  readonly #monitors: RouteMonitor[] = [];
  /** The IPv6 addresses of nodes by R1's device to them. */
  readonly #addresses6 = new Map<string, string>();
  readonly #forget = beforeExit(() => this.#abandon());
  #directory = "";
  #closed = false;
  r1!: RoutedNode;
  readonly endpoints: RoutedNode[] = [];
  client: Node | undefined;

  private constructor(options: NetworkOptions) {
    this.#options = options;
    networks += 1;
    this.#label = networks === 1 ? `ap${process.pid}` : `ap${process.pid}-${networks}`;
  }

  /** create builds the network and resolves when R1 routes every prefix to every endpoint. */
  static async create(options: NetworkOptions): Promise<Network> {
    const network = new Network(options);
    try {
      await network.#build();
      await network.settled();
    } catch (error) {
      await network.close();
      throw error;
    }
    return network;
  }

  /** settled resolves when all adjacencies are Full and R1's kernel has all prefixes that are announced via all endpoints. */
  async settled(timeoutMs = 60_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    const { endpoints, ipv6 = false } = this.#options;
    const prefixes = this.#options.prefixes.filter((prefix) => ipv6 || !prefix.includes(":"));
    const ospfd = this.#asker("ospfd");
    const ospf6d = ipv6 ? this.#asker("ospf6d") : undefined;
    await Promise.all([ospfd.open(), ospf6d?.open()]);
    try {
      for (;;) {
        const full = [await countFull(ospfd), ...(ospf6d ? [await countFull6(ospf6d)] : [])];
        const hops = await Promise.all(prefixes.map((prefix) => this.nextHops(prefix)));
        if ([...full, ...hops.map((via) => via.length)].every((count) => count === endpoints)) return;
        if (Date.now() > deadline) throw new Error(`not settled: ${full} of ${endpoints} adjacencies, routes ${hops}`);
        await sleep(200);
      }
    } finally {
      ospfd.close();
      ospf6d?.close();
    }
  }

  #asker(daemon: OspfDaemon): Vty {
    return new Vty({ path: join(this.r1.router.sockets, `${daemon}.vty`), onDown: () => {}, onUp: () => {} });
  }

  /**
   * nextHops gives the nodes that R1's kernel table has a prefix via, each by its address of the prefix's family. The gateways
   * of OSPFv3 are link-local, so it goes by the device.
   */
  async nextHops(prefix: string): Promise<string[]> {
    const six = prefix.includes(":");
    const text = await this.r1.namespace.ip(six ? "-6" : "-4", "-j", "route", "show", prefix);
    const routes = JSON.parse(text || "[]") as KernelRoute[];
    const hops = routes.flatMap((route) => [route, ...(route.nexthops ?? [])]);
    return hops.flatMap(({ gateway, dev }) =>
      gateway === undefined ? [] : ((six ? this.#addresses6.get(dev) : undefined) ?? gateway),
    );
  }

  /** routeMonitor starts to watch R1's kernel table. */
  async routeMonitor(): Promise<RouteMonitor> {
    const monitor = new RouteMonitor(this.r1.namespace, this.#addresses6);
    this.#monitors.push(monitor);
    // Nothing tells that `ip` has subscribed; what it takes is a few ms.
    await sleep(200);
    return monitor;
  }

  /** close stops all processes and removes all namespaces and files. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.all(this.#monitors.map((monitor) => monitor.close()));
    await Promise.all(this.#routers.map((router) => router.stop()));
    await Promise.all(this.#nodes.map((node) => node.namespace.remove()));
    if (this.#directory !== "") await rm(this.#directory, { recursive: true, force: true });
    this.#forget();
  }

  async #build(): Promise<void> {
    const { endpoints, client, areas = [], ipv6 = false } = this.#options;
    this.#directory = await mkdtemp(join(tmpdir(), "anyprobe-net-"));
    // The daemons run as frr and must be able to pass.
    await chmod(this.#directory, 0o755);
    const r1 = await this.#node("r1", "198.18.255.1", "2001:db8:100::1");
    await r1.namespace.exec("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.fib_multipath_hash_policy=1");
    if (ipv6)
      await r1.namespace.exec(
        "sysctl",
        "-qw",
        "net.ipv6.conf.all.forwarding=1",
        "net.ipv6.fib_multipath_hash_policy=1",
      );
    const links = Array.from({ length: endpoints }, (_, index) => `e${index + 1}`);
    const areaOf = (index: number): Area => ({ network: subnet(index + 1), area: areas[index] ?? 0 });
    for (const [index, name] of links.entries()) {
      const node = await this.#link(r1.namespace, name, index + 1);
      for (const prefix of this.#options.prefixes) {
        const label = prefix.includes(":") ? ["nodad"] : ["label", "lo:0"];
        await node.namespace.ip("address", "add", prefix, "dev", "lo", ...label);
      }
      this.endpoints.push({
        ...node,
        router: this.#router(node, ["up0"], `198.18.255.${10 + index + 1}`, [areaOf(index)], [areas[index] ?? 0]),
      });
    }
    const backbone: Area = { network: subnet(clientSubnet), area: 0 };
    this.r1 = {
      ...r1,
      router: this.#router(
        r1,
        links,
        r1.address,
        [backbone, ...links.map((_, index) => areaOf(index))],
        links.map((_, index) => areas[index] ?? 0),
      ),
    };
    if (client) {
      this.client = await this.#link(r1.namespace, "client", clientSubnet);
      await this.client.namespace.ip("route", "add", "default", "via", "198.18.0.1");
      if (ipv6) await this.client.namespace.ip("-6", "route", "add", "default", "via", "2001:db8:100::1");
    }
    await Promise.all(this.#routers.map((router) => router.start()));
  }

  async #node(name: string, address: string, address6: string): Promise<Node> {
    const node = { name, namespace: await Namespace.create(`${this.#label}-${name}`), address, address6 };
    this.#nodes.push(node);
    // OSPFv3 speaks from link-local addresses: there is nobody else whose address they could be, and a second to win.
    if (this.#options.ipv6) await node.namespace.exec("sysctl", "-qw", ...noDad);
    return node;
  }

  /** A namespace with one veth to R1: `up0` there, its own name at R1's end, the network `subnet(number)`, 2001:db8:100:NUMBER::/64. */
  async #link(r1: Namespace, name: string, number: number): Promise<Node> {
    const node = await this.#node(name, `198.18.${number}.2`, `2001:db8:100:${number.toString(16)}::2`);
    const { namespace } = node;
    await r1.ip("link", "add", name, "type", "veth", "peer", "name", "up0", "netns", namespace.name);
    await r1.ip("address", "add", `198.18.${number}.1/24`, "dev", name);
    await r1.ip("link", "set", name, "up");
    await namespace.ip("address", "add", `${node.address}/24`, "dev", "up0");
    await namespace.ip("link", "set", "up0", "up");
    if (this.#options.ipv6) {
      await r1.ip("address", "add", `2001:db8:100:${number.toString(16)}::1/64`, "dev", name);
      await namespace.ip("address", "add", `${node.address6}/64`, "dev", "up0");
      this.#addresses6.set(name, node.address6);
    }
    return node;
  }

  #router(
    node: Node,
    interfaces: readonly string[],
    routerId: string,
    areas: readonly Area[],
    linkAreas: readonly number[],
  ): Router {
    const [uid, gid] = frrIds();
    const endpoint = node.name !== "r1";
    const passive = !endpoint && this.#options.client ? { passive: "client" } : {};
    const options = { ...this.#options, ...passive, interfaces, linkAreas, routerId, areas, endpoint };
    const router = new Router({
      namespace: node.namespace.name,
      directory: join(this.#directory, node.name),
      ospfConfig: ospfConfig(options),
      ...(this.#options.ipv6 && { ospf6Config: ospf6Config(options) }),
      uid,
      gid,
    });
    this.#routers.push(router);
    return router;
  }

  /** For an exiting process: no time to wait for anything. */
  #abandon(): void {
    for (const monitor of this.#monitors) void monitor.close();
    for (const child of this.#routers.flatMap((router) => router.children())) child.kill("SIGKILL");
    for (const node of this.#nodes) node.namespace.removeNow();
    if (this.#directory !== "") rmSync(this.#directory, { recursive: true, force: true });
  }
}

interface Hop {
  readonly gateway?: string;
  readonly dev: string;
}

interface KernelRoute extends Hop {
  readonly nexthops?: readonly Hop[];
}

/** No duplicate address detection, in a namespace whose devices are still to come. */
const noDad = ["net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0"];

/** The client's link; those of the endpoints are 1 and up. */
const clientSubnet = 0;

function subnet(number: number): string {
  return `198.18.${number}.0/24`;
}

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function frrIds(): [uid: number, gid: number] {
  const id = (flag: string) => Number(execFileSync("id", [flag, "frr"], { encoding: "utf8" }));
  return [id("-u"), id("-g")];
}

async function countFull(vty: Vty): Promise<number> {
  return countIn(vty, "show ip ospf neighbor json", readNeighbors);
}

async function countFull6(vty: Vty): Promise<number> {
  return countIn(vty, "show ipv6 ospf6 neighbor detail json", readNeighbors6);
}

/** A daemon that has only just begun has its socket, and does not listen there yet. */
async function countIn(vty: Vty, command: string, read: (text: string) => readonly Neighbor[]): Promise<number> {
  try {
    const [reply] = await vty.run([command]);
    return read(reply!.text).filter(({ full, retransmit }) => full && retransmit === 0).length;
  } catch (error) {
    if (error instanceof RouteError) return 0;
    throw error;
  }
}
