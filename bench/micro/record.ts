// Recording a round trip: our histogram, our table of many, and hdr-histogram-js in JavaScript and in WebAssembly.
import { readFileSync } from "node:fs";
import { build, initWebAssembly } from "hdr-histogram-js";
import { LatencyHistogram, LatencyTable } from "../../src/index.js";
import { nsEach, type Race } from "./race.js";

const values = 1 << 18;
const targets = 65_536;
const hdrOptions = {
  bitBucketSize: 64,
  autoResize: false,
  lowestDiscernibleValue: 1,
  highestTrackableValue: 2 ** 37 - 1,
  numberOfSignificantValueDigits: 2,
} as const;

/** logNormal gives a round trip from one answerer: its median and how far it strays, as a factor. */
function logNormal(medianNs: number, factor: number): number {
  const gauss = Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
  return Math.round(medianNs * factor ** gauss);
}

const rtts = (factor: number) => Float64Array.from({ length: values }, () => logNormal(60e3, factor));

function recordAll(seconds: number, record: (rttNs: number) => void, factor = 1.3): number {
  const some = rtts(factor);
  return nsEach(values, seconds, () => {
    for (let i = 0; i < values; i++) record(some[i]!);
  });
}

/** Every target in turn, as a plan of many targets asks them. */
function recordInTurn(seconds: number, factor: number): number {
  const table = new LatencyTable(targets);
  let target = 0;
  const record = (rttNs: number) => {
    table.record(target, rttNs);
    target = (target + 1) % targets;
  };
  return recordAll(seconds, record, factor);
}

/** residentMib tells this process's own memory, without files that it maps. */
function residentMib(): number {
  return Number(/RssAnon:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))![1]) / 1024;
}

/** A monitor's targets: all over the world, each with a round trip of its own that strays by a sixth. */
function residentTable() {
  const medians = Float64Array.from({ length: targets }, () => logNormal(30e6, Math.E));
  globalThis.gc!();
  const before = residentMib();
  const table = new LatencyTable(targets);
  for (let round = 0; round < 100; round++)
    for (let target = 0; target < targets; target++) table.record(target, logNormal(medians[target]!, 1.16));
  globalThis.gc!();
  const tableMib = residentMib() - before;
  let next = 0;
  const summaryNs = nsEach(1000, 0.1, () => {
    for (let i = 0; i < 1000; i++) table.summary(next++ % targets);
  });
  return { table_65536_targets_rss_mib: tableMib, table_summary_us: summaryNs / 1000 };
}

/** Recording is the one thing that is done for each row of each batch: the fastest way is worth its own index. */
export const race: Race = {
  summary: "recording a round trip: ns each, against hdr-histogram-js; memory of a table of 65,536 targets",
  headline:
    "a round trip recorded in {histogram_ns} ns, {ratio_hdr_wasm_to_histogram} x as fast as hdr-histogram-js in WebAssembly and {ratio_hdr_js_to_histogram} x as in JavaScript; 65,536 targets in {table_65536_targets_rss_mib} MiB",
  runners: {
    histogram: (seconds) => {
      const histogram = new LatencyHistogram();
      return { histogram_ns: recordAll(seconds, (rttNs) => histogram.record(rttNs)) };
    },
    "table-alike": (seconds) => ({ table_alike_ns: recordInTurn(seconds, 1.03) }),
    "table-spread": (seconds) => ({ table_spread_ns: recordInTurn(seconds, 1.3) }),
    "hdr-js": (seconds) => {
      const histogram = build(hdrOptions);
      return { hdr_js_ns: recordAll(seconds, (rttNs) => histogram.recordValue(rttNs)) };
    },
    "hdr-wasm": async (seconds) => {
      await initWebAssembly();
      const histogram = build({ ...hdrOptions, useWebAssembly: true });
      return { hdr_wasm_ns: recordAll(seconds, (rttNs) => histogram.recordValue(rttNs)) };
    },
    memory: residentTable,
  },
  ratios: {
    ratio_hdr_js_to_histogram: ["hdr_js_ns", "histogram_ns"],
    ratio_hdr_wasm_to_histogram: ["hdr_wasm_ns", "histogram_ns"],
  },
  bounds: {
    ratio_hdr_js_to_histogram: { least: 3 },
    ratio_hdr_wasm_to_histogram: { least: 1 },
    table_65536_targets_rss_mib: { most: 130 },
  },
};
