// `raw-sweep`: every path to an anycast address is walked. In the lab's OSPF network, whose router spreads by the hash of
// addresses and ports, a client asks from 64 source ports; the answers' NSIDs must name every endpoint, over IPv4 and IPv6,
// and nothing in the client may answer ICMP for a port that no program has open.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Network } from "../src/demo/network.js";
import { Lab } from "../test/lab/lab.js";
import { labMissing } from "../test/support/lab.js";
import type { Experiment } from "./experiment.js";
import { CannotMeasure, needs } from "./programs.js";
import type { SweepOptions, SweepResult } from "./raw-sweep-trial.js";
import { type Packet, readPackets, startCapture } from "./truth-capture.js";

const program = fileURLToPath(new URL("raw-sweep-trial.ts", import.meta.url));
const ipv4 = "203.0.113.53";
const ipv6 = "2001:db8:53::53";
const ports = 64;
const firstPort = 42_000;
/** Destination unreachable, by protocol: of ICMP and of ICMPv6. */
const unreachable: Readonly<Record<number, number>> = { 1: 3, 58: 1 };

/** Sweep is what a sweep found, port by port. */
export interface Sweep {
  readonly result: SweepResult;
  /** How many source ports lead to each site. */
  readonly portsOfSite: Readonly<Record<string, number>>;
  /** Source ports of which not every probe was answered by one and the same site. */
  readonly unsteadyPorts: readonly number[];
  /** ICMP and ICMPv6 errors that left the client meanwhile. */
  readonly icmpErrors: number;
}

/** SweepLab is the lab with a client, IPv6 paths beside those of OSPF, and an anycast address of either family. */
export class SweepLab implements AsyncDisposable {
  readonly #directory = mkdtempSync(join(tmpdir(), "anyprobe-sweep-"));
  #captures = 0;

  private constructor(readonly lab: Lab) {}

  static async create(endpoints = 3): Promise<SweepLab> {
    const lab = await Lab.create({ client: true, endpoints, prefixes: [`${ipv4}/32`, `${ipv6}/128`] });
    const sweepLab = new SweepLab(lab);
    try {
      await addIpv6Paths(lab.network);
    } catch (error) {
      await sweepLab[Symbol.asyncDispose]();
      throw error;
    }
    return sweepLab;
  }

  /** sweep asks the anycast address of a family from so many source ports, and watches for ICMP errors. */
  async sweep(family: 4 | 6, options: Omit<SweepOptions, "address">): Promise<Sweep> {
    const { namespace } = this.lab.network.client!;
    const argument = JSON.stringify({ ...options, address: family === 4 ? ipv4 : ipv6 });
    let output = "";
    const icmpErrors = await this.errorsDuring(async () => {
      output = await namespace.exec(process.execPath, "--import", import.meta.resolve("tsx"), program, argument);
    });
    const result = JSON.parse(output) as SweepResult;
    return { result, ...byPort(result), icmpErrors };
  }

  /** errorsDuring counts the ICMP and ICMPv6 errors that leave the client while something is done. */
  async errorsDuring(act: () => Promise<void>): Promise<number> {
    const packets = await this.leaving("icmp or icmp6", act);
    return packets.filter(({ protocol, payload }) => payload[0] === unreachable[protocol]).length;
  }

