// What is wrong with a router for an anycast service, whatever daemon it is. Pure.
import type { Announcer } from "../route/link-state.js";
import type { Prefix } from "../route/prefix.js";
import type { Finding } from "./finding.js";
import type { Router, RouterReading } from "./router-reading.js";

/** A dead host's queries are lost for so long; more is worth changing. */
const longestDeadSeconds = 10;

/** judgeRouter judges one reading, but for prefixes that nobody announces: another router of this host may. */
export function judgeRouter(reading: RouterReading): Finding[] {
  return [
    ...judgeNeighbors(reading),
    ...judgeUplinks(reading),
    ...judgeRestart(reading),
    ...judgeDatabase(reading),
    ...reading.prefixes.flatMap((prefix) => [...judgeWays(reading, prefix), ...judgeOthers(reading, prefix)]),
  ];
}

function judgeNeighbors({ name, neighbors, dialect }: RouterReading): Finding[] {
  if (neighbors.some(({ full }) => full)) return [];
  const got = neighbors.length === 0 ? "it has none" : `got only ${neighbors.map(({ id }) => id).join(", ")}, not Full`;
  return [
    {
      id: "no-adjacency",
      severity: "error",
      subject: name,
      message: `expected a neighbour in state Full, ${got}: nothing that it announces reaches anybody`,
      fix: `${dialect.showNeighbors}; compare area, network type, hello and dead interval, MTU and authentication with the neighbour's`,
    },
  ];
}

function judgeUplinks({ uplinks, dialect }: RouterReading): Finding[] {
  return uplinks
    .filter(({ deadSeconds, bfd }) => deadSeconds > longestDeadSeconds && !bfd)
    .map(({ device, deadSeconds }) => ({
      id: "dead-interval-long",
      severity: "warning",
      subject: device,
      message:
        `expected a dead interval of at most ${longestDeadSeconds} s, got ${deadSeconds} s: when this host loses power, ` +
        "its neighbours send it queries for that long",
      fix: `on both ends of the link: ${dialect.fastDead(device)}; or BFD`,
    }));
}

function judgeRestart({ name, gracefulRestart, stubRouter, dialect }: RouterReading): Finding[] {
  const findings: Finding[] = [];
  if (gracefulRestart) {
    findings.push({
      id: "graceful-restart",
      severity: "warning",
      subject: name,
      message: "graceful restart is on: when this router dies, its neighbours keep its routes for the grace period",
      fix: dialect.noGracefulRestart,
    });
  }
  if (stubRouter) {
    findings.push({
      id: "stub-router",
      severity: "warning",
      subject: name,
      message:
        "it is a stub router: that raises the cost of what passes through it, and moves no query for an anycast prefix away",
      fix: `${dialect.noStubRouter}; to move queries away: anyprobe drain`,
    });
  }
  return findings;
}

/** What the guard sees, or does not. */
function judgeDatabase(reading: RouterReading): Finding[] {
  const { name, router, prefixes, own, announcers, border, rfc1583, dialect } = reading;
  const findings: Finding[] = [];
  const guarded = router.namedBy.has("guard");
  const stubs = prefixes.filter((prefix) => own.get(prefix)?.some(({ kind }) => kind === "stub"));
  if (announcers instanceof Error) {
    return guarded ? [guardUnreadable(name, announcers.message)] : [];
  }
  const blind = [...new Set([...announcers.values()].flatMap(({ blind }) => blind ?? []))];
  if (blind.length > 0 && (guarded || stubs.length > 0)) {
    findings.push({
      id: "area-border-router",
      severity: "warning",
      subject: name,
      message:
        `an endpoint in another area cannot be seen from here, and no cost of a stub moves queries there: ` +
        blind.join("; "),
      fix:
        "keep all endpoints of a prefix in one area; or announce it everywhere as an external of one metric-type, with RFC 1583 " +
        `compatibility on the border routers, which cannot be read from here${guarded ? ", and write guard: none" : ""}`,
    });
  }
  if (border && !rfc1583) {
    findings.push({
      id: "rfc1583-missing",
      severity: "warning",
      subject: name,
      message:
        "it is an area border router without RFC 1583 compatibility: it prefers who announces an external in another area " +
        "than 0, whatever the cost (RFC 2328, 16.4.1)",
      fix: dialect.rfc1583,
    });
  }
  return findings;
}

