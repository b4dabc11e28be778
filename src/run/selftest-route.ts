// The selftest's look at the drivers: each is read, and says what it would do. Nothing is changed: the address driver is not
// even opened, as that would put its anchors in and take its leases over.
import { accessSync, constants, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { type Link, listLinks } from "../engine/netlink.js";
import type { NetlinkEvents } from "../engine/netlink-watch.js";
import { AddressDriver } from "../route/address.js";
import { BirdDriver } from "../route/bird.js";
import type { Observation } from "../route/driver.js";
import { FrrMemory } from "../route/frr-memory.js";
import { type Plan, planDeprefer, planWithdraw } from "../route/frr-plan.js";
import { commandsFor, observationOf, readState } from "../route/frr-reading.js";
import type { RouterState } from "../route/frr-state.js";
import { addressOf, familyOfPrefix, type Prefix } from "../route/prefix.js";
import { refused, Vty } from "../route/vty.js";
import type { RouteConfig } from "./config.js";
import type { Explain } from "./routing.js";
import { proveFrr6 } from "./selftest-frr6.js";
import { proveExec, proveIfupdown } from "./selftest-mover.js";
import { doubtful, failed, type Proof, proven } from "./selftest-proof.js";

/** What ospfd answers to a command that it does not know: Quagga has no `json`. */
const unknownCommand = 2;
/** The bit of CAP_NET_ADMIN in a set of capabilities (capability.h). */
const netAdmin = 1n << 12n;

/** proveRoute looks at one entry of the services' routes, with all prefixes that it moves. */
export async function proveRoute(entry: RouteConfig, prefixes: readonly Prefix[], explain: Explain): Promise<Proof[]> {
  switch (entry.driver) {
    case "address":
      return proveAddress(entry, prefixes);
    case "frr":
      return [
        ...(await proveFrr(entry.sockets, prefixes.filter(isFour))),
        ...(await proveFrr6(
          entry.sockets,
          prefixes.filter((prefix) => !isFour(prefix)),
          claimOf,
        )),
      ];
    case "bird":
      return proveBird(entry, prefixes);
    case "ifupdown":
      return proveIfupdown(entry, prefixes, claimOf);
    case "exec":
      return proveExec(entry, prefixes, explain, claimOf);
    case "none":
      return prefixes.map((prefix) => proven(claimOf(prefix, "none"), "it moves nothing"));
  }
}

function isFour(prefix: Prefix): boolean {
  return familyOfPrefix(prefix) === 4;
}

function claimOf(prefix: Prefix, driver: string) {
  return { kind: "driver", subject: prefix, claim: `the driver ${driver} can be read, and could act` } as const;
}

// --- address ----------------------------------------------------------------------------------------------------------

/** No event is awaited here: each look lists anew. */
const noEvents: NetlinkEvents = { subscribe: () => () => {}, poll: () => {} };

async function proveAddress(
  entry: Extract<RouteConfig, { driver: "address" }>,
  prefixes: readonly Prefix[],
): Promise<Proof[]> {
  const link = listLinks().find(({ name }) => name === entry.device);
  const observed = await new AddressDriver({ ...entry, prefixes }, noEvents).observe(prefixes);
  return prefixes.map((prefix) => proveAddressOf(prefix, entry.device, link, observed.get(prefix)!));
}

function proveAddressOf(prefix: Prefix, device: string, link: Link | undefined, seen: Observation): Proof {
  const claim = claimOf(prefix, "address");
  if (!link) return failed(claim, `there is no device ${device}`, `the device ${device}`, "correct `device`");
  if (seen.announcement === "unknown")
    return failed(claim, seen.reason ?? "", `${prefix} on ${device}, or nothing`, "take the other one away");
  const present = seen.announcement === "announced";
  const expected = `${prefix} on ${device}, which is up`;
  if (!link.up) return failed(claim, `${device} is down`, expected, `ip link set ${device} up`);
  if (!mayAdminister()) {
    const advice = "the daemon needs CAP_NET_ADMIN, as its unit gives it: run this as root";
    return doubtful(
      claim,
      `${present ? "present" : "absent"}, and we lack CAP_NET_ADMIN to change that`,
      expected,
      advice,
    );
  }
  if (present) return proven(claim, `on ${device}; withdrawing deletes it`);
  return doubtful(claim, `withdrawn: not on ${device}; announcing adds it`, expected, null);
}

/** Of this process, in its user namespace: what netlink asks for. */
function mayAdminister(): boolean {
  const [, effective = "0"] = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "latin1")) ?? [];
  return (BigInt(`0x${effective}`) & netAdmin) !== 0n;
}

// --- frr --------------------------------------------------------------------------------------------------------------

