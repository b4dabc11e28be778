// What the frr driver will not do, and why, in a sentence that says what to do instead. Pure.
import { type Announcement, rungCosts } from "./driver.js";
import { configuredLine, type Memory, type RouterState, rungAt, type Way, wayBackOf } from "./frr-state.js";
import {
  addressCost,
  areaOf,
  deviceCost,
  metricOf,
  metricTypeOf,
  type OspfConfig,
  routeMapOf,
  widerNetwork,
  withMetric,
} from "./ospf-config.js";
import { familyOfPrefix, type Prefix } from "./prefix.js";

/**
 * alongWith lists the redistributed prefixes that are not to become `target` and yet would, by a change of the redistribute
 * line for `prefixes`. Without a target: all but `prefixes`.
 */
export function alongWith(
  state: RouterState,
  { known, wanted }: Memory,
  prefixes: readonly Prefix[],
  target?: Announcement,
): readonly string[] {
  // A default route is originated, never redistributed from connected.
  const listed = [...state.externals.keys()].filter((external) => external !== "0.0.0.0/0");
  // To take the line away brings back none that is away.
  const away = target === "withdrawn" ? [] : [...wanted.keys()].filter((prefix) => known.get(prefix)?.redistribute);
  const others = [...new Set([...listed, ...away])] as Prefix[];
  return others.filter((other) => !prefixes.includes(other) && (wanted.get(other) ?? "announced") !== target);
}

/** refusalToWithdraw says why a prefix cannot be withdrawn; undefined where it can, or is withdrawn already. */
export function refusalToWithdraw(
  state: RouterState,
  prefix: Prefix,
  way: Way,
  along: readonly string[],
): string | undefined {
  return (
    refusalByStatement(state, prefix, way) ??
    (way.network === undefined && way.redistribute !== undefined
      ? refusalAlong("no redistribute connected", "take", prefix, along)
      : undefined)
  );
}

/** What announces the prefix must be for it alone, or be a redistribute line. */
function refusalByStatement(state: RouterState, prefix: Prefix, way: Way): string | undefined {
  const unsupported = unsupportedReason(state.config, prefix);
  if (unsupported !== undefined) return unsupported;
  if (way.network !== undefined) return undefined;
  if (state.externals.has(prefix)) {
    return way.redistribute === undefined
      ? `${prefix} is announced by something other than \`redistribute connected\`: use the address driver`
      : undefined;
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

function refusalAlong(line: string, verb: string, prefix: Prefix, along: readonly string[]): string | undefined {
  return along.length === 0
    ? undefined
    : `\`${line}\` would ${verb} ${along.join(", ")} along with ${prefix}: ` +
        `announce ${prefix} by its own \`network ${prefix} area …\` statement, or use the address driver`;
}

/** refusalToAnnounce says why a prefix cannot be put back; undefined where it can, or is announced already. */
export function refusalToAnnounce(
  { config, stubs }: RouterState,
  prefix: Prefix,
  memory: Memory,
  along: readonly string[],
): string | undefined {
  const unsupported = unsupportedReason(config, prefix);
  if (unsupported !== undefined) return unsupported;
  const { known, held, wanted } = memory;
  const way = known.get(prefix) ?? {};
  const line = configuredLine(config, held) ?? way.redistribute;
  if (way.redistribute !== undefined && line !== config.redistributeConnected && along.length > 0) {
    const others = along.map((other) => `${other}, wanted ${wanted.get(other as Prefix)},`).join(" and ");
    return (
      `\`${line}\` would announce ${others} along with ${prefix}: ` +
      "announce each by its own network statement, or use the address driver"
    );
  }
  const kind = way.network !== undefined ? "stub" : "external";
  const metric = kind === "stub" ? configuredCost(config, prefix, memory) : (metricOf(line ?? "") ?? 0);
  const rung = rungAt(kind, metric);
  if (rung !== undefined) {
    return (
      `${prefix} is configured at ${metric}, the cost of a ${rung} prefix, and nothing is known of another: ` +
      "give it the cost at which it is to be announced"
    );
  }
  // Where a line is there, it is not this driver that keeps the prefix away: its address or a route-map does.
  const explained = way.network ?? way.redistribute ?? areaOf(config, prefix) ?? config.redistributeConnected;
  return explained !== undefined || stubs.has(prefix) || widerNetwork(config, prefix) ? undefined : unseen(prefix);
}

/** refusalToDeprefer says why a prefix cannot be announced at the cost of a rung, whichever. */
export function refusalToDeprefer(
  state: RouterState,
  prefix: Prefix,
  memory: Memory,
  along: readonly string[],
): string | undefined {
  const way = wayBackOf(state, prefix, memory);
  const refusal = refusalByStatement(state, prefix, way);
  if (refusal !== undefined) return refusal;
  if (way.network !== undefined) {
    return memory.devices.has(prefix)
      ? refusalByHeight(prefix, "stub", configuredCost(state.config, prefix, memory))
      : `ospfd runs on no device with the address of ${prefix}, whose cost could be set`;
  }
  if (way.redistribute === undefined) return unseen(prefix);
  return (
    refusalByMetric(state, prefix, way.redistribute) ??
    refusalAlong(withMetric(way.redistribute, rungCosts.degraded.external), "move", prefix, along)
  );
}

/** The cost of the prefix's address without ours; 0 where no line says one. */
function configuredCost(config: OspfConfig, prefix: Prefix, { devices, held }: Memory): number {
  const device = devices.get(prefix);
  if (device === undefined) return 0;
  return (held.get(prefix)?.cost ?? addressCost(config, device, prefix) ?? 0) || (deviceCost(config, device) ?? 0);
}

function refusalByMetric(state: RouterState, prefix: Prefix, line: string): string | undefined {
  const map = routeMapOf(line);
  if (map !== undefined && state.config.metricMaps.includes(map)) {
    return `route-map ${map} has a \`set metric\`, which beats that of \`${line}\`: set the metric in that line`;
  }
  const metricType = state.externals.get(prefix)?.metricType ?? metricTypeOf(line);
  const other = state.rivals.get(prefix)?.find((rival) => rival.metricType !== metricType);
  if (other !== undefined) {
    return (
      `${other.routerId} announces ${prefix} with metric-type ${other.metricType}, this router with ${metricType}, and any ` +
      "metric of type 1 beats any of type 2: give all endpoints the same metric-type"
    );
  }
  return refusalByHeight(prefix, "external", metricOf(line) ?? 0);
}

/** A rung that is no higher than what is configured would attract traffic. */
function refusalByHeight(prefix: Prefix, kind: "stub" | "external", configured: number): string | undefined {
  const lowest = rungCosts.degraded[kind];
  return configured < lowest
    ? undefined
    : `${prefix} is configured at ${configured}: expected a cost below ${lowest}, that of a degraded prefix`;
}

function unseen(prefix: Prefix): string {
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
