// By what the frr driver moves a prefix, and why by that, in words for an operator. Pure.
import { planRedistribution } from "./frr-redistribute.js";
import { refusalToSuppress } from "./frr-refusal.js";
import { type Memory, type RouterState, wayBackOf } from "./frr-state.js";
import { coveredBy } from "./ospf-config.js";
import type { Prefix } from "./prefix.js";

/** wayText says by what a prefix is withdrawn when it goes alone; undefined where it cannot be. */
export function wayText(state: RouterState, prefix: Prefix, memory: Memory): string | undefined {
  const { network, covered, redistribute } = wayBackOf(state, prefix, memory);
  if (network !== undefined) return "`no network`: it has a statement of its own";
  if (covered) {
    if (refusalToSuppress(state, prefix, memory) !== undefined) return undefined;
    return `\`ip ospf prefix-suppression\`: ${coveredBy(state.config, prefix)} announces others too`;
  }
  if (redistribute === undefined) return undefined;
  const { whole, along, refusal } = planRedistribution(state, memory, [prefix], "withdrawn", redistribute);
  if (refusal !== undefined) return undefined;
  if (whole) return "`no redistribute connected`: nothing else is redistributed";
  const { throttleLsaMs } = state.config.timers;
  const late = throttleLsaMs === 0 ? "" : `; it takes ${throttleLsaMs / 1000} s without \`timers throttle lsa all 0\``;
  return `prefix-lists that its route-map calls: ${along.join(", ")} stays${late}`;
}
