// Which router this host has, and how it announces the prefixes now, read through the drivers that would move them.
import { statSync } from "node:fs";
import type { Family } from "../probe/target.js";
import { BirdDriver } from "../route/bird.js";
import { askBird } from "../route/bird-control.js";
import { readOspfProtocols } from "../route/bird-state.js";
import type { Driver, Observation } from "../route/driver.js";
import { FrrDriver } from "../route/frr.js";
import { Frr6Driver } from "../route/frr6.js";
import { type OspfConfig, readOspfConfig } from "../route/ospf-config.js";
import { familyOfPrefix, type Prefix, prefixOf } from "../route/prefix.js";
import { Vty } from "../route/vty.js";
import type { RouteConfig } from "../run/config.js";
import { buildRoute } from "../run/route-build.js";
import { routeSchema } from "../run/route-schema.js";
import { proveRoute } from "../run/selftest-route.js";

/** Router is the routing daemon of this host that speaks OSPF. */
export interface Router {
  readonly kind: "frr" | "bird";
  /** The directory of FRR's vty sockets, or BIRD's control socket. */
  readonly path: string;
  /** Those that it speaks OSPF for. */
  readonly families: readonly Family[];
  /** What ospfd is configured to; undefined where it does not say, and of BIRD, which tells nobody. */
  readonly config: OspfConfig | undefined;
  readonly observed: ReadonlyMap<Prefix, Observation>;
  /** Why its driver could not withdraw a prefix, of those that it could not. */
  readonly refusals: ReadonlyMap<Prefix, string>;
}

const vtyDirectories = ["/run/frr", "/run/quagga", "/var/run/quagga"];
const birdSockets = ["/run/bird/bird.ctl", "/var/run/bird.ctl"];
const vtySockets = [
  [4, "ospfd.vty"],
  [6, "ospf6d.vty"],
] as const;
const timeoutMs = 2000;

/** findRouter looks where routers have their sockets, at `at` first if that is given. Undefined where there is none. */
export async function findRouter(prefixes: readonly Prefix[], at?: string): Promise<Router | undefined> {
  const first = at === undefined ? [] : [at];
  for (const path of [...first, ...vtyDirectories]) {
    const families = vtySockets.filter(([, name]) => isSocket(`${path}/${name}`)).map(([family]) => family);
    if (families.length > 0) return readFrr(path, families, prefixes);
  }
  const socket = [...first, ...birdSockets].find(isSocket);
  return socket === undefined ? undefined : readBird(socket, prefixes);
}

/** isMovable tells whether the router's own driver could take the prefix away and put it back. */
export function isMovable({ kind, observed, refusals }: Router, prefix: Prefix): boolean {
  const { announcement, reason } = observed.get(prefix) ?? {};
  // What BIRD lets out by another set than the driver would edit has a reason.
  return announcement === "announced" && !refusals.has(prefix) && (kind === "frr" || reason === undefined);
}

async function readFrr(path: string, families: readonly Family[], prefixes: readonly Prefix[]): Promise<Router> {
  const make = { 4: FrrDriver, 6: Frr6Driver };
  const seen = families.map((family) => {
    const own = prefixes.filter((prefix) => familyOfPrefix(prefix) === family);
    return observe(new make[family]({ sockets: path, timeoutMs }), own);
  });
  const observed = new Map((await Promise.all(seen)).flatMap((one) => [...one]));
  const refusals = await refusalsOf({ driver: "frr", sockets: path }, [...observed.keys()]);
  const config = families.includes(4) ? await readConfig(`${path}/ospfd.vty`) : undefined;
  return { kind: "frr", path, families, config, observed, refusals };
}

async function readConfig(path: string): Promise<OspfConfig | undefined> {
  const vty = new Vty({ path, timeoutMs, onDown: () => {}, onUp: () => {} });
  await vty.open();
  try {
    const [running] = await vty.run(["show running-config"]);
    return readOspfConfig(running!.text);
  } catch {
    // Why it says nothing is in what was observed.
    return undefined;
  } finally {
    vty.close();
  }
}

async function readBird(path: string, prefixes: readonly Prefix[]): Promise<Router> {
  // With the files and names that it has where nobody says otherwise.
  const entry = buildRoute(routeSchema.parse({ bird: { socket: path } }));
  if (entry.driver !== "bird") throw new Error(`expected the bird driver, got ${entry.driver}`);
  const observed = await observe(new BirdDriver({ ...entry, timeoutMs }), prefixes);
  const refusals = await refusalsOf(entry, prefixes);
  return { kind: "bird", path, families: await birdFamilies(path), config: undefined, observed, refusals };
}

/** As the selftest sees it: nothing is changed. */
async function refusalsOf(entry: RouteConfig, prefixes: readonly Prefix[]): Promise<ReadonlyMap<Prefix, string>> {
  const proofs = await proveRoute(entry, prefixes, () => ({ services: [], reason: "", evidence: [] }));
  const failed = proofs.filter(({ state }) => state === "failed");
  return new Map(failed.map(({ subject, got }) => [prefixOf(subject.slice(0, subject.indexOf("/"))), got]));
}

async function birdFamilies(path: string): Promise<readonly Family[]> {
  try {
    const [listed] = await askBird(path, ["show protocols all"], timeoutMs);
    return [...new Set(readOspfProtocols(listed!).map(({ family }) => family))];
  } catch {
    return [];
  }
}

async function observe(driver: Driver, prefixes: readonly Prefix[]): Promise<ReadonlyMap<Prefix, Observation>> {
  await driver.open([], () => {});
  try {
    return await driver.observe(prefixes);
  } finally {
    await driver.close();
  }
}

function isSocket(path: string): boolean {
  try {
    return statSync(path).isSocket();
  } catch {
    return false;
  }
}
