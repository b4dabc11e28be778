// The part of the daemon that moves prefixes, alone in an endpoint's namespace: the drivers as a config file makes them, and the
// reconciler. Each line on stdin is an order; on stdout it says when it gave it to the reconciler, and what came of it.
import { createInterface } from "node:readline";
import { NetlinkWatch } from "../../src/engine/netlink-watch.js";
import type { Prefix } from "../../src/route/prefix.js";
import { Reconciler } from "../../src/route/reconcile.js";
import { readConfigFile } from "../../src/run/config-file.js";
import { buildRouting } from "../../src/run/routing.js";
import { monotonicNs } from "../../src/units.js";
import type { Moved, Order, Ready, Started } from "./drivers-mover.js";

const { config } = await readConfigFile(process.argv[2]!);
const prefixes = config.services.flatMap((service) => service.prefixes);
const watch = new NetlinkWatch();
/** What went wrong since the prefix's last order. */
const errors = new Map<Prefix, string[]>(prefixes.map((prefix) => [prefix, []]));
const settling = new Map<Prefix, (settled: boolean) => void>();
const explain = () => ({ services: [], reason: "the matrix of drivers", evidence: [] });
const reconciler = new Reconciler(buildRouting(config, watch, explain).route, {
  minGapMs: config.minGapMs,
  announceGapMs: config.announceGapMs,
  respectManual: () => true,
  onEvent: (event) => {
    if (event.kind === "settled") settling.get(event.prefix)?.(true);
    if (event.kind === "manual") errors.get(event.prefix)!.push(`taken away by ${event.by}`);
    if (event.kind === "acted" && event.error)
      for (const prefix of event.prefixes) errors.get(prefix)!.push(event.error.message);
  },
});

await reconciler.open([]);
for (const prefix of prefixes) reconciler.want(prefix, "announced");
reconciler.step();
const settled = await reconciler.settledWithin(15_000);
say({ settled, errors: [...errors.values()].flat(), status: reconciler.status() } satisfies Ready);
for await (const line of createInterface({ input: process.stdin })) void obey(JSON.parse(line));
await reconciler.close();
watch.close();

async function obey({ prefix, to, withinMs }: Order): Promise<void> {
  errors.set(prefix, []);
  const settled = new Promise<boolean>((resolve) => {
    settling.set(prefix, resolve);
    setTimeout(() => resolve(false), withinMs).unref();
  });
  const startNs = monotonicNs();
  reconciler.want(prefix, to);
  reconciler.step();
  setImmediate(() => say({ prefix, startNs } satisfies Started));
  const outcome = { prefix, settled: await settled, errors: errors.get(prefix)! };
  say({ ...outcome, status: reconciler.statusOf(prefix) } satisfies Moved);
}

function say(what: Ready | Started | Moved) {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}
