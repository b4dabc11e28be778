// One reading of BIRD for one family: what is asked, and what the answers say of this node's own announcements. Pure.
import type { Family } from "../probe/target.js";
import { type BirdProtocol, readBirdState, readProtocols } from "./bird-state.js";
import type { Announcement, Observation } from "./driver.js";
import { rungAt } from "./frr-state.js";
import type { Announcer } from "./link-state.js";
import type { Prefix } from "./prefix.js";

/** Exporter is what announces: the one OSPF protocol of a family, or where there is none its BGP sessions. */
export interface Exporter {
  readonly kind: "OSPF" | "BGP";
  /** The names of its protocols: one of OSPF, or the BGP sessions that are established. */
  readonly names: readonly string[];
}

/** Exported is a route that passes the export filter, with the metric that the filter gave it, if it gave one. */
export interface Exported {
  readonly metric?: number;
  readonly metricType?: 1 | 2;
}

/** BirdSight is one reading. */
export interface BirdSight {
  readonly exporter: Exporter;
  /** What passes the export filter now: what the announcements will be. */
  readonly exported: ReadonlyMap<Prefix, Exported>;
  /** What this node's own LSAs announce; with BGP what passes the filter of an established session. */
  readonly own: ReadonlyMap<Prefix, Announcer>;
  /** Other routers that announce a prefix and can be reached. */
  readonly rivals: ReadonlyMap<Prefix, readonly Announcer[]>;
  /** A neighbour is Full, or a session established. */
  readonly adjacent: boolean;
  /** Its own router-LSA leads to another router. After its start BIRD is Full 6 s before: until then nobody reaches it. */
  readonly linked: boolean;
  /** An LSA that was withdrawn is still in the database: some neighbour has not acknowledged that yet. */
  readonly leaving: boolean;
}

/** exporterIn finds what announces prefixes of a family, in the answer to `show protocols all`. Throws where that is not clear. */
export function exporterIn(text: string, family: Family): Exporter {
  // BIRD 1 has no channels: all of one daemon is of one family.
  const carries = ({ families }: BirdProtocol) => families.length === 0 || families.includes(family);
  const protocols = readProtocols(text).filter(carries);
  const ospf = protocols.filter(({ kind, state }) => kind === "OSPF" && state === "up").map(({ name }) => name);
  if (ospf.length === 1) return { kind: "OSPF", names: ospf };
  if (ospf.length > 1) throw new Error(`expected one OSPF protocol for IPv${family}, got ${ospf.join(", ")}`);
  const bgp = protocols.filter(({ kind }) => kind === "BGP");
  if (bgp.length === 0) throw new Error(`expected an OSPF protocol for IPv${family} that is up, got none`);
  return { kind: "BGP", names: bgp.filter(({ state }) => state === "up").map(({ name }) => name) };
}

/** questionsFor lists what is asked of an exporter; `readSight` reads the answers. */
export function questionsFor({ kind, names }: Exporter, prefixes: readonly Prefix[]): readonly string[] {
  const routes = names.flatMap((name) => prefixes.map((prefix) => `show route ${prefix} export ${name} all`));
  if (kind === "BGP") return routes;
  const about = ["show ospf state all", "show ospf neighbors", "show ospf lsadb self"];
  return [...about.map((question) => `${question} ${names[0]}`), ...routes];
}

/** readSight reads the answers to `questionsFor`. Throws where one cannot be read. */
export function readSight(exporter: Exporter, prefixes: readonly Prefix[], answers: readonly string[]): BirdSight {
  return exporter.kind === "OSPF" ? readOspf(exporter, prefixes, answers) : readBgp(exporter, prefixes, answers);
}

function readOspf(exporter: Exporter, prefixes: readonly Prefix[], answers: readonly string[]): BirdSight {
  const [state, neighbors, lsas, ...routes] = answers;
  const { routerId, announcers } = readBirdState(state!);
  const ofPrefix = (prefix: Prefix, own: boolean) =>
    (announcers.get(prefix) ?? []).filter((announcer) => (announcer.routerId === routerId) === own);
  const own = prefixes.flatMap((prefix) => {
    // A stub beats an external of the same prefix (RFC 2328, 11).
    const [first] = ofPrefix(prefix, true).toSorted((a, b) => Number(a.kind !== "stub") - Number(b.kind !== "stub"));
    return first === undefined ? [] : [[prefix, first] as const];
  });
  return {
    exporter,
    exported: exportedIn(exporter.names[0]!, prefixes, routes),
    own: new Map(own),
    rivals: new Map(prefixes.map((prefix) => [prefix, ofPrefix(prefix, false)])),
    adjacent: /\sFull\//.test(neighbors!),
    linked: /^\trouter \S+\n\t\tdistance [1-9]/m.test(state!),
    leaving: /^\s*[0-9a-f]{4}\s+\S+\s+\S+\s+[0-9a-f]{8}\s+3600\s/m.test(lsas!),
  };
}

