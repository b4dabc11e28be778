// What the frr driver will not do, and why, in a sentence that says what to do instead. Pure.
import { rungCosts } from "./driver.js";
import {
  configuredLine,
  type Memory,
  type Redistributed,
  type RouterState,
  rungAt,
  type Way,
  wayBackOf,
} from "./frr-state.js";
import type { Announcer } from "./link-state.js";
import {
  addressCost,
  areaOf,
  coveredBy,
  deviceCost,
  knowsSuppression,
  metricOf,
  metricTypeOf,
  type OspfConfig,
  routeMapOf,
} from "./ospf-config.js";
import { lets } from "./ospf-filters.js";
import { addressOf, familyOfPrefix, type Prefix } from "./prefix.js";

/** refusalToWithdraw says why a prefix cannot be withdrawn; undefined where it can, or is withdrawn already. */
export function refusalToWithdraw(state: RouterState, prefix: Prefix, way: Way, memory: Memory): string | undefined {
  return refusalByStatement(state, prefix, way) ?? (way.covered ? refusalToSuppress(state, prefix, memory) : undefined);
}

/** refusalToSuppress says why the address of a prefix that is covered by another statement cannot be suppressed. */
export function refusalToSuppress({ config }: RouterState, prefix: Prefix, { devices }: Memory): string | undefined {
  if (!knowsSuppression(config)) {
    return (
      `${prefix} is announced by ${coveredBy(config, prefix)}, which other addresses may need, and this release has no ` +
      `\`ip ospf prefix-suppression\` (FRR 9.1 has): give it its own \`network ${prefix} area …\` in its place, or use ` +
      "the address driver"
    );
  }
  return devices.has(prefix) ? undefined : noDevice(prefix);
}

/** What announces the prefix must be something that this driver knows to move. */
function refusalByStatement(state: RouterState, prefix: Prefix, way: Way): string | undefined {
  const unsupported = unsupportedReason(state.config, prefix);
  if (unsupported !== undefined) return unsupported;
  return state.externals.has(prefix) && Object.keys(way).length === 0
    ? `${prefix} is announced by something other than \`redistribute connected\`: use the address driver`
    : undefined;
}

/** refusalToAnnounce says why a prefix cannot be put back; undefined where it can, or is announced already. */
export function refusalToAnnounce({ config, stubs }: RouterState, prefix: Prefix, memory: Memory): string | undefined {
  const unsupported = unsupportedReason(config, prefix);
  if (unsupported !== undefined) return unsupported;
  const way = memory.known.get(prefix) ?? {};
  const line = configuredLine(config, memory.held) ?? way.redistribute;
  const kind = way.network !== undefined || way.covered ? "stub" : "external";
  const metric = kind === "stub" ? configuredCost(config, prefix, memory) : (metricOf(line ?? "") ?? 0);
  const rung = rungAt(kind, metric);
  if (rung !== undefined) {
    return (
      `${prefix} is configured at ${metric}, the cost of a ${rung} prefix, and nothing is known of another: ` +
      "give it the cost at which it is to be announced"
    );
  }
  // Where a line is there, it is not this driver that keeps the prefix away: its address does, or a route-map.
  const explained = way.network ?? way.redistribute ?? areaOf(config, prefix) ?? config.redistributeConnected;
  if (explained === undefined && !stubs.has(prefix) && !coveredBy(config, prefix)) return unseen(prefix);
  const external = kind === "external" && areaOf(config, prefix) === undefined && !stubs.has(prefix);
  const map = routeMapOf(line ?? "");
  return external && line !== undefined && !lets(config.filters, map, prefix)
    ? `the route-map ${map} of \`${line}\` does not let ${prefix} through: permit it there`
    : undefined;
}

/** refusalToDeprefer says why a prefix cannot be announced at the cost of a rung, whichever. */
export function refusalToDeprefer(state: RouterState, prefix: Prefix, memory: Memory): string | undefined {
  const way = wayBackOf(state, prefix, memory);
  const refusal = refusalByStatement(state, prefix, way);
  if (refusal !== undefined) return refusal;
  if (way.network !== undefined || way.covered) {
    if (!memory.devices.has(prefix)) return noDevice(prefix);
    return memory.unheeded.has(prefix)
      ? `ospfd has \`ip ospf cost\` of ${addressOf(prefix)} in its configuration and announces ${prefix} at another: ` +
          "this release does not heed it"
      : refusalByHeight(prefix, "stub", configuredCost(state.config, prefix, memory));
  }
  return way.redistribute === undefined ? unseen(prefix) : refusalByMetric(state, prefix, way.redistribute);
}

function noDevice(prefix: Prefix): string {
  return `ospfd runs on no device with the address of ${prefix}, whose cost could be set`;
}

/** The cost of the prefix's address without ours; 0 where no line says one. */
function configuredCost(config: OspfConfig, prefix: Prefix, { devices, held }: Memory): number {
  const device = devices.get(prefix);
  if (device === undefined) return 0;
  return (held.get(prefix)?.cost ?? addressCost(config, device, prefix) ?? 0) || (deviceCost(config, device) ?? 0);
}

/** refusalByMetric says why a redistributed prefix cannot be announced at the cost of a rung, whichever. */
export function refusalByMetric(
  state: Redistributed & { readonly rivals: ReadonlyMap<string, readonly Announcer[]> },
  prefix: Prefix,
  line: string,
): string | undefined {
  const metricType = state.externals.get(prefix)?.metricType ?? metricTypeOf(line);
  const other = state.rivals.get(prefix)?.find((rival) => rival.metricType !== metricType);
  if (other !== undefined) {
    return (
      `${other.routerId} announces ${prefix} with metric-type ${other.metricType}, this router with ${metricType}, and any ` +
      "metric of type 1 beats any of type 2: give all endpoints the same metric-type"
    );
  }
  return refusalByHeight(prefix, "external", configuredMetric(state.config, line));
}

/** configuredMetric gives the highest metric that a line or its route-map gives; not one that it adds to another. */
export function configuredMetric({ filters }: Redistributed["config"], line: string): number {
  const lines = (filters.maps.get(routeMapOf(line) ?? "") ?? []).flatMap((entry) => entry.lines);
  const metrics = lines.flatMap((one) => /^set metric (\d+)$/.exec(one)?.slice(1).map(Number) ?? []);
  return Math.max(metricOf(line) ?? 0, ...metrics);
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
