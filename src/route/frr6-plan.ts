// What the driver of ospf6d writes to bring prefixes to where they are wanted, and what it will not do, in sentences that say
// what to do instead. Pure.
import { type Announcement, isRung } from "./driver.js";
import { planRedistribution } from "./frr-redistribute.js";
import { configuredMetric, refusalByMetric } from "./frr-refusal.js";
import { rungAt } from "./frr-state.js";
import { wholeText } from "./frr-way.js";
import { linesFor, noRoomIn } from "./frr6-device.js";
import { deviceListOf, type Held6, type Memory6, type Router6State, type Way6, wayOf6 } from "./frr6-state.js";
import type { Prefix } from "./prefix.js";

/** Plan6 is what to write for one call; `held` has the prefixes that it moves, `refusals` a sentence for each that it cannot. */
export interface Plan6 {
  /** Lines that move nothing, and must all have been accepted before the others are written. */
  readonly prepare: readonly string[];
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
  const refusals = new Map<Prefix, string>();
  for (const prefix of prefixes) {
    const reason = refusalTo(state, prefix, target, memory);
    if (reason !== undefined) refusals.set(prefix, reason);
  }
  const wayBack = (prefix: Prefix) => wayBackOf6(state, prefix, memory);
  const willing = prefixes.filter((prefix) => !refusals.has(prefix));
  const redistributed = willing.filter((prefix) => wayBack(prefix).redistribute !== undefined);
  const [one] = redistributed;
  const moved = one && planRedistribution(state, memory, redistributed, target, wayBack(one).redistribute!);
  if (moved?.refusal !== undefined) for (const prefix of redistributed) refusals.set(prefix, moved.refusal);
  const held = new Map<Prefix, Held6>();
  const lines: string[] = [];
  const going = willing.filter((prefix) => !refusals.has(prefix));
  for (const device of new Set(going.map((prefix) => wayBack(prefix).device))) {
    if (device === undefined) continue;
    const there = going.filter((prefix) => wayBack(prefix).device === device);
    const list = state.config.advertised.get(device) ?? deviceListOf(device);
    const away = target === "withdrawn";
    lines.push(...linesFor(state.config, device, away ? there : [], away ? [] : there));
    for (const prefix of there) held.set(prefix, { device, list });
  }
  if (moved === undefined || moved.refusal !== undefined) return { prepare: [], lines, held, refusals };
  const { prepare, filters, line, lineFirst, configured, whole } = moved;
  const route = line === undefined ? [] : ["router ospf6", line];
  lines.push(...(lineFirst ? [...route, ...filters] : [...filters, ...route]));
  const listed = whole || target === "announced" ? {} : { listed: target };
  for (const prefix of redistributed) held.set(prefix, { ...held.get(prefix), redistribute: configured, ...listed });
  return { prepare, lines, held, refusals };
}

/** wayBackOf6 is how a prefix is announced, or was when it last was. */
export function wayBackOf6(state: Router6State, prefix: Prefix, { held, known }: Memory6): Way6 {
  const way = wayOf6(state, prefix, held);
  return Object.keys(way).length > 0 ? way : (known.get(prefix) ?? {});
}

function refusalTo(state: Router6State, prefix: Prefix, target: Announcement, memory: Memory6): string | undefined {
  const unsupported = unsupportedReason6(state);
  if (unsupported !== undefined) return unsupported;
  const way = wayBackOf6(state, prefix, memory);
  if (isRung(target)) return refusalToDeprefer(state, prefix, way);
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
  return target === "withdrawn" && way.device !== undefined ? noRoomIn(state.config, way.device, prefix) : undefined;
}

/** Why a prefix cannot be announced at the cost of a rung, whichever. */
function refusalToDeprefer(state: Router6State, prefix: Prefix, { device, redistribute }: Way6): string | undefined {
  if (device !== undefined) {
    return (
      `ospf6d has one cost for all addresses of ${device} and none for ${prefix} alone: ` +
      `announce it by \`redistribute connected\` with a route-map instead`
    );
  }
  return redistribute === undefined ? unseen(prefix) : refusalByMetric(state, prefix, redistribute);
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
  if (redistribute !== undefined) {
    const plan = planRedistribution(state, memory, [prefix], "withdrawn", redistribute);
    if (plan.refusal === undefined)
      told.push(plan.whole ? wholeText(plan) : `prefix-lists that its route-map calls, 5 s late: ${plan.others}`);
  }
  return told.length === 0 ? undefined : told.join("; ");
}
