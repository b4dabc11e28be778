// By what the frr driver moves a prefix, and why by that, in words for an operator. Pure.
import { planRedistribution, type Redistribution } from "./frr-redistribute.js";
import { refusalToSuppress } from "./frr-refusal.js";
import { type Memory, type RouterState, wayBackOf } from "./frr-state.js";
import { coveredBy } from "./ospf-config.js";
import type { Prefix } from "./prefix.js";

/** wholeText says that a prefix goes by the redistribute line. */
export function wholeText({ others }: Redistribution): string {
  if (others === undefined) return "`no redistribute connected`: nothing else can be redistributed";
  const advice = "give it a route-map that matches by a prefix-list of exactly what is to be announced";
  return `\`no redistribute connected\`: nothing else is redistributed now, but ${others} and would stay away: ${advice}`;
}

/** wayText says by what a prefix is withdrawn when it goes alone; undefined where it cannot be. */
export function wayText(state: RouterState, prefix: Prefix, memory: Memory): string | undefined {
  const { network, covered, redistribute } = wayBackOf(state, prefix, memory);
  if (network !== undefined) return "`no network`: it has a statement of its own";
  if (covered) {
    if (refusalToSuppress(state, prefix, memory) !== undefined) return undefined;
    return `\`ip ospf prefix-suppression\`: ${coveredBy(state.config, prefix)} announces others too`;
  }
  if (redistribute === undefined) return undefined;
  const plan = planRedistribution(state, memory, [prefix], "withdrawn", redistribute);
  if (plan.refusal !== undefined) return undefined;
  if (plan.whole) return wholeText(plan);
  const { throttleLsaMs } = state.config.timers;
  const late = throttleLsaMs === 0 ? "" : `; it takes ${throttleLsaMs / 1000} s without \`timers throttle lsa all 0\``;
  return `prefix-lists that its route-map calls: ${plan.others}${late}`;
}
