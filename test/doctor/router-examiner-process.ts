// Examines the routers and servers of the namespace that it runs in, each time that it is told a config.

import { inOrder } from "../../src/doctor/finding.js";
import { lookAt } from "../../src/doctor/host.js";
import { examineRouters } from "../../src/doctor/router.js";
import { examineServers } from "../../src/doctor/server.js";
import { parsePrefix } from "../../src/route/prefix.js";
import { readConfigText } from "../../src/run/config-file.js";

process.on("message", async ({ yaml, prefixes }: { yaml?: string; prefixes?: readonly string[] }) => {
  try {
    const config = yaml === undefined ? undefined : readConfigText(yaml, "anyprobe.yaml").config;
    const given = prefixes?.map((prefix) => parsePrefix(prefix)!);
    const context = lookAt({ ...(config && { config }), ...(given && { prefixes: given }) });
    const found = await Promise.all([examineRouters, examineServers].map(({ examine }) => examine(context)));
    process.send!({ findings: inOrder(found.flat()) });
  } catch (error) {
    process.send!({ failure: String((error as Error).stack) });
  }
});
process.on("disconnect", () => process.exit());
process.send!({ ready: true });
