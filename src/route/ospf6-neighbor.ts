// Reads ospf6d's neighbours. Pure.
import type { Json, Neighbor } from "./lsdb.js";

/** readNeighbors6 reads `show ipv6 ospf6 neighbor detail json`: `{"198.18.255.1%up0": neighbour}`. */
export function readNeighbors6(text: string): readonly Neighbor[] {
  return Object.entries(JSON.parse(text) as Json).map(([name, value]) => {
    const neighbor = value as Json;
    return {
      id: name.split("%")[0]!,
      full: neighbor["neighborState"] === "Full",
      retransmit: Number(neighbor["reTransListCount"]),
    };
  });
}
