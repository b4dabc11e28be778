// The last endpoint of a prefix stays announced: all servers killed at once, one after the other, and two beside a third that
// is degraded. R1's kernel table, event by event, tells whether it ever was without a route.
import { setTimeout as sleep } from "node:timers/promises";
import { monotonicNs, nsPerMs } from "../../src/units.js";
import { answersBy, between, lostOf, SteadyClient } from "./client.js";
import { bars, type Experiment, round, spread } from "./figures.js";
import {
  anycast,
  type DaemonOptions,
  Lab,
  type LabEndpoint,
  type LabOptions,
  prefixesOf,
  program,
  quick,
} from "./lab.js";

/** Queries/s of the client. */
const rateQps = 500;
/** The guard looks again after 1.2 to 3.2 s; on a busy host its answer may take a little longer. */
const guardMs = 8000;
/** For as long as a guard that holds may change its mind by its next look. */
const holdMs = 3500;

interface Case {
  readonly name: string;
  readonly driver: "address" | "frr";
  readonly lab: LabOptions;
  /**
   * Some cannot see others, which are in another area: of three that die one after the other only the first is withdrawn, and
   * without rungs a corpse stays beside the living. Externals are known in all areas.
   */
  readonly blind?: boolean;
}

const network: LabOptions = { announce: "network", client: true };
const redistribute: LabOptions = { announce: "redistribute", client: true };
const areas = [0, 0, 1];

const cases: readonly Case[] = [
  { name: "frr", driver: "frr", lab: network },
  { name: "address", driver: "address", lab: network },
  { name: "frr-redistribute", driver: "frr", lab: redistribute },
  { name: "address-redistribute", driver: "address", lab: redistribute },
  { name: "frr-two-areas", driver: "frr", lab: { ...network, areas }, blind: true },
  { name: "address-two-areas", driver: "address", lab: { ...network, areas }, blind: true },
  { name: "frr-redistribute-two-areas", driver: "frr", lab: { ...redistribute, areas } },
  { name: "address-redistribute-two-areas", driver: "address", lab: { ...redistribute, areas } },
];

export const lastEndpoint: Experiment = {
  summary: "all servers die at once, one after the other, or beside a degraded one: is R1 ever without a route?",
  async run({ runs = 20, driver, only }, say) {
    const figures: Record<string, unknown> = {};
    const failures: string[] = [];
    const chosen = cases.filter(
      (one) => (only === undefined || one.name === only) && (driver === undefined || one.driver === driver),
    );
    // Cases of one network share it: building one takes longer than measuring in it.
    for (const key of new Set(chosen.map(({ lab }) => JSON.stringify(lab)))) {
      const group = chosen.filter(({ lab }) => JSON.stringify(lab) === key);
      await using lab = await Lab.create(group[0]!.lab);
      for (const one of group) {
        const found = await measure(lab, one, runs, (text) => say(`${one.name}: ${text}`));
        figures[one.name] = found.figures;
        failures.push(...found.failures);
      }
    }
    return { figures, failures, environment: { rate_qps: rateQps } };
  },
};

async function measure(lab: Lab, { name, driver, blind = false }: Case, runs: number, say: (text: string) => void) {
  await lab.startDaemons(guarded(driver));
  const together = await killTogether(lab, runs, say);
  const oneByOne = await killOneByOne(lab, say);
  await lab.stopDaemons();
  const degraded = await killBesideDegraded(lab, driver, 1, say);
  const found = { together, one_by_one: oneByOne, beside_degraded: degraded };
  const go = blind ? 1 : 2;
  const failures = [
    ...bars(`${name}, together`, together, { routeless: 0, unheld: 0 }),
    ...bars(`${name}, one by one`, oneByOne, { routeless: 0, not_held: 0 }),
    ...(oneByOne.withdrawn === go ? [] : [`${name}, one by one: expected ${go} withdrawn, got ${oneByOne.withdrawn}`]),
    ...bars(`${name}, beside a degraded one`, degraded, { routeless: 0 }),
  ];
  if (driver === "address") {
    // Whoever has the lowest router id looks again before it goes.
    if (!blind) failures.push(...bars(`${name}, beside a degraded one`, degraded, { ...served, alone_ms: 3500 }));
    return { figures: found, failures };
  }
  // Only with rungs a degraded one is told from a corpse that its guard holds.
  const corpses = await killBesideDegraded(lab, driver, 2, say);
  failures.push(
    ...bars(`${name}, beside a degraded one`, degraded, { ...served, alone_ms: 100 }),
    ...bars(`${name}, beside corpses`, corpses, { routeless: 0, ...served, alone_ms: 100 }),
  );
  return { figures: { ...found, degraded_beside_corpses: corpses }, failures };
}

