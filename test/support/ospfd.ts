// What tests do at an endpoint's ospfd besides the driver: as an operator at vtysh does.
import { spawnSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { daemonDirectory } from "../../src/demo/frr.js";
import type { RoutedNode } from "../../src/demo/network.js";
import { lsasIn } from "../../src/route/lsdb.js";
import { addressOf, type Prefix } from "../../src/route/prefix.js";
import { Vty } from "../../src/route/vty.js";

/** operate configures lines. */
export async function operate(node: RoutedNode, ...lines: readonly string[]): Promise<void> {
  await withVty(node, (vty) => vty.configure(lines));
}

/** running gives the running configuration without its empty lines. */
export async function running(node: RoutedNode): Promise<string> {
  const [reply] = await withVty(node, (vty) => vty.run(["show running-config"]));
  return reply!.text.replaceAll(/^!?\n/gm, "");
}

/** externalOf gives the external LSA of a prefix, with its sequence number; undefined where it has none. */
export async function externalOf(node: RoutedNode, prefix: Prefix) {
  const [reply] = await withVty(node, (vty) => vty.run(["show ip ospf database external self-originate json"]));
  const lsas = [...lsasIn(JSON.parse(reply!.text), "AS-external-LSA")];
  const lsa = lsas.find((one) => one["linkStateId"] === addressOf(prefix));
  return lsa && { metric: lsa["metric"], tag: lsa["externalRouteTag"], sequence: lsa["lsaSeqNumber"] };
}

/** restartWith restarts it with another configuration file. */
export async function restartWith({ router }: RoutedNode, config: string): Promise<void> {
  await router.signalOspfd("SIGTERM");
  await writeFile(join(router.sockets, "..", "ospfd.conf"), config);
  await router.startOspfd();
}

/** withVty lends a connection. */
export async function withVty<T>({ router }: RoutedNode, use: (vty: Vty) => Promise<T>): Promise<T> {
  const vty = new Vty({ path: join(router.sockets, "ospfd.vty"), onDown: () => {}, onUp: () => {} });
  await vty.open();
  try {
    return await use(vty);
  } finally {
    vty.close();
  }
}

/** suppresses: the routers here are FRR 9.1 or later, as the lab's later ones, and know `ip ospf prefix-suppression ADDRESS`. */
export const suppresses = (() => {
  const { stdout } = spawnSync(`${daemonDirectory}/ospfd`, ["--version"], { encoding: "utf8" });
  const [, major = 0, minor = 0] = /version (\d+)\.(\d+)/.exec(stdout ?? "")?.map(Number) ?? [];
  return major > 9 || (major === 9 && minor >= 1);
})();
