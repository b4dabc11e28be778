// What an endpoint's router originates: each new instance of an LSA has a higher sequence number (RFC 2328, 12.1.6), so that
// two readings tell how many there were between them, and whether there were any at all.
import { join } from "node:path";
import { lsasIn } from "../../src/route/lsdb.js";
import { Vty } from "../../src/route/vty.js";
import type { LabEndpoint } from "./lab.js";

/** OwnLsas has the sequence number of each LSA by its type and id. */
export type OwnLsas = Readonly<Record<string, number>>;

/** ownLsas reads the router LSA and the external ones out of the database of the router that originates them. */
export async function ownLsas({ node }: LabEndpoint): Promise<OwnLsas> {
  const vty = new Vty({ path: join(node.router.sockets, "ospfd.vty"), onDown: () => {}, onUp: () => {} });
  await vty.open();
  try {
    const kinds = { router: "router-LSA", external: "AS-external-LSA" };
    const replies = await vty.run(
      Object.keys(kinds).map((kind) => `show ip ospf database ${kind} self-originate json`),
    );
    const lsas = Object.values(kinds).flatMap((type, i) => [...lsasIn(JSON.parse(replies[i]!.text), type)]);
    return Object.fromEntries(
      lsas.map((lsa) => [`${lsa["lsaType"]} ${lsa["linkStateId"]}`, Number.parseInt(String(lsa["lsaSeqNumber"]), 16)]),
    );
  } finally {
    vty.close();
  }
}

/** originations tells how many instances of its router LSA an endpoint's router has made between two readings. */
export function originations(before: OwnLsas, after: OwnLsas): number {
  const sequence = (lsas: OwnLsas) => Object.entries(lsas).find(([name]) => name.startsWith("router-LSA"))?.[1];
  return (sequence(after) ?? Number.NaN) - (sequence(before) ?? Number.NaN);
}
