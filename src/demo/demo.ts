// anyprobe's main job, shown on this host in namespaces of its own: the real daemon, the real driver, a real death. Gives a
// report, which is ok only if all of it was seen to happen.
import { availableParallelism, release } from "node:os";
import type { LatencySummary, Span } from "../measure/histogram.js";
import { monotonicNs } from "../units.js";
import { openNetworkScene } from "./network-scene.js";
import { openPrivateScene } from "./private-scene.js";
import { type Audience, type Setting, Story } from "./story.js";
import { faultsOf, rulesOf, type Step } from "./timeline.js";

/** setting is what the demo probes; the address is of the documentation range. */
export const setting: Setting = { address: "203.0.113.53", label: "lo:0", port: 53, stableFor: "1s" };

export interface DemoOptions extends Audience {
  /** With real routers and a neighbour; needs root and FRR. */
  readonly ospf: boolean;
  /** Only with `ospf`; without it the address driver. */
  readonly driver: "frr" | "address";
}

export interface DemoReport {
  readonly schemaVersion: 1;
  readonly ok: boolean;
  /** What was expected and what came, where that differs. */
  readonly faults: readonly string[];
  readonly timeline: readonly Step[];
  /** Of the answers; null where the story did not come that far. */
  readonly latency: (LatencySummary & { readonly spread: readonly Span[] }) | null;
  readonly environment: Readonly<Record<string, string | number>>;
}

/** runDemo plays the demo. Rejects with EngineError EPERM where the kernel gives no namespace. */
export async function runDemo({ ospf, driver: wanted, ...audience }: DemoOptions): Promise<DemoReport> {
  const startNs = monotonicNs();
  const driver = ospf ? wanted : "address";
  audience.onWait(ospf ? "a network of routers to converge" : "a private namespace");
  const { scene, namespace, close } = ospf ? await openNetworkScene(setting, driver) : await openPrivateScene(setting);
  const story = new Story(audience, startNs);
  try {
    await story.play(scene);
  } finally {
    audience.onWait("everything to be cleared away");
    await close();
  }
  const { stage, command } = scene;
  const told = stage.blind === null;
  const faults = faultsOf(story.steps, rulesOf({ address: driver === "address", route: ospf, told }));
  if (faults.length > 0) faults.push(`the daemon's last word: ${stage.lastWord || "none"}`);
  const { latency, spread } = story.check ?? {};
  return {
    schemaVersion: 1,
    ok: faults.length === 0,
    faults,
    timeline: story.steps,
    latency: latency && spread ? { ...latency, spread } : null,
    environment: {
      kernel: release(),
      node: process.version,
      cpus: availableParallelism(),
      namespace,
      driver,
      socketEvents: told ? "on" : `off: ${stage.blind}`,
      daemon: `anyprobe ${command.argv.join(" ")}`,
    },
  };
}
