// The generator's own ceiling, as `anyprobe bench` wants it: from the cache, or measured before the first trial.
import { homedir } from "node:os";
import { join } from "node:path";
import { cachedCeiling, ceilingKey, measureCeiling } from "../load/ceiling.js";
import type { StartRecord } from "../load/record.js";
import type { Query } from "../probe/query.js";
import type { Target } from "../probe/target.js";
import type { BenchFlags } from "./bench.js";
import { packageVersion } from "./version.js";

/** ceilingOf gives what this host offers at most; null where it is not to be measured, or is no limit (a closed loop). */
export async function ceilingOf(
  target: Target,
  flags: BenchFlags,
  query: Query,
  signal: AbortSignal,
  say: (text: string) => void,
): Promise<StartRecord["ceiling"]> {
  if (flags.calibrate === false || flags.closed !== undefined || flags.pcap !== undefined) return null;
  const { ports, train, arrivals, shards, cpus } = flags;
  const options = { sending: { target, ports, train, arrivals }, query, shards, cpus };
  const measure = () => {
    say("measuring what this host offers at most, against its own answerer …");
    return measureCeiling(
      options,
      ({ qps, reached }) => say(`  ${qps.toLocaleString("en")}/s: ${reached ? "reached" : "not reached"}`),
      signal,
    );
  };
  const key = ceilingKey(options, packageVersion);
  const { qps, measuredAt } = await cachedCeiling(cacheFile(), key, measure, { fresh: flags.calibrate === true });
  return { qps, measured_at: measuredAt };
}

/** Where the XDG base directory specification puts what can be made again. */
function cacheFile(): string {
  const base = process.env["XDG_CACHE_HOME"];
  return join(base?.startsWith("/") ? base : join(homedir(), ".cache"), "anyprobe", "ceiling.json");
}
