// What run and watch both tell of themselves: the build, the process, and the engine's counters.
import type { Counters } from "../engine/engine.js";
import { nsPerSecond } from "../units.js";
import { type Collection, describe } from "./exposition.js";

/** processMetrics has the names that Prometheus's own clients use. */
export const processMetrics = {
  build: describe("gauge", "anyprobe_build_info", ["version", "node"], "1, with the versions of anyprobe and Node.js."),
  started: describe("gauge", "process_start_time_seconds", [], "When the process began, in Unix time."),
  cpu: describe("counter", "process_cpu_seconds_total", [], "CPU time of all threads of the process, user and system."),
  resident: describe("gauge", "process_resident_memory_bytes", [], "Resident memory of the process."),
  events: describe("counter", "anyprobe_engine_events_total", ["event"], "What the engine counted."),
  stalled: describe(
    "counter",
    "anyprobe_engine_stalled_seconds_total",
    [],
    "How long the engine's threads stood still, in all.",
  ),
};

/** collectProcess adds them. */
export function collectProcess(to: Collection, version: string, { stalledNs, ...counters }: Counters): void {
  const { user, system } = process.cpuUsage();
  to.add(processMetrics.build, [version, process.version], 1);
  to.add(processMetrics.started, [], Math.round(performance.timeOrigin) / 1000);
  to.add(processMetrics.cpu, [], (user + system) / 1e6);
  to.add(processMetrics.resident, [], process.memoryUsage.rss());
  for (const [name, count] of Object.entries(counters))
    to.add(processMetrics.events, [name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)], count);
  to.add(processMetrics.stalled, [], stalledNs / nsPerSecond);
}
