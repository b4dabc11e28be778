// What the driver of ospf6d writes to bring prefixes to where they are wanted, and what it will not do, in sentences that say
// what to do instead. Pure.
import { type Announcement, isRung, rungCosts } from "./driver.js";
import { rungAt } from "./frr-state.js";
import { linesFor, noRoomIn } from "./frr6-device.js";
import {
  configuredMetric,
  linesToRedistribute,
  othersOf,
  type Redistribution,
  redistributionFor,
  refusalByMap,
  refusalToLower,
} from "./frr6-redistribute.js";
import { deviceListOf, type Held6, type Memory6, type Router6State, type Way6, wayOf6 } from "./frr6-state.js";
import { metricTypeOf, routeMapOf } from "./ospf-config.js";
import type { Prefix } from "./prefix.js";

/** Plan6 is what to write for one call; `held` has the prefixes that it moves, `refusals` a sentence for each that it cannot. */
export interface Plan6 {
  readonly lines: readonly string[];
  readonly held: ReadonlyMap<Prefix, Held6>;
  readonly refusals: ReadonlyMap<Prefix, string>;
}

/** planFor plans one batch for all of `prefixes`. */
export function planFor(
  state: Router6State,
  prefixes: readonly Prefix[],
  target: Announcement,
  memory: Memory6,
): Plan6 {
  const { config } = state;
  const called = new Map(prefixes.map((prefix): [Prefix, Announcement] => [prefix, target]));
  const refusals = new Map<Prefix, string>();
  for (const prefix of prefixes) {
    const reason = refusalTo(state, prefix, target, memory, redistributionFor(state, called, memory));
    if (reason !== undefined) refusals.set(prefix, reason);
  }
  const willing = prefixes.filter((prefix) => !refusals.has(prefix));
  const held = new Map<Prefix, Held6>();
  const lines: string[] = [];
  const deviceOf = (prefix: Prefix) => wayBackOf6(state, prefix, memory).device;
  for (const device of new Set(willing.map(deviceOf))) {
    if (device === undefined) continue;
    const there = willing.filter((prefix) => deviceOf(prefix) === device);
    const list = config.advertised.get(device) ?? deviceListOf(device);
    const away = target === "withdrawn";
    lines.push(...linesFor(config, device, away ? there : [], away ? [] : there));
    for (const prefix of there) held.set(prefix, { device, list });
  }
  const redistributed = willing.filter((prefix) => wayBackOf6(state, prefix, memory).redistribute !== undefined);
  const redistribution = redistributionFor(state, new Map(redistributed.map((prefix) => [prefix, target])), memory);
  if (redistributed.length > 0 && redistribution) {
    lines.push(...linesToRedistribute(config, redistribution));
    const { line, whole } = redistribution;
    const map = routeMapOf(line);
    const means: Held6 =
      whole === undefined && map !== undefined ? { map, redistribute: line } : { redistribute: line };
    for (const prefix of redistributed) held.set(prefix, { ...held.get(prefix), ...means });
  }
  return { lines, held, refusals };
}

/** wayBackOf6 is how a prefix is announced, or was when it last was. */
export function wayBackOf6(state: Router6State, prefix: Prefix, { held, known }: Memory6): Way6 {
  const way = wayOf6(state, prefix, held);
  return Object.keys(way).length > 0 ? way : (known.get(prefix) ?? {});
}

function refusalTo(
  state: Router6State,
  prefix: Prefix,
  target: Announcement,
  memory: Memory6,
  redistribution: Redistribution | undefined,
): string | undefined {
  const unsupported = unsupportedReason6(state);
  if (unsupported !== undefined) return unsupported;
  const way = wayBackOf6(state, prefix, memory);
  if (isRung(target)) return refusalToDeprefer6(state, prefix, memory, redistribution);
  if (Object.keys(way).length === 0) {
    if (state.stubs.has(prefix) || state.externals.has(prefix))
      return `${prefix} is announced by something other than \`ipv6 ospf6 area\` on its device and \`redistribute connected\`: use the address driver`;
    return target === "announced" ? unseen(prefix) : undefined;
  }
  if (target === "announced") {
    const stub = state.stubs.get(prefix);
    const [kind, cost] =
      stub === undefined && way.redistribute !== undefined
        ? (["external", configuredMetric(state.config, way.redistribute)] as const)
        : (["stub", stub ?? 0] as const);
    const rung = rungAt(kind, cost);
    if (rung !== undefined)
      return `${prefix} is configured at ${cost}, the cost of a ${rung} prefix: give it the cost at which it is to be announced`;
  }
  const full =
    target === "withdrawn" && way.device !== undefined ? noRoomIn(state.config, way.device, prefix) : undefined;
  return full ?? (way.redistribute === undefined ? undefined : refusalAlong(state, target, redistribution));
}

