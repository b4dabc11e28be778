// Reads ospf6d's neighbours. As plain text: its JSON has no list of what is still to be acknowledged before FRR 9. Pure.
import type { Neighbor } from "./lsdb.js";

/** readNeighbors6 reads `show ipv6 ospf6 neighbor detail`. */
export function readNeighbors6(text: string): readonly Neighbor[] {
  return text
    .split(/^\s*Neighbor /m)
    .slice(1)
    .map((neighbor) => ({
      // `198.18.255.1%up0`.
      id: /^[\d.]+/.exec(neighbor)?.[0] ?? "",
      full: /^\s*State Full\b/m.test(neighbor),
      retransmit: Number(/^\s*Retrans-List: (\d+)/m.exec(neighbor)?.[1] ?? 0),
    }));
}
