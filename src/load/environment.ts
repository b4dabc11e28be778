// Where a load test ran: what its figures cannot be compared without.
import { createRequire } from "node:module";
import { cpus, hostname, release } from "node:os";
import { pathTo } from "./path.js";
import type { StartRecord } from "./record.js";

const { version } = createRequire(import.meta.url)("../../package.json") as { version: string };

/** environmentOf tells of this host, and how it reaches an address; EngineError where the kernel does not say. */
export function environmentOf(address: string): StartRecord["environment"] {
  const processors = cpus();
  return {
    anyprobe: version,
    kernel: release(),
    cpu: processors[0]?.model.trim() ?? "unknown",
    cpus: processors.length,
    node: process.version,
    host: hostname(),
    path: pathTo(address),
  };
}
