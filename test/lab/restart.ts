// The daemon is restarted in every state, by SIGTERM and by kill -9: the restart itself originates no LSA, and R1 sees nothing.
import type { ChildProcess } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { ended } from "../../src/demo/frr.js";
import { redistributeLine } from "../../src/demo/ospfd-conf.js";
import { call } from "../../src/run/control.js";
import type { PrefixReport } from "../../src/run/status.js";
import { monotonicNs } from "../../src/units.js";
import { type DaemonProcess, prefixIn } from "../support/daemon.js";
import { anycastAddress } from "../support/host.js";
import type { Experiment } from "./figures.js";
import { anycast, type DaemonOptions, Lab, type LabEndpoint, type LabOptions } from "./lab.js";
import { type OwnLsas, ownLsas } from "./lsa.js";

type Driver = "address" | "frr";
type Announce = NonNullable<LabOptions["announce"]>;
/** How the daemon ends: SIGTERM with `on_exit: keep`, or kill -9. */
export type End = "stop" | "kill";

/** Site is one endpoint with the daemon that is restarted. */
interface Site {
  readonly lab: Lab;
  readonly endpoint: LabEndpoint;
  readonly driver: Driver;
  readonly announce: Announce;
  daemon: DaemonProcess;
}

/** State is one that a daemon can be in: how it gets there, and back to having its service up and announced. */
interface State {
  readonly options?: DaemonOptions;
  /** Only with this driver. */
  readonly only?: Driver;
  enter(site: Site): Promise<void>;
  /** Both before the restart and after it. */
  stands(report: PrefixReport, driver: Driver): boolean;
  /** What happens after the restart, before it is judged. */
  after?(site: Site): Promise<void>;
  leave(site: Site): Promise<void>;
}

const check = { interval: "100ms", fast_interval: "50ms", timeout: "100ms", stable_for: "200ms" };
const service = { damping: { hold_down: "1s", max: "1s" }, drain: "1h" };
const windowMs = 2000;
/** Whatever a new daemon does by its ticks, its guard's looks and its objective's first window, it has done by then. */
const lingerMs = windowMs + 1500;
const settleMs = 1000;

const states: Readonly<Record<string, State>> = {
  up: {
    enter: async () => {},
    stands: (report) => report.observed === "announced" && checkOf(report) === "up",
    leave: async () => {},
  },
  falling: {
    // Long enough for the restart; the new daemon begins to count anew.
    options: { check: { fall: 100 } },
    async enter({ endpoint, daemon }) {
      endpoint.server!.signal("SIGSTOP");
      await until(daemon, (report) => checkOf(report) === "falling");
    },
    stands: ({ checks }) => checks[0]!.state !== "down" && checks[0]!.verdicts.fail > 0,
    async after({ endpoint, daemon }) {
      endpoint.server!.signal("SIGCONT");
      await until(daemon, states["up"]!.stands);
    },
    leave: async () => {},
  },
  degraded: {
    // No server is that quick.
    options: { service: { objective: { latency: { p50: "1us" }, min_samples: 10, window: `${windowMs}ms` } } },
    enter: async () => {},
    stands: ({ observed, objective }, driver) =>
      objective?.breached === true && observed === (driver === "frr" ? "degraded" : "announced"),
    leave: async () => {},
  },
  down: {
    enter: async ({ endpoint }) => endpoint.server!.signal("SIGKILL"),
    stands: (report) => report.observed === "withdrawn" && checkOf(report) === "down",
    leave: revive,
  },
  guarded: {
    // There are not so many others.
    options: { others: 5 },
    enter: async ({ endpoint }) => endpoint.server!.signal("SIGKILL"),
    stands: (report, driver) =>
      report.guard!.held && checkOf(report) === "down" && report.observed === (driver === "frr" ? "dead" : "announced"),
    leave: revive,
  },
  draining: {
    only: "frr",
    async enter(site) {
      await startTraffic(site);
      await order(site, "drain");
    },
    stands: ({ order, observed }) => order?.kind === "drain" && observed === "drained",
    async leave(site) {
      await order(site, "undrain");
      await stopTraffic(site);
    },
  },
  drained: {
    enter: (site) => order(site, "drain"),
    stands: ({ order, observed }) => order?.kind === "drain" && observed === "withdrawn",
    leave: (site) => order(site, "undrain"),
  },
  manual: {
    enter: takeAway,
    stands: ({ order, observed }) => order?.kind === "manual" && observed === "withdrawn",
    leave: putBack,
  },
};

