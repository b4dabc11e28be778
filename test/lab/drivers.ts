// The matrix: every driver, on IPv4 and IPv6, moves one of two prefixes, and R1's kernel table says when and whether nothing else
// moved. Time runs from the decision, in a process that has the drivers as the daemon has them, to R1's event.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { Network } from "../../src/demo/network.js";
import type { RouteMonitor } from "../../src/demo/route-monitor.js";
import { ConfigError } from "../../src/errors.js";
import { familyOfPrefix, type Prefix, prefixOf } from "../../src/route/prefix.js";
import { readConfigText } from "../../src/run/config-file.js";
import { birdMissing } from "../support/bird.js";
import { startBird } from "./drivers-bird.js";
import { type Cell, measureCell, Turns, unmeasured } from "./drivers-cell.js";
import { type Ground, type Kind, kinds } from "./drivers-kind.js";
import { Mover } from "./drivers-mover.js";
import { matrixTable } from "./drivers-table.js";
import { type Experiment, round, spread } from "./figures.js";

/** The first of each family moves, the second must not. */
const families = [
  [prefixOf("203.0.113.53"), prefixOf("203.0.113.54")],
  [prefixOf("2001:db8:53::53"), prefixOf("2001:db8:53::54")],
] as const;

const announced = { ipv4: families[0], ipv6: families[1] };
/** BIRD originates an LSA anew, to announce or to deprefer, no sooner than 5 s after the last time. */
const birdCalmMs = 5200;

/** Row is a kind on one family: measured, or refused by the config, in its words. */
export interface Row {
  readonly name: string;
  readonly cell: Cell | { readonly refused: string };
}

interface Pass {
  readonly timers: "tuned" | "default";
  readonly runs: number;
  readonly turns: Turns;
  readonly say: (text: string) => void;
}

export const drivers: Experiment = {
  summary: "every driver on IPv4 and IPv6 moves one of two prefixes: from the decision to R1's kernel table",
  async run({ runs = 7, only }, say) {
    const chosen = kinds.filter(({ name }) => only === undefined || name === only);
    if (chosen.length === 0)
      throw new Error(`expected one of ${kinds.map(({ name }) => name).join(", ")}, got ${only}`);
    const missing = chosen.some(({ bird }) => bird) ? birdMissing() : undefined;
    if (missing !== undefined) throw new Error(missing);
    const tuned = await measureAll(chosen, { timers: "tuned", runs, turns: new Turns(), say });
    const untuned = await measureAll(chosen, { timers: "default", runs: Math.min(runs, 2), turns: new Turns(), say });
    say(`\ntuned timers, ${runs} runs, ms\n${matrixTable(tuned)}\n\ndefault timers\n${matrixTable(untuned)}\n`);
    return {
      figures: { ...figuresOf(tuned), default_timers: figuresOf(untuned) },
      failures: [
        ...failuresOf(tuned),
        ...barsOf(chosen, tuned),
        ...failuresOf(untuned).map((text) => `default timers: ${text}`),
      ],
      environment: {
        pace: "unpaced: min_gap 0, announce_gap 0",
        spacing,
        load_average: loadavg().map((load) => round(load)),
      },
    };
  },
};

const spacing =
  "tuned: 0.3 s after R1 had the last change and it was verified, on BIRD 5.2 s before all but withdrawals; default timers: 6 s";

/** measureAll measures the kinds of one network one after another, and networks side by side. */
async function measureAll(chosen: readonly Kind[], pass: Pass): Promise<Row[]> {
  const rows = await Promise.all(
    [...new Set(chosen.map(networkOf))].map(async (shared) => {
      const group = chosen.filter((kind) => networkOf(kind) === shared);
      const { announce } = group[0]!;
      const network = await Network.create({
        ...{ endpoints: 2, client: false, ipv6: true, announce, timers: pass.timers },
        prefixes: families.flat(),
      });
      try {
        const monitor = await network.routeMonitor();
        const found: Row[] = [];
        for (const kind of group) found.push(...(await measureKind(kind, network, monitor, pass)));
        return found;
      } finally {
        await network.close();
      }
    }),
  );
  return rows.flat();
}

/** A BIRD has to wait so often that it has a network of its own. */
const networkOf = ({ announce, bird }: Kind) => (bird ? "bird" : announce);

