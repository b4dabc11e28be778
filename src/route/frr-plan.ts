// Which configuration lines take prefixes out of OSPF and put them back, and which prefixes would move along. Pure: it
// reads what the router says and writes lines; frr.ts sends them.
import { RouteError } from "../errors.js";
import type { External, Neighbor } from "./lsdb.js";
import { areaOf, type OspfConfig, widerNetwork } from "./ospf-config.js";
import { familyOfPrefix, type Prefix } from "./prefix.js";

/** RouterState is one reading of the router: configuration, own LSAs, neighbours. */
export interface RouterState {
  readonly config: OspfConfig;
  readonly stubs: ReadonlyMap<Prefix, number>;
  readonly externals: ReadonlyMap<string, External>;
  readonly neighbors: readonly Neighbor[];
}

/** Way is how a prefix is announced, and so how to put it back: an area, a redistribute line, in rare cases one after the other. */
export interface Way {
  /** The area of its own network statement. */
  readonly network?: string;
  /** The `redistribute connected …` line, as configured. */
  readonly redistribute?: string;
}

/** Plan is what to write for one call; `ways` has the prefixes that it moves, `refusals` a sentence for each that it cannot move. */
export interface Plan {
  readonly lines: readonly string[];
  readonly ways: ReadonlyMap<Prefix, Way>;
  readonly refusals: ReadonlyMap<Prefix, string>;
}

/** wayOf tells how the router announces a prefix now; empty where it does not or by nothing that could be taken away. */
export function wayOf(state: RouterState, prefix: Prefix): Way {
  const area = areaOf(state.config, prefix);
  if (area !== undefined) return { network: area };
  const line = state.config.redistributeConnected;
  return line !== undefined && state.externals.has(prefix) ? { redistribute: line } : {};
}

/** planWithdraw plans one batch for all of `prefixes`. `held` are those that anyprobe holds withdrawn already. */
export function planWithdraw(state: RouterState, prefixes: readonly Prefix[], held: ReadonlyMap<Prefix, Way>): Plan {
  const ways = new Map<Prefix, Way>();
  const refusals = new Map<Prefix, string>();
  const lines: string[] = [];
  const wanted = new Set<string>([...prefixes, ...held.keys()]);
  // A default route is originated, never redistributed from connected.
  const along = [...state.externals.keys()].filter((external) => !wanted.has(external) && external !== "0.0.0.0/0");
  for (const prefix of prefixes) {
    const way = wayOf(state, prefix);
    const refusal = refusalToWithdraw(state, prefix, way, along);
    if (refusal !== undefined) refusals.set(prefix, refusal);
    else if (way.network !== undefined) lines.push(`no network ${prefix} area ${way.network}`);
    else if (way.redistribute !== undefined && !lines.includes("no redistribute connected")) {
      lines.push("no redistribute connected");
    }
    // Kept from before: a prefix can have lost its network statement to us and be redistributed since.
    if (refusal === undefined && Object.keys(way).length > 0) ways.set(prefix, { ...held.get(prefix), ...way });
  }
  return { lines, ways, refusals };
}

function refusalToWithdraw(state: RouterState, prefix: Prefix, way: Way, along: readonly string[]): string | undefined {
  const unsupported = unsupportedReason(state.config, prefix);
  if (unsupported !== undefined) return unsupported;
  if (way.network !== undefined) return undefined;
  if (state.externals.has(prefix)) {
    if (way.redistribute === undefined) {
      return `${prefix} is announced by something other than \`redistribute connected\`: use the address driver`;
    }
    return along.length === 0
      ? undefined
      : `\`no redistribute connected\` would take ${along.join(", ")} along with ${prefix}: ` +
          `announce ${prefix} by its own \`network ${prefix} area …\` statement, or use the address driver`;
  }
  const wider = widerNetwork(state.config, prefix);
  if (wider) {
    return (
      `${prefix} is announced by \`network ${wider.prefix} area ${wider.area}\`, which other addresses may need: ` +
      `give it its own \`network ${prefix} area ${wider.area}\` in its place, or use the address driver`
    );
  }
  return state.stubs.has(prefix) && state.config.areaInterfaces.length > 0
    ? `${prefix} is announced by \`ip ospf area\` on ${state.config.areaInterfaces.join(", ")} with all its addresses: ` +
        "use a network statement instead, or the address driver"
    : undefined;
}

/**
 * planAnnounce plans one batch that puts `prefixes` back as `known` tells of each. `withheld` are the prefixes that must
 * stay withdrawn: a redistribute line that lets one of them through is not put back.
 */
export function planAnnounce(
  state: RouterState,
  prefixes: readonly Prefix[],
  known: ReadonlyMap<Prefix, Way>,
  withheld: ReadonlySet<Prefix>,
): Plan {
  const ways = new Map<Prefix, Way>();
  const refusals = new Map<Prefix, string>();
  const lines: string[] = [];
  for (const prefix of prefixes) {
    const way = known.get(prefix) ?? {};
    const refusal = refusalToAnnounce(state, prefix, known, withheld);
    if (refusal !== undefined) {
      refusals.set(prefix, refusal);
      continue;
    }
    if (way.network !== undefined && areaOf(state.config, prefix) === undefined) {
      lines.push(`network ${prefix} area ${way.network}`);
    }
    const line = state.config.redistributeConnected === undefined ? way.redistribute : undefined;
    if (line !== undefined && !lines.includes(line)) lines.push(line);
    ways.set(prefix, way);
  }
  return { lines, ways, refusals };
}

function refusalToAnnounce(
  state: RouterState,
  prefix: Prefix,
  known: ReadonlyMap<Prefix, Way>,
  withheld: ReadonlySet<Prefix>,
): string | undefined {
  const { config } = state;
  const unsupported = unsupportedReason(config, prefix);
  if (unsupported !== undefined) return unsupported;
  const way = known.get(prefix) ?? {};
  if (way.redistribute !== undefined && config.redistributeConnected === undefined) {
    const along = [...withheld].filter((other) => other !== prefix && known.get(other)?.redistribute !== undefined);
    if (along.length > 0) {
      return (
        `\`${way.redistribute}\` would announce ${along.join(", ")}, wanted withdrawn, along with ${prefix}: ` +
        "announce each by its own network statement, or use the address driver"
      );
    }
  }
  // Where a line is there, it is not this driver that keeps the prefix away: its address or a route-map does.
  const explained = way.network ?? way.redistribute ?? areaOf(config, prefix) ?? config.redistributeConnected;
  if (explained !== undefined || state.stubs.has(prefix) || widerNetwork(config, prefix)) return undefined;
  return `ospfd has no statement that announces ${prefix}, and none was seen: add \`network ${prefix} area …\``;
}

/** unsupportedReason says why nothing can be done or known about a prefix at this router. */
export function unsupportedReason(config: OspfConfig, prefix: Prefix): string | undefined {
  if (familyOfPrefix(prefix) !== 4) return `ospfd announces IPv4 only: use the address driver for ${prefix}`;
  if (config.routers.includes("router ospf")) return undefined;
  const others = config.routers.map((router) => `\`${router}\``).join(", ");
  return others === ""
    ? "ospfd has no `router ospf`"
    : `ospfd has ${others}: only plain \`router ospf\` is supported, use the address driver`;
}

/** refusalError makes the one error of a call from the sentences for its prefixes. */
export function refusalError(refusals: ReadonlyMap<Prefix, string>): RouteError {
  const sentences = [...new Set(refusals.values())].join("; ");
  return new RouteError("ERR_ROUTE_UNSUPPORTED", sentences, "frr", [...refusals.keys()]);
}
