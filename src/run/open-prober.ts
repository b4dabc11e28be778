// The prober of an endpoint, on its ground: where its probes come from, and what keeps them here.
import type { Family } from "../probe/target.js";
import type { Config } from "./config.js";
import type { FamilySource, Ground } from "./ground.js";
import type { MarkRule } from "./mark.js";
import type { PrefixCheck } from "./prefix-check.js";
import { Prober, type ProberOptions } from "./prober.js";

/** openProber makes one that tells `hooks`; where the kernel refuses, the mark rule is taken back and EngineError thrown. */
export function openProber(
  config: Config,
  sources: readonly FamilySource[],
  markRule: MarkRule,
  { watch, locality, health }: Pick<Ground, "watch" | "locality" | "health">,
  hooks: Pick<ProberOptions, "onTransition" | "onJudged" | "onSample">,
  earlier: readonly PrefixCheck[],
): Prober {
  const address = (family: Family) => sources.find((source) => source.family === family)?.address;
  const [ipv4, ipv6] = [address(4), address(6)];
  const source = { ...(ipv4 !== undefined && { ipv4 }), ...(ipv6 !== undefined && { ipv6 }) };
  const options = { ...hooks, source, mark: markRule.mark, locality, health, beforeJudging: () => watch.poll() };
  try {
    return new Prober(config, options, earlier);
  } catch (error) {
    markRule[Symbol.dispose]();
    throw error;
  }
}