export const restart: Experiment = {
  summary: "the daemon restarted in every state, by SIGTERM and by kill -9: LSAs that this originates",
  run: ({ driver, only }, say) => {
    const chosen = Object.keys(states).filter((name) => only === undefined || name === only);
    const drivers = (["address", "frr"] as const).filter((name) => driver === undefined || name === driver);
    return measureRestart(
      { announces: ["network", "redistribute"], drivers, states: chosen, ends: ["stop", "kill"] },
      say,
    );
  },
};

/** stateNames are those in which a daemon can be restarted. */
export const stateNames: readonly string[] = Object.keys(states);

export interface RestartTerms {
  readonly announces: readonly Announce[];
  readonly drivers: readonly Driver[];
  readonly states: readonly string[];
  readonly ends: readonly End[];
}

/** measureRestart goes through all of them, with one endpoint for each driver. */
export async function measureRestart(asked: RestartTerms, say: (text: string) => void) {
  const found: Found[] = [];
  for (const announce of asked.announces) {
    await using lab = await Lab.create({ announce, client: true });
    const sites = asked.drivers.map((driver, i) => ({ driver, endpoint: lab.endpoints[i]! }));
    const all = await Promise.all(sites.map((site) => goThrough({ lab, announce, ...site }, asked, say)));
    found.push(...all.flat());
  }
  const failures = found
    .filter(({ trouble }) => trouble.length > 0)
    .map((one) => `${one.name}: ${one.trouble.join("; ")}`);
  const originated = found.reduce((sum, one) => sum + one.lsas, 0);
  return {
    figures: { restarts: found.length, originated, lsas: Object.fromEntries(found.map((one) => [one.name, one.lsas])) },
    failures,
  };
}

/** Found is what one restart did. */
interface Found {
  readonly name: string;
  /** So many LSAs have another sequence number, are new or are gone. */
  readonly lsas: number;
  readonly trouble: readonly string[];
}

async function goThrough(
  base: Omit<Site, "daemon">,
  { states: names, ends }: RestartTerms,
  say: (text: string) => void,
): Promise<Found[]> {
  const found: Found[] = [];
  const { endpoint, driver, announce } = base;
  for (const name of names) {
    const state = states[name]!;
    if (state.only !== undefined && state.only !== driver) continue;
    const options = optionsOf(driver, state.options);
    const site: Site = { ...base, daemon: endpoint.run(options) };
    for (const end of ends) {
      const one = await restartIn(state, options, site, end);
      found.push({ ...one, name: `${announce}/${driver}/${name}/${end}` });
      say(`${found.at(-1)!.name}: ${one.lsas} LSAs${one.trouble.map((text) => `; ${text}`).join("")}`);
    }
    await site.daemon.stop();
  }
  return found;
}

async function restartIn(state: State, options: DaemonOptions, site: Site, end: End): Promise<Omit<Found, "name">> {
  const { lab, endpoint, driver } = site;
  const gateway = endpoint.gateway;
  const standsSo = (report: PrefixReport) => state.stands(report, driver) && report.verified;
  if (state.options?.service?.["objective"] === undefined) await until(site.daemon, states["up"]!.stands);
  await state.enter(site);
  await until(site.daemon, standsSo);
  const before = await settledLsas(endpoint);
  const routed = (await lab.network.nextHops(anycast)).includes(gateway);
  const sinceNs = monotonicNs();
  const trouble: string[] = [];
  if (end === "kill") await site.daemon.kill();
  else if ((await site.daemon.stop()) !== 0) trouble.push(`the daemon did not end well: ${site.daemon.tail()}`);
  site.daemon = endpoint.run(options);
  await until(site.daemon, standsSo);
  await state.after?.(site);
  await sleep(lingerMs);
  if (!state.after) await until(site.daemon, standsSo);
  const changed = changes(before, await ownLsas(endpoint));
  const seen = lab.monitor.events.filter(
    ({ atNs, destination, nextHops }) =>
      atNs > sinceNs && destination === anycastAddress && nextHops.includes(gateway) !== routed,
  );
  if (changed.length > 0) trouble.push(`originated ${changed.join(", ")}`);
  if (seen.length > 0) trouble.push(`R1's route by ${gateway} changed ${seen.length} times`);
  await state.leave(site);
  return { lsas: changed.length, trouble };
}

