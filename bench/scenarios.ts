// The scenarios, as data: what is asked of whom, who competes, and the bars.
import { type Comparison, compare } from "./compare.js";
import { type Bound, type Experiment, missed } from "./experiment.js";
import { metrics } from "./metrics.js";
import { micro } from "./micro/index.js";
import { pacing } from "./pacing.js";
import { answererCpu, generatorCpu } from "./place.js";
import { rawSweep } from "./raw-sweep.js";
import { server } from "./server.js";
import { truth } from "./truth.js";
import { watching } from "./watch.js";

/** comparing makes a scenario of comparisons by name; a figure that an earlier one has too begins with the later one's name. */
function comparing(
  summary: string,
  headline: string,
  comparisons: Readonly<Record<string, Comparison>>,
  bounds: Readonly<Record<string, Bound>>,
): Experiment {
  return {
    summary,
    headline,
    run: async (options, say) => {
      const figures: Record<string, number> = {};
      for (const [where, comparison] of Object.entries(comparisons)) {
        say(where);
        for (const [name, value] of Object.entries(await compare(comparison, options, say))) {
          figures[name in figures ? `${where}_${name}` : name] = value;
        }
      }
      return { figures, failures: missed(figures, bounds) };
    },
  };
}

/** Each engine thread has the generator's core; JavaScript is with the answerer, which has time to spare. */
const apart = { cpu: generatorCpu, jsCpu: answererCpu };
const noTrains = { inflight: 512, train: 1 };
/** Few rows wait in so small a window: less memory stays in the core's cache. */
const manyTargets = { inflight: 512, train: 1, targets: 65_536, ringRows: 8192 };

/** scenarios has every scenario of `npm run bench` by name. */
export const scenarios: Readonly<Record<string, Experiment>> = {
  "one-target": comparing(
    "one target on loopback, closed loop, trains of 64",
    "{ours_qps} answers/s: {ratio_to_limit} of the bare system calls, {ratio_to_dnsperf} x dnsperf",
    {
      loopback: {
        answerer: "ours",
        task: { ...apart, inflight: 4096, train: 64 },
        seconds: 2,
        trials: 5,
        entries: {
          ours: { contestant: "anyprobe" },
          limit: { contestant: "limit" },
          dnsperf: { contestant: "dnsperf", cpu: undefined, inflight: undefined },
        },
      },
    },
    { ratio_to_limit: { least: 0.8 }, ratio_to_dnsperf: { least: 30 } },
  ),
  "no-trains": comparing(
    "one target on loopback, closed loop, one datagram each",
    "{ours_qps} answers/s: {ratio_to_limit} of the bare system calls, {ratio_to_dnsperf} x dnsperf, {ratio_to_dgram} x node:dgram",
    {
      loopback: {
        answerer: "ours",
        task: { ...apart, ...noTrains },
        seconds: 2,
        trials: 5,
        entries: {
          ours: { contestant: "anyprobe" },
          limit: { contestant: "limit" },
          dnsperf: { contestant: "dnsperf", cpu: undefined, inflight: undefined },
          dgram: { contestant: "dgram", trials: 3 },
          dig: { contestant: "dig", trials: 1 },
        },
      },
    },
    { ratio_to_limit: { least: 0.9 }, ratio_to_dnsperf: { least: 1.4 } },
  ),
  "veth-reflector": comparing(
    "one target behind a veth, answered by XDP; unprivileged sockets, all the work on one core",
    "{ours_qps} answers/s: {ratio_to_dnsperf} x dnsperf, {ratio_to_kxdpgun} x kxdpgun (AF_XDP)",
    {
      veth: {
        answerer: "reflector",
        task: { ...apart, inflight: 1024, train: 64 },
        seconds: 2,
        trials: 5,
        entries: {
          ours: { contestant: "anyprobe" },
          limit: { contestant: "limit" },
          dnsperf: { contestant: "dnsperf", inflight: undefined },
          dnsperf_free: { contestant: "dnsperf", cpu: undefined, inflight: undefined },
          kxdpgun: { contestant: "kxdpgun" },
        },
      },
    },
    { ratio_to_dnsperf: { least: 4 }, ratio_to_kxdpgun: { least: 0.8 } },
  ),
  nsd: server("nsd", { ratio_to_dnsperf: { least: 1.25 }, cpu_ratio_to_dnsperf: { most: 0.65 } }),
  knot: server("knot", {}),
  unbound: server("unbound", {}),
  "many-targets": comparing(
    "65,536 targets, a latency histogram for each: on loopback, and behind a veth",
    "{ours_qps} answers/s, {ratio_to_limit} of the bare system calls, in {rss_mib} MiB; {ratio_to_zmap} x zmap on a veth",
    {
      loopback: {
        answerer: "oursEverywhere",
        task: { ...apart, ...manyTargets },
        seconds: 2,
        trials: 5,
        entries: { ours: { contestant: "anyprobe" }, limit: { contestant: "limit" } },
      },
      // Both as they would be run: zmap has threads of its own too.
      veth: {
        answerer: "reflector",
        task: manyTargets,
        seconds: 2,
        trials: 5,
        entries: { ours: { contestant: "anyprobe", shards: 2 }, zmap: { contestant: "zmap" } },
      },
    },
    { ratio_to_limit: { least: 0.9 }, rss_mib: { most: 300 }, ratio_to_zmap: { least: 1.5 } },
  ),
  pacing,
  truth,
  "raw-sweep": rawSweep,
  watch: watching,
  metrics,
  ...micro,
};