/** Every query reaches the one that is alive. */
const served = { elsewhere: 0, lost_after: 0 };

/** guarded is a daemon with the guard on, whose checks decide within a second. */
export function guarded(driver: "address" | "frr", others = 1): DaemonOptions {
  return { driver, check: quick, others };
}

/** killTogether kills all servers at the same instant, again and again. The daemons must run, and all be well. */
export async function killTogether(lab: Lab, runs: number, say: (text: string) => void = () => {}) {
  const tookMs: number[] = [];
  const stayed: number[] = [];
  let routeless = 0;
  let unheld = 0;
  for (let run = 0; run < runs; run++) {
    const startNs = monotonicNs();
    for (const { server } of lab.endpoints) server!.signal("SIGKILL");
    await Promise.all(lab.endpoints.map((endpoint) => endpoint.until(hasGoneOrIsHeld, guardMs)));
    tookMs.push((monotonicNs() - startNs) / nsPerMs);
    await sleep(500);
    const hops = await lab.network.nextHops(destination);
    const held = await Promise.all(lab.endpoints.map(async (endpoint) => isHeld(await endpoint.status())));
    stayed.push(hops.length);
    routeless += Math.max(routelessSince(lab, startNs), hops.length === 0 ? 1 : 0);
    if (!held.includes(true)) unheld++;
    say(`together ${run + 1}/${runs}: R1 keeps ${hops.length}, without a route ${routelessSince(lab, startNs)} times`);
    await revive(lab);
  }
  return { routeless, unheld, stayed: tally(stayed), decided: spread(tookMs) };
}

/** killOneByOne kills each server once the one before has left, or is held. */
export async function killOneByOne(lab: Lab, say: (text: string) => void = () => {}) {
  const startNs = monotonicNs();
  for (const endpoint of lab.endpoints) {
    endpoint.server!.signal("SIGKILL");
    await endpoint.until(hasGoneOrIsHeld, guardMs);
  }
  await sleep(holdMs);
  const statuses = await Promise.all(lab.endpoints.map((endpoint) => endpoint.status()));
  const withdrawn = statuses.filter((status) => prefixesOf(status)[0]!.observed === "withdrawn").length;
  const held = statuses.filter(isHeld).length;
  const last = lab.endpoints.at(-1)!;
  const figures = {
    withdrawn,
    held,
    /** The last must be among them. */
    not_held: isHeld(statuses.at(-1)!) ? 0 : 1,
    status_exit_code: await statusExitCode(last),
    reason: prefixesOf(statuses.at(-1)!)[0]!.guard?.reason,
    hops: (await lab.network.nextHops(destination)).length,
    routeless: routelessSince(lab, startNs),
  };
  say(`one by one: ${withdrawn} withdrawn, ${held} held (${figures.reason})`);
  await revive(lab);
  return figures;
}

/**
 * killBesideDegraded starts the daemons, the last of them with an objective that it cannot meet, and kills the servers of the
 * others: every query must then reach the degraded one. With `others: 2` the guard lets none of the dead go.
 */
