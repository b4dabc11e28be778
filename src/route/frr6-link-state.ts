// Reads ospf6d's link-state database through a vty socket connection of its own: who else announces an IPv6 prefix and can be
// reached.
import { RouteError } from "../errors.js";
import { announcersOf, type Database } from "./announcers.js";
import type { Announcer, Announcers, LinkState } from "./link-state.js";
import { readAreas6, readAsbrSummaries6, readRouterId6 } from "./ospf6-area.js";
import { readExternals6, readStubs } from "./ospf6-lsdb.js";
import { familyOfPrefix, type Prefix } from "./prefix.js";
import { reachableFrom } from "./reachability.js";
import { refused, Vty } from "./vty.js";

/** Frr6LinkStateOptions is where ospf6d is reached. */
export interface Frr6LinkStateOptions {
  /** The directory of the vty sockets: `/run/frr`. */
  readonly sockets: string;
  /** How long one command may take before ospf6d counts as hung. */
  readonly timeoutMs?: number;
}

const show = [
  "show ipv6 ospf6 json",
  "show ipv6 ospf6 database router detail json",
  "show ipv6 ospf6 database network detail json",
  "show ipv6 ospf6 database intra-prefix detail json",
  "show ipv6 ospf6 database inter-router detail json",
  "show ipv6 ospf6 database as-external detail json",
];
/** What ospf6d answers to a command that it does not know. */
const unknownCommand = 2;

/** Frr6LinkState is the database of one ospf6d, of FRR 8 or later. */
export class Frr6LinkState implements LinkState {
  readonly name: string;
  readonly #vty: Vty;

  constructor({ sockets, timeoutMs }: Frr6LinkStateOptions) {
    const path = `${sockets}/ospf6d.vty`;
    this.name = `ospf6d at ${path}`;
    this.#vty = new Vty({ path, ...(timeoutMs !== undefined && { timeoutMs }), onDown: () => {}, onUp: () => {} });
  }

  open(): Promise<void> {
    return this.#vty.open();
  }

  async read(prefixes: readonly Prefix[]): Promise<ReadonlyMap<Prefix, Announcers>> {
    const four = prefixes.filter((prefix) => familyOfPrefix(prefix) !== 6);
    if (four.length > 0) {
      const message = `expected IPv6 prefixes, got ${four.join(", ")}: ${this.name} knows no others`;
      throw new RouteError("ERR_ROUTE_UNSUPPORTED", message, "frr", four);
    }
    const replies = await this.#vty.run(show);
    const failed = replies.findIndex(({ status }) => status !== 0);
    if (failed >= 0) {
      const { message } = refused(show[failed]!, replies[failed]!, "ospf6d");
      if (replies[failed]!.status !== unknownCommand)
        throw new RouteError("ERR_ROUTE_REFUSED", message, "frr", prefixes);
      const advice = "the guard needs the JSON of FRR 8 or later";
      throw new RouteError("ERR_ROUTE_UNSUPPORTED", `${message}: ${advice}`, "frr", prefixes);
    }
    try {
      const database = readDatabase(
        replies.map(({ text }) => text),
        prefixes,
      );
      return new Map(prefixes.map((prefix) => [prefix, announcersOf(database, prefix)]));
    } catch (error) {
      const message = `the database of ${this.name} could not be read: ${(error as Error).message}`;
      throw new RouteError("ERR_ROUTE_UNREACHABLE", message, "frr", prefixes, { cause: error });
    }
  }

  close(): void {
    this.#vty.close();
  }
}

function readDatabase(
  [instance, router, network, intra, inter, external]: readonly string[],
  prefixes: readonly Prefix[],
): Database {
  // Without `router ospf6` these commands answer nothing, with status 0.
  if (instance!.trim() === "") throw new Error("ospf6d has no `router ospf6`");
  const routerId = readRouterId6(instance!);
  const areas = readAreas6(router!, network!).map((area) => ({ area, reachable: reachableFrom(routerId, area) }));
  const reachable = new Set(areas.flatMap((one) => [...one.reachable]));
  // Its own router-LSA is missing only while ospf6d starts: an empty database is no proof that nobody else announces.
  if (!reachable.has(routerId)) throw new Error(`it has no router-LSA of its own router ${routerId}`);
  // A router can be reached in another area and have left an LSA behind in this one: its prefixes count only where it is.
  const reachedIn = new Map(areas.map(({ area, reachable: there }) => [area.id, there]));
  const stubs = readStubs(intra!).filter(({ area, routerId: id }) => reachedIn.get(area)?.has(id));
  const borders = areas.flatMap(({ area, reachable: there }) =>
    [...area.routers].filter(([id, { border }]) => border && there.has(id)).map(([id]) => id),
  );
  for (const { asbr, border } of readAsbrSummaries6(inter!)) if (reachable.has(border)) reachable.add(asbr);
  const externals = readExternals6(external!);
  const announcersFor = (prefix: Prefix): readonly Announcer[] => [
    ...stubs
      .filter((stub) => stub.prefix === prefix)
      .map((stub): Announcer => ({ routerId: stub.routerId, kind: "stub", metric: stub.metric })),
    ...(externals.get(prefix) ?? []).filter((announcer) => reachable.has(announcer.routerId)),
  ];
  return { routerId, borders, announcers: new Map(prefixes.map((prefix) => [prefix, announcersFor(prefix)])) };
}
