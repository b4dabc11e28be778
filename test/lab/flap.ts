// A server that dies and returns, time and again: damping lets its endpoint originate no more LSAs than the hold-downs leave room
// for. Beside it one without damping, whose server dies at the same moments.
import { setTimeout as sleep } from "node:timers/promises";
import { monotonicNs, nsPerMs } from "../../src/units.js";
import { bars, type Experiment, round } from "./figures.js";
import { anycast, type DaemonOptions, Lab, type LabEndpoint } from "./lab.js";
import { originations, ownLsas } from "./lsa.js";

/** FlapTerms are the times of one experiment. */
export interface FlapTerms {
  readonly driver: "address" | "frr";
  readonly cycles: number;
  readonly cycleMs: number;
  /** So long of each cycle the server is dead. */
  readonly deadMs: number;
  readonly check: Readonly<Record<string, string>>;
  /** How long a server that answers takes to be R1's route, without damping. */
  readonly recoveryMs: number;
  readonly holdDownMs: number;
  readonly maxMs: number;
  readonly forgetMs: number;
}

const cycleMs = 5000;
const terms: FlapTerms = {
  driver: "address",
  cycles: 60,
  cycleMs,
  deadMs: 2000,
  check: { stable_for: "500ms", interval: "100ms" },
  recoveryMs: 1000,
  holdDownMs: 5000,
  maxMs: 40_000,
  forgetMs: 60_000,
};
/** Without damping there are so many times as many. */
const leastRatio = 5;

export const flap: Experiment = {
  summary: "a server dead 2 s of every 5 s for 5 minutes: LSAs with and without damping",
  run: ({ driver = terms.driver, seconds = (terms.cycles * cycleMs) / 1000 }, say) =>
    measureFlap({ ...terms, driver, cycles: Math.round((seconds * 1000) / cycleMs) }, say),
};

/**
 * mostOriginations is the formula: between two departures lies at least the hold-down of the first of them, so there are no more
 * departures within a time than hold-downs fit in it, and one. Each is two LSAs, one away and one back.
 */
export function mostOriginations(
  withinMs: number,
  { holdDownMs, maxMs }: Pick<FlapTerms, "holdDownMs" | "maxMs">,
): number {
  let departures = 1;
  for (let endMs = 0; ; departures++) {
    endMs += Math.min(maxMs, holdDownMs * 2 ** (departures - 1));
    if (endMs >= withinMs) return 2 * departures;
  }
}

/** measureFlap lets two servers flap at the same time: the first endpoint's is damped, the second's is not. */
export async function measureFlap(asked: FlapTerms, say: (text: string) => void) {
  const { driver, cycles, check, recoveryMs, holdDownMs, maxMs, forgetMs } = asked;
  await using lab = await Lab.create();
  const [damped, undamped, other] = lab.endpoints as [LabEndpoint, LabEndpoint, LabEndpoint];
  const options: DaemonOptions = { driver, check };
  const damping = { hold_down: `${holdDownMs}ms`, max: `${maxMs}ms`, forget: `${forgetMs}ms` };
  await Promise.all([
    damped.startDaemon({ ...options, service: { damping } }),
    undamped.startDaemon(options),
    other.startDaemon(options),
  ]);
  const before = await Promise.all([ownLsas(damped), ownLsas(undamped), ownLsas(other)]);
  const startNs = monotonicNs();
  for (let cycle = 0; cycle < cycles; cycle++) {
    await flapOnce(lab, [damped, undamped], asked);
    if ((cycle + 1) % 10 === 0) {
      const so = originations(before[0], await ownLsas(damped));
      say(`${cycle + 1}/${cycles} cycles, ${round((monotonicNs() - startNs) / 1e9, 0)} s: ${so} LSAs with damping`);
    }
  }
  const calmNs = monotonicNs();
  const flappedMs = (calmNs - startNs) / nsPerMs;
  // It may have its route already.
  const isBack = (await lab.network.nextHops(anycast)).includes(damped.gateway);
  const backNs = isBack ? calmNs : await lab.backAtR1(damped, calmNs, anycast, maxMs + recoveryMs + 20_000);
  const after = await Promise.all([ownLsas(damped), ownLsas(undamped), ownLsas(other)]);
  const [withDamping, without, bystander] = after.map((lsas, i) => originations(before[i]!, lsas)) as [
    number,
    number,
    number,
  ];
  const first = await holdDownAfterCalm(lab, damped, asked, backNs);
  const figures = {
    seconds: round(flappedMs / 1000, 1),
    cycles,
    originations: withDamping,
    originations_formula: mostOriginations(flappedMs, asked),
    originations_undamped: without,
    ratio: round(without / withDamping),
    originations_bystander: bystander,
    back_after_calm_ms: round(Math.max(0, (backNs - calmNs) / nsPerMs)),
    back_after_forgetting_ms: round(first),
  };
  const failures = bars("flap", figures, {
    originations: figures.originations_formula,
    originations_bystander: 0,
    back_after_calm_ms: maxMs + recoveryMs,
    // The first hold-down again.
    back_after_forgetting_ms: holdDownMs + recoveryMs,
  });
  if (figures.ratio < leastRatio) failures.push(`flap: expected ratio >= ${leastRatio}, got ${figures.ratio}`);
  if (without !== 2 * cycles) failures.push(`flap: expected 2 LSAs a cycle without damping, got ${without}`);
  if (first < holdDownMs)
    failures.push(`flap: expected a hold-down of ${holdDownMs} ms after the calm, was back after ${round(first)} ms`);
  return { figures, failures, environment: { driver, damping, check } };
}

/** flapOnce lasts as long as the one without damping takes to be back, where that is longer than a cycle. */
async function flapOnce(lab: Lab, [damped, undamped]: readonly [LabEndpoint, LabEndpoint], asked: FlapTerms) {
  const { cycleMs, deadMs } = asked;
  const startNs = monotonicNs();
  const untilMs = (ms: number) => sleep(Math.max(0, ms - (monotonicNs() - startNs) / nsPerMs));
  for (const { server } of [damped, undamped]) server!.signal("SIGKILL");
  await untilMs(deadMs);
  await Promise.all([damped, undamped].map((endpoint) => endpoint.server!.stop().then(() => endpoint.startServer())));
  await lab.backAtR1(undamped, await lab.goneFromR1(undamped, startNs));
  await untilMs(cycleMs);
}

/** holdDownAfterCalm tells how long after one more death, once all is forgotten, the endpoint is back; ms. */
async function holdDownAfterCalm(lab: Lab, endpoint: LabEndpoint, { forgetMs, recoveryMs }: FlapTerms, calmNs: number) {
  await sleep(forgetMs + recoveryMs - (monotonicNs() - calmNs) / nsPerMs);
  const diedNs = monotonicNs();
  endpoint.server!.signal("SIGKILL");
  const goneNs = await lab.goneFromR1(endpoint, diedNs);
  await endpoint.server!.stop();
  await endpoint.startServer();
  return ((await lab.backAtR1(endpoint, goneNs, anycast, 60_000)) - diedNs) / nsPerMs;
}
