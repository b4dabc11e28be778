// What tests do at an endpoint's ospf6d besides the driver: as an operator at vtysh does.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RoutedNode } from "../../src/demo/network.js";
import type { Json } from "../../src/route/lsdb.js";
import { readExternals6 } from "../../src/route/ospf6-lsdb.js";
import type { Prefix } from "../../src/route/prefix.js";
import { Vty } from "../../src/route/vty.js";

const maxAgeSeconds = 3600;

/** operate6 configures lines. */
export async function operate6(node: RoutedNode, ...lines: readonly string[]): Promise<void> {
  await withVty6(node, (vty) => vty.configure(lines));
}

/** running6 gives the running configuration. */
export async function running6(node: RoutedNode): Promise<string> {
  const [reply] = await withVty6(node, (vty) => vty.run(["show running-config"]));
  return reply!.text;
}

/** metricOf6 gives the metric of the endpoint's own AS-external LSA of a prefix; undefined where it has none. */
export async function metricOf6(node: RoutedNode, prefix: Prefix): Promise<number | undefined> {
  const command = "show ipv6 ospf6 database as-external self-originated detail json";
  const [reply] = await withVty6(node, (vty) => vty.run([command]));
  return readExternals6(reply!.text).get(prefix)?.[0]?.metric;
}

/** lsaOf6 gives the identity and the sequence number of that LSA. */
export async function lsaOf6(node: RoutedNode, prefix: Prefix): Promise<unknown> {
  const command = "show ipv6 ospf6 database as-external self-originated json";
  const [reply] = await withVty6(node, (vty) => vty.run([command]));
  const lsas: Json[] = JSON.parse(reply!.text).asScopedLinkStateDb[0].lsa;
  const living = lsas.find((lsa) => lsa["payload"] === prefix && Number(lsa["age"]) < maxAgeSeconds);
  return living && { id: living["lsId"], sequence: living["seqNum"] };
}

/** restartWith6 restarts it with another configuration file. */
export async function restartWith6({ router }: RoutedNode, config: string): Promise<void> {
  await router.signalOspfd("SIGTERM", "ospf6d");
  await writeFile(join(router.sockets, "..", "ospf6d.conf"), config);
  await router.startOspfd("ospf6d");
}

/** withVty6 lends a connection. */
export async function withVty6<T>({ router }: RoutedNode, use: (vty: Vty) => Promise<T>): Promise<T> {
  const vty = new Vty({ path: join(router.sockets, "ospf6d.vty"), onDown: () => {}, onUp: () => {} });
  await vty.open();
  try {
    return await use(vty);
  } finally {
    vty.close();
  }
}