function refusalAlong(state: Router6State, target: Announcement, redistribution: Redistribution | undefined) {
  if (redistribution === undefined || redistribution.whole !== undefined) return undefined;
  return refusalByMap(state.config, redistribution.line, othersOf(redistribution, target));
}

/** refusalToDeprefer6 says why a prefix cannot be announced at the cost of a rung, whichever. */
export function refusalToDeprefer6(
  state: Router6State,
  prefix: Prefix,
  memory: Memory6,
  redistribution: Redistribution | undefined,
): string | undefined {
  const { device, redistribute: line } = wayBackOf6(state, prefix, memory);
  if (device !== undefined) {
    return (
      `ospf6d has one cost for all addresses of ${device} and none for ${prefix} alone: ` +
      `announce it by \`redistribute connected\` with a route-map instead`
    );
  }
  if (line === undefined) return unseen(prefix);
  const metricType = state.externals.get(prefix)?.metricType ?? metricTypeOf(line);
  const rival = state.rivals.get(prefix)?.find((other) => other.metricType !== metricType);
  if (rival !== undefined) {
    return (
      `${rival.routerId} announces ${prefix} with metric-type ${rival.metricType}, this router with ${metricType}, and any ` +
      "metric of type 1 beats any of type 2: give all endpoints the same metric-type"
    );
  }
  const metric = configuredMetric(state.config, line);
  const lowest = rungCosts.degraded.external;
  if (metric >= lowest)
    return `${prefix} is configured at ${metric}: expected a cost below ${lowest}, that of a degraded prefix`;
  if (redistribution === undefined || redistribution.whole !== undefined) return undefined;
  const others = [...redistribution.targets.keys()].filter((other) => other !== prefix);
  return refusalByMap(state.config, line, others) ?? refusalToLower(state.config, line);
}

function unseen(prefix: Prefix): string {
  return `ospf6d announces ${prefix} by nothing that was seen: put \`ipv6 ospf6 area …\` on the device that has its address`;
}

/** unsupportedReason6 says why nothing can be done or known at this router. */
export function unsupportedReason6({ config }: Router6State): string | undefined {
  if (config.routers.includes("router ospf6")) return undefined;
  const others = config.routers.map((router) => `\`${router}\``).join(", ");
  return others === ""
    ? "ospf6d has no `router ospf6`"
    : `ospf6d has ${others}: only plain \`router ospf6\` is supported, use the address driver`;
}

/** wayTold tells by what a prefix is moved, and why so. */
export function wayTold(state: Router6State, prefix: Prefix, memory: Memory6): string | undefined {
  const { device, redistribute } = wayBackOf6(state, prefix, memory);
  const told: string[] = [];
  if (device !== undefined)
    told.push(
      `prefix-list ${state.config.advertised.get(device) ?? deviceListOf(device)} of ${device}: \`ipv6 ospf6 area\` announces it`,
    );
  const redistribution = redistributionFor(state, new Map([[prefix, "withdrawn"]]), memory);
  if (redistribute !== undefined && redistribution) {
    const others = [...redistribution.targets.keys()].filter((other) => other !== prefix);
    const map = routeMapOf(redistribute);
    told.push(
      redistribution.whole !== undefined || map === undefined
        ? "`redistribute connected`: it moves no other prefix"
        : `route-map ${map}, 5 s late: \`redistribute connected\` announces ${others.join(", ")} too`,
    );
  }
  return told.length === 0 ? undefined : told.join("; ");
}