async function proveFrr(sockets: string, prefixes: readonly Prefix[]): Promise<Proof[]> {
  const path = `${sockets}/ospfd.vty`;
  if (prefixes.length === 0) return [];
  try {
    const state = await readRouter(path, prefixes);
    const memory = new FrrMemory();
    memory.learn(state, prefixes);
    const plan = planWithdraw(state, prefixes, memory);
    const { refusals } = planDeprefer(state, prefixes, "dead", memory);
    return prefixes.map((prefix) => proveFrrOf(prefix, observationOf(state, prefix), plan, refusals.get(prefix)));
  } catch (error) {
    const advice = "see whether ospfd runs, and whether `sockets` is where it has its sockets";
    const got = (error as Error).message;
    return prefixes.map((prefix) => failed(claimOf(prefix, "frr"), got, `ospfd at ${path}`, advice));
  }
}

async function readRouter(path: string, prefixes: readonly Prefix[]): Promise<RouterState> {
  const vty = new Vty({ path, onDown: () => {}, onUp: () => {} });
  try {
    await vty.open();
    for (const json of [true, false]) {
      const commands = commandsFor(prefixes, json);
      const replies = await vty.run(commands);
      if (json && replies.slice(1).some(({ status }) => status === unknownCommand)) continue;
      const at = replies.findIndex(({ status }) => status !== 0);
      if (at >= 0) throw refused(commands[at]!, replies[at]!);
      const texts = replies.map(({ text }) => text);
      return readState(texts, prefixes, json);
    }
    throw new Error(`ospfd knows neither form of its commands at ${path}`);
  } finally {
    vty.close();
  }
}

function proveFrrOf(prefix: Prefix, seen: Observation, plan: Plan, noRung: string | undefined): Proof {
  const claim = claimOf(prefix, "frr");
  const { announcement, verified, reason } = seen;
  const expected = "announced, verified, by a line for it alone";
  const refusal = plan.refusals.get(prefix);
  if (refusal !== undefined) return failed(claim, refusal, expected, null);
  if (announcement === "unknown") return failed(claim, reason ?? "nothing is known of it", expected, null);
  const lines = plan.lines.filter((line) => !line.includes("ip ospf cost"));
  const own = lines.filter((line) => line.includes(addressOf(prefix)) || line.startsWith("no redistribute"));
  const got = own.length === 0 ? announcement : `${announcement}; withdrawing writes \`${own.join("`, `")}\``;
  if (!verified) return doubtful(claim, `${got}; not verified: ${reason ?? "unread"}`, expected, adviceFor(reason));
  if (announcement !== "announced") return doubtful(claim, got, expected, null);
  if (noRung !== undefined) return doubtful(claim, `${got}; it cannot be depreferred: ${noRung}`, expected, null);
  return proven(claim, got);
}

function adviceFor(reason: string | undefined): string | null {
  return reason === "no adjacency" ? "ospfd has no Full neighbour: see `show ip ospf neighbor`" : null;
}

// --- bird -------------------------------------------------------------------------------------------------------------

async function proveBird(
  entry: Extract<RouteConfig, { driver: "bird" }>,
  prefixes: readonly Prefix[],
): Promise<Proof[]> {
  const observed = await new BirdDriver(entry).observe(prefixes);
  return prefixes.map((prefix) => {
    const way = familyOfPrefix(prefix) === 4 ? entry.ipv4 : entry.ipv6;
    return proveBirdOf(prefix, observed.get(prefix)!, "file" in way ? way.file : undefined);
  });
}

function proveBirdOf(prefix: Prefix, seen: Observation, file: string | undefined): Proof {
  const claim = claimOf(prefix, "bird");
  const { announcement, reason, way, noRung } = seen;
  const expected = "announced, verified, by a set or a protocol that can be changed";
  if (announcement === "unknown") return failed(claim, reason ?? "nothing is known of it", expected, null);
  const obstacle = file === undefined ? undefined : writeObstacle(file);
  if (obstacle !== undefined) return failed(claim, obstacle, expected, "run this as the user that owns the file");
  const got = `${announcement}; withdrawing changes ${way}`;
  if (reason !== undefined) return doubtful(claim, `${got}; ${reason}`, expected, null);
  if (announcement !== "announced") return doubtful(claim, got, expected, null);
  if (noRung !== undefined) return doubtful(claim, `${got}; it cannot be depreferred: ${noRung}`, expected, null);
  return proven(claim, got);
}

/** A new file is made beside the old one. */
function writeObstacle(file: string): string | undefined {
  try {
    accessSync(file, constants.W_OK);
    accessSync(dirname(file), constants.W_OK);
    return undefined;
  } catch (error) {
    return `${file} cannot be replaced: ${(error as Error).message}`;
  }
}
