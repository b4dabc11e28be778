// What only FRR and Quagga can have wrong: timers, statements that cover too much, costs that move too much. Pure.
import { type OspfConfig, routeMapOf } from "../route/ospf-config.js";
import type { Prefix } from "../route/prefix.js";
import type { Config } from "../run/config.js";
import type { Finding } from "./finding.js";
import type { Router, RouterReading } from "./router-reading.js";
import { guardUnreadable } from "./router-rule.js";

/** FrrReading is what an ospfd says of itself. */
export interface FrrReading {
  readonly name: string;
  readonly router: Router;
  readonly prefixes: readonly Prefix[];
  readonly config: OspfConfig;
  /** What `show version` answers. */
  readonly version: string;
  /** Undefined where its database cannot be read as JSON: Quagga, or no OSPF. */
  readonly reading: RouterReading | undefined;
}

/** What FRR keeps between two instances of an LSA on default timers, with a margin (ROUTING). */
const defaultGapMs = 1100;

/** judgeFrr judges what judgeRouter does not know of. */
export function judgeFrr(frr: FrrReading, daemon: Config | undefined): Finding[] {
  return [
    ...judgeVersion(frr),
    ...judgeTimers(frr, daemon),
    ...judgeRedistribution(frr.name, frr.config.redistributeConnected, "ip"),
    ...judgeCosts(frr),
  ];
}

function judgeVersion({ name, router, reading, config }: FrrReading): Finding[] {
  if (reading || !config.routers.includes("router ospf")) return [];
  const note: Finding = {
    id: "router-without-json",
    severity: "note",
    subject: name,
    message: "expected the JSON of FRR 8 or later, got plain text: only its configuration was examined",
    fix: "have a look yourself: vtysh -c 'show ip ospf neighbor' -c 'show ip ospf interface'",
  };
  return router.namedBy.has("guard") ? [guardUnreadable(name, "it needs the JSON of FRR 8 or later"), note] : [note];
}

function judgeTimers({ name, config, prefixes, reading }: FrrReading, daemon: Config | undefined): Finding[] {
  const { throttleLsaMs } = config.timers;
  const tune =
    "`router ospf`, `timers throttle lsa all 0`; on the neighbours, whose timers cannot be read from here: " +
    "`timers lsa min-arrival 0`";
  const findings: Finding[] = [];
  const stubs = prefixes.filter((prefix) => reading?.own.get(prefix)?.some(({ kind }) => kind === "stub"));
  if (stubs.length > 1 && throttleLsaMs > 0) {
    findings.push({
      id: "stubs-untuned",
      severity: "warning",
      subject: name,
      message:
        `${stubs.join(", ")} share one LSA, which changes once in ${throttleLsaMs} ms at most ` +
        "(`timers throttle lsa all`): of two that leave together the second follows seconds later",
      fix: `${tune}; or announce them by \`redistribute connected\`, as an LSA each`,
    });
  }
  if (daemon === undefined) return findings;
  if (throttleLsaMs > 0 && daemon.minGapMs < defaultGapMs) {
    findings.push({
      id: "min-gap-short",
      severity: "warning",
      subject: name,
      message:
        `expected min_gap of 1.1s or more where LSAs are throttled (${throttleLsaMs} ms), got ${daemon.minGapMs}ms: ` +
        "a change that comes too soon after another takes up to ten seconds",
      fix: `min_gap: 1.1s; or ${tune}`,
    });
  }
  if (throttleLsaMs === 0 && daemon.minGapMs >= defaultGapMs) {
    findings.push({
      id: "min-gap-long",
      severity: "note",
      subject: name,
      message: `its LSAs are not throttled, and min_gap is ${daemon.minGapMs}ms: a second change waits for that long`,
      fix: "min_gap: 0s, if its neighbours have `timers lsa min-arrival 0`, which cannot be read from here",
    });
  }
  return findings;
}

/** judgeRedistribution judges a `redistribute connected …` line; `ip` is how its family's prefix-lists begin. */
export function judgeRedistribution(name: string, line: string | undefined, ip: "ip" | "ipv6"): Finding[] {
  if (line === undefined || routeMapOf(line) !== undefined) return [];
  return [
    {
      id: "redistribute-all",
      severity: "warning",
      subject: name,
      message: `expected a route-map, got \`${line}\`: it announces every network and address of this host`,
      fix:
        `\`${ip} prefix-list ANYCAST permit PREFIX\`, \`route-map ANYCAST permit 10\`, ` +
        `\`match ${ip} address prefix-list ANYCAST\`, and \`${line} route-map ANYCAST\``,
    },
  ];
}

function judgeCosts({ name, config, version, reading }: FrrReading): Finding[] {
  if (!reading?.prefixes.some((prefix) => reading.own.get(prefix)?.some(({ kind }) => kind === "stub"))) return [];
  const uplinks = reading.uplinks.map(({ device }) => device);
  const moving = config.costs.find(({ device, address }) => address === undefined && !uplinks.includes(device));
  if (moving === undefined) return [];
  const { device, cost } = moving;
  const [, release = "", major = ""] = /^(?:FRRouting|Quagga) ((\d+)\S*)/.exec(version) ?? [];
  const early = Number(major) < 9 ? `; in ${release} it may even have no effect, as in some releases before FRR 9` : "";
  return [
    {
      id: "cost-without-address",
      severity: "warning",
      subject: name,
      message:
        `\`ip ospf cost ${cost}\` on ${device} has no address: it moves every prefix there, by an LSA each, of which the second ` +
        `is dropped and follows 5 to 9 s later${early}`,
      fix: `\`interface ${device}\`, \`no ip ospf cost\`; for one prefix: \`ip ospf cost ${cost} ADDRESS\``,
    },
  ];
}
