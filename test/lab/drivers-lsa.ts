// What R1 holds of an endpoint's announcement of one prefix: which LSA has it, at what metric, and that LSA's sequence number,
// which each new instance raises (RFC 2328, 12.1.6; RFC 5340 keeps it).
import { join } from "node:path";
import type { RoutedNode } from "../../src/demo/network.js";
import { type Json, lsasIn, maxAge, stubsIn } from "../../src/route/lsdb.js";
import { addressOf, familyOfPrefix, type Prefix } from "../../src/route/prefix.js";
import { Vty } from "../../src/route/vty.js";

/** Held is the one announcement of a prefix by a router. */
export interface Held {
  readonly lsa: "router-LSA" | "AS-external-LSA" | "intra-area-prefix-LSA";
  readonly metric: number;
  readonly sequence: number;
}

/** heldBy reads R1's database; undefined where the router of this id announces the prefix in no LSA. */
export async function heldBy(r1: RoutedNode, routerId: string, prefix: Prefix): Promise<Held | undefined> {
  return familyOfPrefix(prefix) === 4 ? held4(r1, routerId, prefix) : held6(r1, routerId, prefix);
}

async function held4(r1: RoutedNode, routerId: string, prefix: Prefix): Promise<Held | undefined> {
  const [router, external] = await ask(r1, "ospfd", [
    "show ip ospf database router json",
    "show ip ospf database external json",
  ]);
  const its = (lsa: Json) => lsa["advertisingRouter"] === routerId;
  for (const lsa of [...lsasIn(router, "router-LSA")].filter(its)) {
    const metric = stubsIn(lsa).get(prefix);
    if (metric !== undefined) return { lsa: "router-LSA", metric, sequence: sequenceOf(lsa) };
  }
  const lsa = [...lsasIn(external, "AS-external-LSA")].find(
    (lsa) => its(lsa) && lsa["linkStateId"] === addressOf(prefix),
  );
  return lsa && { lsa: "AS-external-LSA", metric: Number(lsa["metric"]), sequence: sequenceOf(lsa) };
}

/** ospf6d's JSON names LSAs and their members in its own way. */
async function held6(r1: RoutedNode, routerId: string, prefix: Prefix): Promise<Held | undefined> {
  const [intra, external] = await ask(r1, "ospf6d", [
    "show ipv6 ospf6 database intra-prefix detail json",
    "show ipv6 ospf6 database as-external detail json",
  ]);
  const its = (lsa: Json) => lsa["advertisingRouter"] === routerId && Number(lsa["age"]) < maxAge;
  for (const lsa of lsas6(intra!, "areaScopedLinkStateDb").filter(its)) {
    const found = ((lsa["prefix"] ?? []) as Json[]).find((entry) => entry["prefix"] === prefix);
    const sequence = Number(lsa["lsSequenceNumber"]);
    if (found) return { lsa: "intra-area-prefix-LSA", metric: Number(found["metric"]), sequence };
  }
  const lsa = lsas6(external!, "asScopedLinkStateDb").find((lsa) => its(lsa) && lsa["prefix"] === prefix);
  const sequence = Number(lsa?.["lsSequenceNumber"]);
  return lsa && { lsa: "AS-external-LSA", metric: Number(lsa["metric"]), sequence };
}

/** `{SCOPE: [{…, "lsa": [lsa]}]}`. */
function lsas6(document: Json, scope: string): Json[] {
  return ((document[scope] ?? []) as Json[]).flatMap(({ lsa = [] }) => lsa as Json[]);
}

async function ask(node: RoutedNode, daemon: "ospfd" | "ospf6d", commands: readonly string[]): Promise<Json[]> {
  const vty = new Vty({ path: join(node.router.sockets, `${daemon}.vty`), onDown: () => {}, onUp: () => {} });
  await vty.open();
  try {
    return (await vty.run(commands)).map(({ text }) => JSON.parse(text) as Json);
  } finally {
    vty.close();
  }
}

function sequenceOf(lsa: Json): number {
  return Number.parseInt(String(lsa["lsaSeqNumber"]), 16);
}