/** guardUnreadable tells of a router whose database the guard cannot count in. */
export function guardUnreadable(name: string, why: string): Finding {
  return {
    id: "guard-unreadable",
    severity: "error",
    subject: name,
    message: `expected a database in which the guard can count other endpoints: ${why}`,
    fix: "let the guard read another router (guard: {others: 1, bird: …}), or write guard: none",
  };
}

function judgeWays({ name, own }: RouterReading, prefix: Prefix): Finding[] {
  const ways = own.get(prefix) ?? [];
  if (ways.length < 2) return [];
  return [
    {
      id: "announced-twice",
      severity: "warning",
      subject: prefix,
      message: `expected ${name} to announce it once, got ${ways.map(phrase).join(" and ")}: what withdraws one leaves the other`,
      fix: "take one of the two out of the router's configuration",
    },
  ];
}

function judgeOthers({ own, announcers }: RouterReading, prefix: Prefix): Finding[] {
  const [mine] = own.get(prefix) ?? [];
  if (mine === undefined || announcers instanceof Error) return [];
  const others = announcers.get(prefix)?.others ?? [];
  const kinds = others.filter(({ kind }) => kind !== mine.kind);
  const types = others.filter(({ kind, metricType }) => kind === mine.kind && metricType !== mine.metricType);
  return [
    ...mixed("mixed-kinds", prefix, mine, kinds, "a stub beats every external, whatever the cost"),
    ...mixed("mixed-metric-types", prefix, mine, types, "type 1 beats type 2, whatever the metric"),
  ];
}

function mixed(
  id: string,
  prefix: Prefix,
  mine: Announcer,
  others: readonly Announcer[],
  law: string,
): readonly Finding[] {
  if (others.length === 0) return [];
  const got = others.map((other) => `${other.routerId} as ${phrase(other)}`).join(", ");
  return [
    {
      id,
      severity: "error",
      subject: prefix,
      message: `expected all endpoints to announce it alike, got this router as ${phrase(mine)} and ${got}: ${law}`,
      fix: "announce it in one way on all endpoints",
    },
  ];
}

function phrase({ kind, metricType }: Announcer): string {
  return kind === "stub" ? "a stub" : `an external of type ${metricType}`;
}

/** judgeSilence finds prefixes that no router here announces and that nobody took away on purpose. */
export function judgeSilence(
  readings: readonly RouterReading[],
  prefixes: readonly Prefix[],
  away: ReadonlySet<Prefix>,
): Finding[] {
  return prefixes.flatMap((prefix) => {
    const asked = readings.filter((reading) => reading.prefixes.includes(prefix));
    const [first] = asked;
    if (first === undefined || away.has(prefix)) return [];
    if (asked.some(({ own }) => (own.get(prefix) ?? []).length > 0)) return [];
    const named = asked.some(({ router }) => router.namedBy.size > 0);
    return [
      {
        id: "prefix-unannounced",
        severity: named ? "error" : "warning",
        subject: prefix,
        message: `expected it to be announced, and it is not in the database of ${asked.map(({ name }) => name).join(", ")} as its own`,
        fix: first.dialect.announce(prefix),
      } as const,
    ];
  });
}

/** unreachable tells of a router that the config names and that does not answer; of another one it is only worth knowing. */
export function unreachable({ namedBy }: Router, name: string, error: Error): Finding {
  return {
    id: "router-unreachable",
    severity: namedBy.size > 0 ? "error" : "warning",
    subject: name,
    message: `expected it to answer: ${error.message}`,
    fix: "start it, correct the path in the config, or give the user that runs anyprobe its group (frrvty, quaggavty or bird)",
  };
}
