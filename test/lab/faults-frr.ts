// Faults of FRR's ospfd and of the way to it. The driver gets a socket of ours, with the real one behind it.
import type { ChildProcess } from "node:child_process";
import { link, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { ended } from "../../src/demo/frr.js";
import type { RoutedNode } from "../../src/demo/network.js";
import { monotonicNs, nsPerMs } from "../../src/units.js";
import { operate, running } from "../support/ospfd.js";
import { type Fate, type VtyProxy, vtyProxy } from "../support/vty-proxy.js";
import type { FaultKind } from "./faults-kind.js";
import { both, inTheWay, operatorTakes, type Scenario, unordered } from "./faults-scenario.js";
import { beside, mortal, type Site } from "./faults-site.js";
import { seenAgainMs } from "./faults-witness.js";
import { round } from "./figures.js";

/** What moves the prefix, whichever way it goes by. */
const moving = new RegExp(` ${mortal}(?: area 0)?$`);

/** frrKind is FRR, which announces by a statement for each prefix or by what it redistributes. */
export function frrKind(announce: FaultKind["announce"]): FaultKind {
  return {
    name: `frr ${announce}`,
    announce,
    async ready(network, directory) {
      const endpoint = network.endpoints[0]!;
      const way = await Way.open(join(directory, "ospfd.vty"), join(endpoint.router.sockets, "ospfd.vty"));
      return {
        route: () => ({ frr: { sockets: directory } }),
        trace: () => running(endpoint),
        scenarios: [...faultsOf(way), killedWhileWithdrawn, operatorTakes(announce === "network" ? statement : listed)],
        close: () => way.close(),
      };
    },
  };
}

/** Way is the socket that the daemon finds. */
class Way {
  readonly #path: string;
  readonly #real: string;
  #proxy: VtyProxy | undefined;
  fateOf: (line: string) => Fate = () => undefined;

  private constructor(path: string, real: string) {
    this.#path = path;
    this.#real = real;
  }

  static async open(path: string, real: string): Promise<Way> {
    const way = new Way(path, real);
    await way.reopen();
    return way;
  }

  async reopen(): Promise<void> {
    this.#proxy = await vtyProxy(this.#path, this.#real, (line) => this.fateOf(line));
  }

  async close(): Promise<void> {
    await this.#proxy?.close();
    this.#proxy = undefined;
  }

  /** leaveStale leaves a socket at which nobody listens; gives what removes it. */
  async leaveStale(): Promise<() => Promise<void>> {
    const other = `${this.#path}.other`;
    const server = createServer().listen(other);
    await new Promise((listening) => server.once("listening", listening));
    await link(other, this.#path);
    await new Promise((closed) => server.close(closed));
    return () => rm(this.#path);
  }

  /** doom lets commands fare so until it is called off. */
  doom(fateOf: (line: string) => Fate): () => Promise<void> {
    this.fateOf = fateOf;
    return async () => {
      this.fateOf = () => undefined;
    };
  }
}

function faultsOf(way: Way): Scenario[] {
  return [
    inTheWay({
      name: "socket missing",
      says: both(/no socket at .*ospfd\.vty: ospfd is not running/),
      async plant() {
        await way.close();
        return () => way.reopen();
      },
    }),
    inTheWay({
      name: "socket refusing",
      says: both(/ospfd does not answer at .*: the socket is there, the daemon has ended/),
      async plant() {
        await way.close();
        const remove = await way.leaveStale();
        return async () => {
          await remove();
          await way.reopen();
        };
      },
    }),
    inTheWay({
      name: "ospfd hanging",
      says: both(/ospfd does not answer at /),
      routerGoes: true,
      async plant({ endpoint: { router } }) {
        await router.signalOspfd("SIGSTOP");
        return () => router.signalOspfd("SIGCONT");
      },
    }),
    inTheWay({
      name: "socket closing mid-command",
      says: both(/ospfd closed the connection at/),
      plant: () => way.doom((line) => (moving.test(line) ? "close before" : undefined)),
    }),
    inTheWay({
      name: "socket closing after the command",
      plant() {
        let times = 0;
        return way.doom((line) => (moving.test(line) && times++ === 0 ? "close after" : undefined));
      },
    }),
    // In Quagga's words: ospfd 8.4 has no lock of its own, as the next fault shows.
    inTheWay({
      name: "configuration locked",
      says: both(/refused `configure terminal` \(status 1\): VTY configuration is locked by other VTY/),
      plant: () =>
        way.doom((line) =>
          line === "configure terminal" ? "VTY configuration is locked by other VTY\n\0\0\0\x01" : undefined,
        ),
    }),
    inTheWay({
      name: "vtysh in configuration mode",
      async plant({ endpoint }) {
        const vtysh = await sitDown(endpoint);
        return async () => {
          vtysh.kill("SIGKILL");
          await ended(vtysh);
        };
      },
    }),
  ];
}

/** An operator's vtysh that has entered the configuration of the router, and stays there. */
async function sitDown({ namespace, router }: RoutedNode): Promise<ChildProcess> {
  const argv = ["--vty_socket", router.sockets, "-d", "ospfd"];
  const vtysh = namespace.spawn("vtysh", argv, { stdio: ["pipe", "pipe", "inherit"] });
  const there = new Promise<void>((resolve, reject) => {
    vtysh.stdout!.once("data", () => resolve());
    vtysh.once("exit", () => reject(new Error("vtysh ended")));
  });
  vtysh.stdin!.write("configure terminal\nrouter ospf\ndo show ip ospf\n");
  await there;
  return vtysh;
}

/** An ospfd that is started anew has its file's configuration: the prefix is announced until it is withdrawn again. */
const killedWhileWithdrawn: Scenario = {
  name: "ospfd killed while withdrawn",
  routerGoes: true,
  async run(site) {
    await site.settled("down", await site.turn("down"));
    const { router } = site.endpoint;
    await router.signalOspfd("SIGKILL");
    await site.said(/ospfd (closed the connection|does not answer) at/);
    const startNs = monotonicNs();
    await router.startOspfd();
    await site.until(({ verified }) => verified, beside);
    const backMs = round((monotonicNs() - startNs) / nsPerMs);
    const downMs = await site.settled("down", startNs);
    const seenMs = seenAgainMs(site, startNs);
    await unordered(site);
    await site.settled("up", await site.turn("up"));
    return { router_back_ms: backMs, recovered_ms: round(downMs), seen_again_ms: seenMs };
  },
};

const statement = {
  take: ({ endpoint }: Site) => operate(endpoint, "router ospf", `no network ${mortal} area 0`),
  putBack: ({ endpoint }: Site) => operate(endpoint, "router ospf", `network ${mortal} area 0`),
  by: /^an operator at ospfd$/,
};

const listed = {
  take: ({ endpoint }: Site) => operate(endpoint, `no ip prefix-list ANYCAST permit ${mortal}`),
  putBack: ({ endpoint }: Site) => operate(endpoint, `ip prefix-list ANYCAST seq 5 permit ${mortal}`),
  refuses: /the route-map ANYCAST of .* does not let 203\.0\.113\.53\/32 through: permit it there/,
  by: /^an operator at ospfd$/,
};