/** measureKind measures both families side by side, as one daemon has them. */
async function measureKind(kind: Kind, network: Network, monitor: RouteMonitor, pass: Pass): Promise<Row[]> {
  const directory = await mkdtemp(join(tmpdir(), "anyprobe-drivers-"));
  try {
    const e1 = network.endpoints[0]!;
    await using bird = kind.bird && (await startBird(network, kind.bird, announced));
    const ground: Ground = { e1, prefixes: announced, directory, ...(bird && { bird }) };
    const refusals = families.map((prefixes) => refusal(configText(kind, ground, prefixes)));
    const accepted = families.filter((_, index) => refusals[index] === undefined);
    const file = join(directory, "anyprobe.yaml");
    await writeFile(file, configText(kind, ground, accepted.flat()));
    const wrapper = await kind.prepare?.(ground);
    // Starting a process takes the machine from what is being timed elsewhere.
    await using mover =
      accepted.length === 0 ? null : await pass.turns.take(() => Mover.start(e1.namespace, file, wrapper));
    // What made the endpoint ready may have moved prefixes as well.
    await network.settled();
    const calm = pass.timers === "tuned" ? 300 : 6000;
    const calmMs = { withdraw: calm, originate: bird ? Math.max(calm, birdCalmMs) : calm };
    return await Promise.all(
      families.map(async ([prefix, other], index): Promise<Row> => {
        const name = nameOf(kind, prefix);
        const refused = refusals[index];
        if (refused !== undefined || !mover) return { name, cell: { refused: refused! } };
        const say = (text: string) => pass.say(`${name}, ${pass.timers} timers, ${text}`);
        const cell = await measureCell({
          ...{ network, monitor, mover, prefix, other, say },
          ...{ runs: pass.runs, turns: pass.turns, calmMs },
          hasRungs: kind.rungs?.includes(familyOfPrefix(prefix)) ?? false,
        });
        return { name, cell };
      }),
    );
  } catch (error) {
    // One that does not even begin does not keep the others from being measured.
    return families.map(([prefix]) => ({ name: nameOf(kind, prefix), cell: unmeasured((error as Error).message) }));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

const nameOf = (kind: Kind, prefix: Prefix) => `${kind.name} ipv${familyOfPrefix(prefix)}`;

function configText(kind: Kind, ground: Ground, prefixes: readonly Prefix[]): string {
  const service = (prefix: Prefix) => ({
    prefixes: [prefix],
    checks: [{ dns: { name: "health.example.com", type: "A" } }],
    ...{ route: [kind.route(ground, prefix)], guard: "none", damping: "none" },
  });
  const services = Object.fromEntries(prefixes.map((prefix, index) => [`s${index}`, service(prefix)]));
  return stringify({ min_gap: "0s", announce_gap: "0s", services });
}

/** refusal gives why the config takes no such route; undefined where it takes it. */
function refusal(text: string): string | undefined {
  try {
    readConfigText(text, "anyprobe.yaml");
    return undefined;
  } catch (error) {
    if (error instanceof ConfigError) return error.faults[0]!.message;
    throw error;
  }
}

function figuresOf(rows: readonly Row[]): Record<string, unknown> {
  const figures = rows.flatMap(({ name, cell }): [string, unknown][] => {
    const key = name.replaceAll(" ", "_");
    if ("refused" in cell) return [[key, `no such form: ${cell.refused}`]];
    const measured = Object.entries(cell.tookMs).filter(([, ms]) => ms.length > 0);
    const times = measured.map(([action, ms]): [string, unknown] => [
      `${key}_${action}_median_ms`,
      spread(ms).median_ms,
    ]);
    if (cell.noRung !== undefined) times.push([`${key}_deprefer`, `no rung: ${cell.noRung}`]);
    if (cell.way !== undefined) times.push([`${key}_way`, cell.way]);
    return [...times, [`${key}_other_prefix`, cell.other]];
  });
  return Object.fromEntries(figures);
}

/** A kind that the config refuses on IPv4 is no kind. */
function failuresOf(rows: readonly Row[]): string[] {
  return rows.flatMap(({ name, cell }) => {
    if (!("refused" in cell)) return cell.failures.map((failure) => `${name}: ${failure}`);
    return name.endsWith("ipv4") ? [`${name}: expected a valid config, got: ${cell.refused}`] : [];
  });
}

function barsOf(chosen: readonly Kind[], rows: readonly Row[]): string[] {
  return chosen.flatMap(({ name, withdrawMs }) => {
    const cell = rows.find((row) => row.name === `${name} ipv4`)?.cell;
    if (withdrawMs === undefined || !cell || "refused" in cell || cell.tookMs.withdraw.length === 0) return [];
    const { median_ms } = spread(cell.tookMs.withdraw);
    return median_ms <= withdrawMs
      ? []
      : [`${name} ipv4: expected a median withdrawal <= ${withdrawMs} ms, got ${median_ms}`];
  });
}
