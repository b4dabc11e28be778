// Faults, planted one at a time under the whole daemon: a service dies and comes back while its driver's way to the router is cut,
// refused, locked or lied about. What is said to be verified has to be so at R1, all the while; what failed is done once the fault is
// gone; the prefix beside it never moves; the status says what is wrong; and at the end nothing is left behind.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Network } from "../../src/demo/network.js";
import type { RouteMonitor } from "../../src/demo/route-monitor.js";
import { birdMissing } from "../support/bird.js";
import { ifupdownMissing } from "./drivers-kind.js";
import { birdKinds } from "./faults-bird.js";
import { frrKind } from "./faults-frr.js";
import { hostKinds } from "./faults-host.js";
import type { FaultKind, Ready } from "./faults-kind.js";
import { killedDaemon, type Scenario } from "./faults-scenario.js";
import { beside, mortal, Site } from "./faults-site.js";
import { witness } from "./faults-witness.js";
import { type Experiment, round } from "./figures.js";

/** faultKinds are all of them; those with BIRD last, as it takes the place of the endpoint's FRR. */
export const faultKinds: readonly FaultKind[] = [
  frrKind("network"),
  ...hostKinds,
  frrKind("redistribute"),
  ...birdKinds,
];

export const faults: Experiment = {
  summary: "faults of routers and of the ways to them, under the daemon, one at a time; --runs: how often it is killed",
  async run({ runs = 10, only }, say) {
    // Of a kind, or of one of its scenarios.
    const chosen = faultKinds.filter(({ name }) => only === undefined || only.startsWith(name));
    if (chosen.length === 0)
      throw new Error(`expected one of ${faultKinds.map(({ name }) => name).join(", ")}, got ${only}`);
    const missing = birdMissing() ?? ifupdownMissing();
    if (missing !== undefined) throw new Error(missing);
    const choose: Choice = (kind, scenarios) =>
      [...scenarios, killedDaemon(runs)].filter(({ name }) => [undefined, kind, `${kind} ${name}`].includes(only));
    const outcomes = await plantAll(chosen, choose, say);
    return {
      figures: Object.assign({}, ...outcomes.map(figuresOf)),
      failures: outcomes.flatMap(({ name, trouble }) => trouble.map((text) => `${name}: ${text}`)),
    };
  },
};

/** Outcome is what came of one scenario. */
export interface Outcome {
  /** That of the kind and of the scenario. */
  readonly name: string;
  readonly figures: Readonly<Record<string, number>>;
  /** Empty where all was as it should be. */
  readonly trouble: readonly string[];
}

/** Choice picks scenarios of a kind. */
export type Choice = (kind: string, scenarios: readonly Scenario[]) => readonly Scenario[];

/** plantAll goes through `choose` of the scenarios of each kind, one after another; the two networks side by side. */
export async function plantAll(
  kinds: readonly FaultKind[],
  choose: Choice,
  say: (text: string) => void,
): Promise<Outcome[]> {
  const all = (["network", "redistribute"] as const).map(async (announce) => {
    const group = kinds.filter((kind) => kind.announce === announce);
    if (group.length === 0) return [];
    const prefixes = [mortal, beside];
    const network = await Network.create({ endpoints: 2, client: false, announce, timers: "tuned", prefixes });
    try {
      const monitor = await network.routeMonitor();
      const outcomes: Outcome[] = [];
      for (const kind of group) outcomes.push(...(await plantIn(kind, network, monitor, choose, say)));
      return outcomes;
    } finally {
      await network.close();
    }
  });
  return (await Promise.all(all)).flat();
}

async function plantIn(
  kind: FaultKind,
  network: Network,
  monitor: RouteMonitor,
  choose: Choice,
  say: (text: string) => void,
): Promise<Outcome[]> {
  const directory = await mkdtemp(join(tmpdir(), "anyprobe-faults-"));
  const outcomes: Outcome[] = [];
  const add = (outcome: Outcome) => {
    outcomes.push(outcome);
    const words = outcome.trouble.length > 0 ? outcome.trouble.join("; ") : "ok";
    say(`${outcome.name}: ${words} ${JSON.stringify(outcome.figures)}`);
  };
  let ready: Ready | undefined;
  try {
    ready = await kind.ready(network, directory);
    const { route, wrapper, scenarios, trace } = ready;
    const before = await traces(network, trace);
    const site = new Site({ network, monitor, directory, route, ...(wrapper && { wrapper }) });
    let code: number | NodeJS.Signals | undefined;
    try {
      await site.open();
      for (const scenario of choose(kind.name, scenarios)) {
        const outcome = await judge(scenario, site);
        add({ ...outcome, name: `${kind.name} ${scenario.name}` });
        // What is left of one that failed would be the next one's fault.
        if (outcome.trouble.length > 0 && !(await recovers(site))) break;
      }
    } finally {
      code = await site.close();
    }
    const trouble = code === 0 ? [] : [`the daemon ended with ${code}`];
    const left = difference(before, await traces(network, trace));
    if (left.length > 0) trouble.push(`expected all as it was, got ${left.join(", ")}`);
    add({ name: `${kind.name} afterwards`, figures: {}, trouble });
  } catch (error) {
    add({ name: `${kind.name} as a whole`, figures: {}, trouble: [(error as Error).message] });
  } finally {
    await ready?.close?.();
    await rm(directory, { recursive: true, force: true });
  }
  return outcomes;
}

async function judge(scenario: Scenario, site: Site): Promise<Omit<Outcome, "name">> {
  const testify = await witness(site);
  const trouble: string[] = [];
  let figures: Readonly<Record<string, number>> = {};
  try {
    figures = await scenario.run(site);
    await site.well();
  } catch (error) {
    trouble.push((error as Error).message);
  }
  const { contraryMs, faults } = await testify(scenario.routerGoes ?? false);
  return { figures: { ...figures, unnoticed_ms: round(contraryMs) }, trouble: [...trouble, ...faults] };
}

/** A new daemon and a living service. */
async function recovers(site: Site): Promise<boolean> {
  await site.daemon.kill();
  site.startDaemon();
  try {
    await site.turn("down");
    await site.turn("up");
    await site.well();
    return true;
  } catch {
    return false;
  }
}

/** What the daemon touches besides its driver's own, line by line. */
async function traces({ endpoints }: Network, trace: () => Promise<string>): Promise<readonly string[]> {
  const { namespace } = endpoints[0]!;
  const listings = ["-o address show dev lo", "route show table local", "rule show"];
  const host = await Promise.all(listings.map((listing) => namespace.ip(...listing.split(" "))));
  return [...host, await trace()].join("\n").split("\n");
}

/** The lines that came and went, in whatever order they are. */
function difference(before: readonly string[], after: readonly string[]): string[] {
  const without = (lines: readonly string[], others: readonly string[]) =>
    lines.filter((line) => !others.includes(line));
  return [...without(before, after).map((line) => `- ${line}`), ...without(after, before).map((line) => `+ ${line}`)];
}

function figuresOf({ name, figures, trouble }: Outcome): Record<string, unknown> {
  const key = name.replaceAll(/[^a-z0-9]+/g, "_");
  const own = Object.entries(figures).map(([figure, value]) => [`${key}_${figure}`, value]);
  return { [`${key}_ok`]: trouble.length === 0, ...Object.fromEntries(own) };
}
