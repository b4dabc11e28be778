// The selftest's look at ospf6d: the driver itself reads it, as opening it changes nothing.

import type { Observation } from "../route/driver.js";
import { Frr6Driver } from "../route/frr6.js";
import type { Prefix } from "../route/prefix.js";
import { doubtful, failed, type Proof, proven } from "./selftest-proof.js";

type Claim = (prefix: Prefix, driver: string) => Pick<Proof, "kind" | "subject" | "claim">;

/** proveFrr6 looks at the IPv6 prefixes of an frr entry. */
export async function proveFrr6(sockets: string, prefixes: readonly Prefix[], claimOf: Claim): Promise<Proof[]> {
  if (prefixes.length === 0) return [];
  const driver = new Frr6Driver({ sockets });
  try {
    await driver.open([], () => {});
    const observed = await driver.observe(prefixes);
    return prefixes.map((prefix) => prove(claimOf(prefix, "frr"), observed.get(prefix)!, sockets));
  } finally {
    await driver.close();
  }
}

function prove(claim: ReturnType<Claim>, seen: Observation, sockets: string): Proof {
  const { announcement, verified, reason, noRung, way } = seen;
  if (announcement === "unknown") {
    const advice = "see whether ospf6d runs, and whether `sockets` is where it has its sockets";
    return failed(claim, reason ?? "nothing is known of it", `ospf6d at ${sockets}/ospf6d.vty`, advice);
  }
  const expected = "announced, verified";
  const got = way === undefined ? announcement : `${announcement}; it is moved by ${way}`;
  if (!verified) {
    const advice = reason === "no adjacency" ? "ospf6d has no Full neighbour: see `show ipv6 ospf6 neighbor`" : null;
    return doubtful(claim, `${got}; not verified: ${reason ?? "unread"}`, expected, advice);
  }
  if (announcement !== "announced") return doubtful(claim, got, expected, null);
  return noRung === undefined
    ? proven(claim, got)
    : doubtful(claim, `${got}; it cannot be depreferred: ${noRung}`, expected, null);
}