  /** leaving gives the packets of a kind (a pcap-filter(7) expression) that leave the client while something is done. */
  async leaving(filter: string, act: () => Promise<void>): Promise<Packet[]> {
    const { namespace } = this.lab.network.client!;
    const file = join(this.#directory, `packets-${++this.#captures}`);
    const capture = await startCapture({ namespace, device: "up0", filter, file, keep: 128, direction: "out" });
    let lost = 0;
    try {
      await act();
    } finally {
      lost = await capture.stop();
    }
    if (lost > 0) throw new Error(`the capture of ${filter} lost ${lost} packets`);
    const packets: Packet[] = [];
    readPackets(file, (packet) => packets.push(packet));
    return packets;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lab.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** Links get 2001:db8:0:N::/64 and R1 a static route with a path to each endpoint: the lab's OSPF is for IPv4. */
async function addIpv6Paths({ r1, endpoints, client }: Network): Promise<void> {
  const settings = ["net.ipv6.conf.all.forwarding=1", "net.ipv6.fib_multipath_hash_policy=1"];
  await r1.namespace.exec("sysctl", "-qw", ...settings);
  for (const [subnet, node] of [client!, ...endpoints].entries()) {
    const device = subnet === 0 ? "client" : node.name;
    await r1.namespace.ip("address", "add", `2001:db8:0:${subnet}::1/64`, "dev", device, "nodad");
    await node.namespace.ip("address", "add", `2001:db8:0:${subnet}::2/64`, "dev", "up0", "nodad");
    await node.namespace.ip("-6", "route", "add", "default", "via", `2001:db8:0:${subnet}::1`);
  }
  const hops = endpoints.flatMap((_, index) => ["nexthop", "via", `2001:db8:0:${index + 1}::2`]);
  await r1.namespace.ip("-6", "route", "add", `${ipv6}/128`, ...hops);
}

function byPort({ rows }: SweepResult): Pick<Sweep, "portsOfSite" | "unsteadyPorts"> {
  const sites = new Map<number, Set<string>>();
  for (const { sourcePort, outcome, site } of rows) {
    const seen = sites.get(sourcePort) ?? new Set();
    sites.set(sourcePort, seen.add(site ?? outcome));
  }
  const portsOfSite: Record<string, number> = {};
  const unsteadyPorts: number[] = [];
  for (const [port, [site, ...others]] of sites) {
    if (others.length > 0) unsteadyPorts.push(port);
    else portsOfSite[site!] = (portsOfSite[site!] ?? 0) + 1;
  }
  return { portsOfSite, unsteadyPorts };
}

export const rawSweep: Experiment = {
  summary: "64 source ports through a router that hashes by port find every endpoint by NSID, and no ICMP leaves",
  headline:
    "{raw_ipv4_endpoints} of 3 endpoints found over IPv4 and {raw_ipv6_endpoints} of 3 over IPv6 by 64 source ports, with {raw_ipv4_icmp_errors} ICMP errors",
  async run({ trials: rounds = 3 }, say) {
    const figures: Record<string, unknown> = {};
    const failures: string[] = [];
    const missing = labMissing();
    if (missing) throw new CannotMeasure(missing);
    needs("unbound", "tcpdump");
    await using stage = await SweepLab.create();
    for (const transport of ["raw", "socket"] as const) {
      for (const family of [4, 6] as const) {
        const name = `${transport}_ipv${family}`;
        const found = await stage.sweep(family, {
          transport,
          ports,
          rounds,
          ...(transport === "raw" && { firstPort }),
        });
        const names = stage.lab.endpoints.map(({ node }) => node.name);
        failures.push(...faults(found, names, rounds, transport).map((what) => `${name}: ${what}`));
        figures[`${name}_ports_of_site`] = found.portsOfSite;
        figures[`${name}_endpoints`] = names.filter((site) => found.portsOfSite[site]).length;
        figures[`${name}_sent`] = found.result.sent;
        figures[`${name}_rows`] = found.result.rows.length;
        figures[`${name}_icmp_errors`] = found.icmpErrors;
        say(`${name}: ports that lead to each site: ${JSON.stringify(found.portsOfSite)}`);
        for (const line of portLines(found)) say(`${name}: ${line}`);
      }
    }
    return { figures, failures };
  },
};

/** faults gives a sentence for each thing that a sweep should have shown and did not. */
function faults(found: Sweep, sites: readonly string[], rounds: number, transport: "raw" | "socket"): string[] {
  const { result, portsOfSite, unsteadyPorts, icmpErrors } = found;
  const asked = new Set(result.rows.map(({ sourcePort }) => sourcePort));
  const reserved = [...asked].every((port) => port >= firstPort && port < firstPort + ports);
  return [
    ...sites.filter((site) => !portsOfSite[site]).map((site) => `no port leads to ${site}`),
    ...(asked.size === ports ? [] : [`expected ${ports} source ports, saw ${asked.size}`]),
    ...(transport === "socket" || reserved
      ? []
      : [`a probe left from a port outside ${firstPort}-${firstPort + ports - 1}`]),
    ...(unsteadyPorts.length === 0 ? [] : [`not one site each: ports ${unsteadyPorts.join(", ")}`]),
    ...(result.sent === ports * rounds && result.rows.length === result.sent
      ? []
      : [`expected ${ports * rounds} probes and as many rows, got ${result.sent} and ${result.rows.length}`]),
    ...(result.rows.every(({ outcome }) => outcome === "answered") ? [] : ["not every probe was answered"]),
    ...(icmpErrors === 0 ? [] : [`${icmpErrors} ICMP errors left the client`]),
  ];
}

/** portLines lists each site's ports. */
function portLines({ result }: Sweep): string[] {
  const portsOf = new Map<string, Set<number>>();
  for (const { sourcePort, outcome, site = outcome } of result.rows) {
    portsOf.set(site, (portsOf.get(site) ?? new Set()).add(sourcePort));
  }
  return [...portsOf].map(([site, of]) => `${site}: ${[...of].sort((a, b) => a - b).join(" ")}`);
}