function readBgp(exporter: Exporter, prefixes: readonly Prefix[], answers: readonly string[]): BirdSight {
  const exported = new Map(
    exporter.names.flatMap((name, index) => {
      const from = index * prefixes.length;
      return [...exportedIn(name, prefixes, answers.slice(from, from + prefixes.length))];
    }),
  );
  return {
    exporter,
    exported,
    // There is no database: what passes the filter of an established session is announced.
    own: new Map([...exported.keys()].map((prefix) => [prefix, { routerId: "", kind: "external", metric: 0 }])),
    rivals: new Map(prefixes.map((prefix) => [prefix, []])),
    adjacent: exporter.names.length > 0,
    linked: true,
    leaving: false,
  };
}

/** What came from the protocol itself it does not give back to its neighbours. */
function exportedIn(
  exporter: string,
  prefixes: readonly Prefix[],
  answers: readonly string[],
): ReadonlyMap<Prefix, Exported> {
  return new Map(
    prefixes.flatMap((prefix, index) => {
      const source = /^\S+\/\d+\s.*?\[(\S+) /m.exec(answers[index]!)?.[1];
      return source === undefined || source === exporter ? [] : [[prefix, metricIn(answers[index]!)] as const];
    }),
  );
}

/** BIRD 2 writes `OSPF.metric2: 20`, BIRD 3 `ospf_metric2: 20`. */
function metricIn(text: string): Exported {
  const [, metricType, metric] = /^\s*ospf[._]metric([12]): (\d+)/im.exec(text) ?? [];
  return metric === undefined ? {} : { metric: Number(metric), metricType: metricType === "1" ? 1 : 2 };
}

/** announcementIn tells how this node announces a prefix. */
export function announcementIn({ own }: BirdSight, prefix: Prefix): Announcement {
  const announcer = own.get(prefix);
  return announcer === undefined ? "withdrawn" : (rungAt(announcer.kind, announcer.metric) ?? "announced");
}

/**
 * observationIn tells how a prefix stands. BIRD does not tell what its neighbours have acknowledged, but for withdrawals: it
 * keeps a withdrawn LSA until they all have. Of announcements verified says: its own LSA, and a Full neighbour that its router-LSA links to.
 */
export function observationIn(sight: BirdSight, prefix: Prefix): Observation {
  const announcement = announcementIn(sight, prefix);
  const reason = doubtIn(sight, prefix, announcement);
  return { announcement, verified: reason === undefined, ...(reason !== undefined && { reason }) };
}

function doubtIn(sight: BirdSight, prefix: Prefix, announcement: Announcement): string | undefined {
  if (!sight.adjacent) return sight.exporter.kind === "OSPF" ? "no adjacency" : "no BGP session is established";
  if (!sight.linked) return "its own router-LSA has no link to a neighbour yet";
  if (announcement === "withdrawn" && sight.leaving) return "not acknowledged by every neighbour";
  return isUnderWay(sight, prefix) ? "BIRD announces it no sooner than 5 s after its last announcement" : undefined;
}

/** isUnderWay tells whether BIRD is still to announce what its filter lets out. A stub is none of the filter's. */
export function isUnderWay({ exporter, exported, own }: BirdSight, prefix: Prefix): boolean {
  const [route, announcer] = [exported.get(prefix), own.get(prefix)];
  if (exporter.kind !== "OSPF" || announcer?.kind === "stub" || route === undefined) return false;
  if (announcer === undefined) return true;
  return route.metric !== undefined && (route.metric !== announcer.metric || route.metricType !== announcer.metricType);
}

/** exportedAs tells how a prefix is to be announced, by what the filter lets out. */
export function exportedAs({ exported }: BirdSight, prefix: Prefix): Announcement {
  const route = exported.get(prefix);
  if (route === undefined) return "withdrawn";
  return (route.metric !== undefined && rungAt("external", route.metric)) || "announced";
}