function optionsOf(driver: Driver, own: DaemonOptions = {}): DaemonOptions {
  const others = own.others ?? 1;
  return { driver, others, check: { ...check, ...own.check }, service: { ...service, ...own.service } };
}

/** What brought it into this state has come to an end: a router heeds its host's addresses, and its own lines, in its own time. */
async function settledLsas(endpoint: LabEndpoint): Promise<OwnLsas> {
  for (let lsas = await ownLsas(endpoint); ; ) {
    await sleep(settleMs);
    const later = await ownLsas(endpoint);
    if (changes(lsas, later).length === 0) return later;
    lsas = later;
  }
}

/** Names those that are not in both as they were. */
function changes(before: OwnLsas, after: OwnLsas): string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((name) => before[name] !== after[name]);
}

function checkOf({ checks }: PrefixReport): string {
  return checks[0]!.state;
}

async function until(daemon: DaemonProcess, wanted: (report: PrefixReport, driver: Driver) => boolean): Promise<void> {
  await daemon.until((status) => wanted(prefixIn(status, anycast), "address"), 30_000);
}

async function order({ endpoint: { control } }: Site, verb: "drain" | "undrain"): Promise<void> {
  await call(control, verb, { what: anycast });
}

async function revive({ endpoint }: Site): Promise<void> {
  await endpoint.server!.stop();
  await endpoint.startServer();
}

// --- what an operator does by hand ------------------------------------------------------------------------------------

function takeAway(site: Site): Promise<void> {
  return site.driver === "frr" ? configure(site, `no ${lineOf(site)}`) : address(site, "del");
}

function putBack(site: Site): Promise<void> {
  return site.driver === "frr" ? configure(site, lineOf(site)) : address(site, "add");
}

function lineOf({ announce }: Site): string {
  return announce === "network" ? `network ${anycast} area 0` : redistributeLine;
}

async function configure({ endpoint: { node } }: Site, line: string): Promise<void> {
  const commands = ["configure terminal", "router ospf", line].flatMap((command) => ["-c", command]);
  await node.namespace.exec("vtysh", "--vty_socket", node.router.sockets, ...commands);
}

async function address({ endpoint: { node } }: Site, verb: "add" | "del"): Promise<void> {
  const label = verb === "add" ? ["label", "lo:0"] : [];
  await node.namespace.ip("address", verb, anycast, "dev", "lo", ...label);
}

// --- users that do not let go of one endpoint -------------------------------------------------------------------------

const traffic = new Map<LabEndpoint, ChildProcess>();

/** A client whose packets R1 sends to this endpoint whatever OSPF says: its drain never ends by itself. */
async function startTraffic({ lab, endpoint }: Site): Promise<void> {
  const { client, r1 } = lab.network;
  const number = endpoint.node.name.slice(1);
  const from = `198.18.0.1${number}`;
  await client!.namespace.ip("address", "replace", `${from}/24`, "dev", "up0");
  await r1.namespace.ip("route", "replace", "default", "via", endpoint.gateway, "table", number);
  await r1.namespace.ip("rule", "add", "from", from, "lookup", number);
  const script = `
    const socket = require("node:dgram").createSocket("udp4");
    socket.bind(0, "${from}", () => setInterval(() => socket.send("?", 53, "${anycastAddress}"), 20));`;
  traffic.set(endpoint, client!.namespace.spawn(process.execPath, ["-e", script], { stdio: "ignore" }));
}

async function stopTraffic({ lab, endpoint }: Site): Promise<void> {
  const child = traffic.get(endpoint)!;
  child.kill("SIGKILL");
  await ended(child);
  await lab.network.r1.namespace.ip("rule", "del", "lookup", endpoint.node.name.slice(1));
}