export async function killBesideDegraded(
  lab: Lab,
  driver: "address" | "frr",
  others: number,
  say: (text: string) => void = () => {},
) {
  const degraded = lab.endpoints.at(-1)!;
  const dead = lab.endpoints.slice(0, -1);
  const slow = { latency: { p50: "1us" }, window: "2s", min_samples: 5 };
  await Promise.all([
    ...dead.map((endpoint) => endpoint.startDaemon(guarded(driver, others))),
    degraded.startDaemon({ ...guarded(driver, others), service: { objective: slow } }),
  ]);
  await degraded.until((status) => prefixesOf(status)[0]!.objective?.breached === true && isSettled(status), 15_000);
  await using client = await SteadyClient.start(lab, rateQps);
  await sleep(1000);
  const startNs = monotonicNs();
  for (const { server } of dead) server!.signal("SIGKILL");
  const alone = (hops: readonly string[]) => String(hops) === degraded.gateway;
  const [left] = await Promise.all([
    lab.monitor.until(destination, alone, startNs, guardMs).catch(() => undefined),
    ...dead.map((endpoint) => endpoint.until(hasGoneOrIsHeld, guardMs)),
  ]);
  const fromNs = left?.atNs ?? monotonicNs();
  await sleep(holdMs);
  const statuses = await Promise.all(dead.map((endpoint) => endpoint.status()));
  const queries = await client.stop();
  const before = answersBy(between(queries, 0, startNs));
  const after = between(queries, fromNs);
  const by = answersBy(after);
  const { sent, lost, voided } = lostOf(after);
  const figures = {
    /** When R1 had no other next hop any more; null: it kept one. */
    alone_ms: left ? round((left.atNs - startNs) / nsPerMs) : null,
    lost_before: lostOf(between(queries, startNs, fromNs)).lost,
    sent_after: sent,
    lost_after: lost,
    voided_after: voided,
    elsewhere: sent - lost - voided - (by[degraded.node.name] ?? 0),
    answers_before: before,
    answers_after: by,
    dead: statuses.map((status) => prefixesOf(status)[0]!.observed),
    routeless: routelessSince(lab, startNs),
  };
  say(`beside a degraded one (${others} others): ${JSON.stringify(figures)}`);
  // What a driver has depreferred stays so if its daemon only stops.
  await degraded.stopDaemon();
  await degraded.startDaemon(guarded(driver, others));
  await revive(lab, dead);
  await lab.stopDaemons();
  return figures;
}

const destination = anycast.replace("/32", "");

type Status = Awaited<ReturnType<LabEndpoint["status"]>>;

const isHeld = (status: Status) => prefixesOf(status).some(({ guard }) => guard?.held === true);
const isSettled = (status: Status) =>
  prefixesOf(status).every(({ wanted, observed, verified, drivers }) => {
    const able = drivers.some(({ driver }) => driver === "frr");
    return verified && (able ? observed === wanted : observed === "announced");
  });
const hasGoneOrIsHeld = (status: Status) =>
  prefixesOf(status).every(({ observed, verified }) => observed === "withdrawn" && verified) || isHeld(status);

/** routelessSince counts how often R1's kernel lost its last next hop. */
function routelessSince({ monitor }: Lab, sinceNs: number): number {
  return monitor.events.filter(
    ({ destination: to, atNs, nextHops }) => to === destination && atNs >= sinceNs && nextHops.length === 0,
  ).length;
}

/** revive starts the servers of the dead again and waits until all is as it was. */
async function revive(lab: Lab, dead: readonly LabEndpoint[] = lab.endpoints): Promise<void> {
  await Promise.all(dead.map((endpoint) => endpoint.restartServer()));
  const well = (status: Status) =>
    prefixesOf(status).every(({ observed, verified }) => observed === "announced" && verified);
  await Promise.all(lab.endpoints.map((endpoint) => endpoint.until(well, 15_000)));
  await lab.network.settled();
}

/** statusExitCode gives what `anyprobe status` ends with. */
async function statusExitCode({ node, control }: LabEndpoint): Promise<number> {
  try {
    await node.namespace.exec(process.execPath, program, "status", "--control", control);
    return 0;
  } catch (error) {
    return Number((error as { code?: unknown }).code);
  }
}

function tally(counts: readonly number[]): Record<string, number> {
  const tallied: Record<string, number> = {};
  for (const count of counts) tallied[count] = (tallied[count] ?? 0) + 1;
  return tallied;
}
