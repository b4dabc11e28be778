// The doctor in a process of its own, in the namespace of its patient: each message is a visit, and is answered with what was found.
import { examine } from "../../src/doctor/doctor.js";
import { lookAt } from "../../src/doctor/host.js";
import type { Prefix } from "../../src/route/prefix.js";
import { readConfigText } from "../../src/run/config-file.js";

export interface Visit {
  /** The config's YAML; without one, prefixes are given or guessed. */
  readonly config?: string;
  readonly prefixes?: readonly Prefix[];
  /** Below which files are read. */
  readonly root: string;
}

process.on("message", async ({ config, prefixes, root }: Visit) => {
  const read = config === undefined ? undefined : readConfigText(config, "anyprobe.yaml").config;
  process.send!(await examine(lookAt({ root, ...(read && { config: read }), ...(prefixes && { prefixes }) })));
});
process.on("disconnect", () => process.exit());
