// From a whole database to who announces a prefix: what both readers of a link-state database have in common. Pure.
import type { Announcer, Announcers } from "./link-state.js";
import type { Prefix } from "./prefix.js";

/** Database is what is alive in a router's database: of routers that can be reached, in the words of no particular daemon. */
export interface Database {
  /** This router's own id. */
  readonly routerId: string;
  /** The area border routers, this one perhaps among them. */
  readonly borders: readonly string[];
  /** All that announce each prefix, this router perhaps among them. */
  readonly announcers: ReadonlyMap<Prefix, readonly Announcer[]>;
}

/** announcersOf gives who else announces a prefix, each router once. */
export function announcersOf({ routerId, borders, announcers }: Database, prefix: Prefix): Announcers {
  const others = new Map<string, Announcer>();
  for (const announcer of announcers.get(prefix) ?? []) {
    const known = others.get(announcer.routerId);
    if (announcer.routerId === routerId || (known && !isPreferred(announcer, known))) continue;
    others.set(announcer.routerId, announcer);
  }
  const beyond = [...new Set(borders)].filter((border) => border !== routerId);
  const are = beyond.length === 1 ? "is an area border router" : "are area border routers";
  return {
    routerId,
    others: [...others.values()],
    ...(beyond.length > 0 && { blind: `unknown (other areas): ${beyond.join(", ")} ${are}` }),
  };
}

/** A stub beats an external of the same router, type 1 beats type 2 (RFC 2328, 11). */
function isPreferred(one: Announcer, other: Announcer): boolean {
  if (one.kind !== other.kind) return one.kind === "stub";
  if (one.metricType !== other.metricType) return one.metricType === 1;
  return one.metric < other.metric;
}
