// Which router this host has, and how it announces the prefixes now, read through the drivers that would move them.
import { statSync } from "node:fs";
import type { Driver, Observation } from "../route/driver.js";
import { FrrDriver } from "../route/frr.js";
import { type OspfConfig, readOspfConfig } from "../route/ospf-config.js";
import { familyOfPrefix, type Prefix } from "../route/prefix.js";
import { Vty } from "../route/vty.js";

/** Router is the routing daemon of this host that speaks OSPF. */
export type Router =
  | {
      readonly kind: "frr";
      /** The directory of the vty sockets. */
      readonly sockets: string;
      /** What ospfd is configured to; undefined where it does not say. */
      readonly config: OspfConfig | undefined;
      readonly observed: ReadonlyMap<Prefix, Observation>;
    }
  | { readonly kind: "bird"; readonly socket: string };

const vtyDirectories = ["/run/frr", "/run/quagga", "/var/run/quagga"];
const birdSockets = ["/run/bird/bird.ctl", "/var/run/bird.ctl"];
const timeoutMs = 2000;

/** findRouter looks where routers have their sockets, at `at` first if that is given. Undefined where there is none. */
export async function findRouter(prefixes: readonly Prefix[], at?: string): Promise<Router | undefined> {
  const sockets = [...(at === undefined ? [] : [at]), ...vtyDirectories].find((path) => isSocket(`${path}/ospfd.vty`));
  if (sockets !== undefined) return readFrr(sockets, prefixes);
  const socket = [...(at === undefined ? [] : [at]), ...birdSockets].find(isSocket);
  return socket === undefined ? undefined : { kind: "bird", socket };
}

async function readFrr(sockets: string, prefixes: readonly Prefix[]): Promise<Router> {
  const four = prefixes.filter((prefix) => familyOfPrefix(prefix) === 4);
  const observed = await observe(new FrrDriver({ sockets, timeoutMs }), four);
  const vty = new Vty({ path: `${sockets}/ospfd.vty`, timeoutMs, onDown: () => {}, onUp: () => {} });
  await vty.open();
  try {
    const [running] = await vty.run(["show running-config"]);
    return { kind: "frr", sockets, config: readOspfConfig(running!.text), observed };
  } catch {
    // Why it says nothing is in what was observed.
    return { kind: "frr", sockets, config: undefined, observed };
  } finally {
    vty.close();
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
  return statSync(path, { throwIfNoEntry: false })?.isSocket() ?? false;
}
