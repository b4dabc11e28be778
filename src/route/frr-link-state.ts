// Reads FRR's link-state database through a vty socket connection of its own: who else announces a prefix and can be reached.
import { RouteError } from "../errors.js";
import { announcersOf, type Database } from "./announcers.js";
import type { Announcer, Announcers, LinkState } from "./link-state.js";
import { readAreas, readAsbrSummaries, readRouterId } from "./lsdb-area.js";
import { readExternalAnnouncers } from "./lsdb-text.js";
import { addressOf, familyOfPrefix, type Prefix } from "./prefix.js";
import { reachableFrom } from "./reachability.js";
import { refused, Vty } from "./vty.js";

/** FrrLinkStateOptions is where ospfd is reached. */
export interface FrrLinkStateOptions {
  /** The directory of the vty sockets: `/run/frr`. */
  readonly sockets: string;
  /** How long one command may take before ospfd counts as hung. */
  readonly timeoutMs?: number;
}

const show = [
  "show ip ospf database router json",
  "show ip ospf database network json",
  "show ip ospf database asbr-summary json",
];
/** What ospfd answers to a command that it does not know. */
const unknownCommand = 2;

/** FrrLinkState is the database of one ospfd of FRR. Quagga's, which has no JSON, it refuses. */
export class FrrLinkState implements LinkState {
  readonly name: string;
  readonly #vty: Vty;

  constructor({ sockets, timeoutMs }: FrrLinkStateOptions) {
    const path = `${sockets}/ospfd.vty`;
    this.name = `ospfd at ${path}`;
    this.#vty = new Vty({ path, ...(timeoutMs !== undefined && { timeoutMs }), onDown: () => {}, onUp: () => {} });
  }

  open(): Promise<void> {
    return this.#vty.open();
  }

  async read(prefixes: readonly Prefix[]): Promise<ReadonlyMap<Prefix, Announcers>> {
    const six = prefixes.filter((prefix) => familyOfPrefix(prefix) !== 4);
    if (six.length > 0) {
      const message = `expected IPv4 prefixes, got ${six.join(", ")}: ${this.name} knows no others`;
      throw new RouteError("ERR_ROUTE_UNSUPPORTED", message, "frr", six);
    }
    const commands = [...show, ...prefixes.map((prefix) => `show ip ospf database external ${addressOf(prefix)}`)];
    const replies = await this.#vty.run(commands);
    const failed = replies.findIndex(({ status }) => status !== 0);
    if (failed >= 0) {
      const { message } = refused(commands[failed]!, replies[failed]!);
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
  [router, network, summary, ...externals]: readonly string[],
  prefixes: readonly Prefix[],
): Database {
  // Without OSPF these commands answer a sentence, with status 0.
  if (!router!.trimStart().startsWith("{")) throw new Error(router!.trim() || "it is empty");
  const routerId = readRouterId(router!);
  const areas = readAreas(router!, network!).map((area) => ({ area, reachable: reachableFrom(routerId, area) }));
  const reachable = new Set(areas.flatMap((one) => [...one.reachable]));
  // Its own router-LSA is missing only while ospfd starts: an empty database is no proof that nobody else announces.
  if (!reachable.has(routerId)) throw new Error(`it has no router-LSA of its own router ${routerId}`);
  // A router can be reached in another area and have left an LSA behind in this one: its stubs count only where it is.
  const routers = areas.flatMap(({ area, reachable }) => [...area.routers].filter(([id]) => reachable.has(id)));
  for (const { asbr, border } of readAsbrSummaries(summary!)) if (reachable.has(border)) reachable.add(asbr);
  const announcersFor = (prefix: Prefix, external: string): readonly Announcer[] => [
    ...routers.flatMap(([id, { stubs }]) => stubOf(id, stubs.get(prefix))),
    ...readExternalAnnouncers(external).announcers.filter((announcer) => reachable.has(announcer.routerId)),
  ];
  return {
    routerId,
    borders: routers.filter(([, { border }]) => border).map(([id]) => id),
    announcers: new Map(prefixes.map((prefix, i) => [prefix, announcersFor(prefix, externals[i]!)])),
  };
}

function stubOf(routerId: string, metric: number | undefined): readonly Announcer[] {
  return metric === undefined ? [] : [{ routerId, kind: "stub", metric }];
}
