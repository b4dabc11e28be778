// A server that answers, and too late: its prefix is depreferred and not withdrawn, users go to the others, and come back once
// it has been quick for a window and the hold-down is over. Its address stays where it is all the while.
import { setTimeout as sleep } from "node:timers/promises";
import { ended } from "../../src/demo/frr.js";
import type { Status } from "../../src/run/status.js";
import { monotonicNs, nsPerMs } from "../../src/units.js";
import { prefixIn } from "../support/daemon.js";
import { bars, type Experiment, round, spread } from "./figures.js";
import { anycast, Lab, type LabEndpoint } from "./lab.js";
import { SlowServer } from "./slow-server.js";

const slowMs = 40;
const limit = "20ms";
/** A slow answer so long after the server is quick again is the host's doing; the daemon counts them each second. */
const disturbedNs = 1500 * nsPerMs;

/** ObjectiveTerms are the times of one experiment. */
export interface ObjectiveTerms {
  readonly announces: readonly ("network" | "redistribute")[];
  readonly runs: number;
  readonly windowMs: number;
  readonly holdDownMs: number;
  readonly intervalMs: number;
  /** How long the server is slow, in turns: shorter and longer than what the hold-down lasts beyond the window. */
  readonly slowForMs: readonly number[];
}

const terms: ObjectiveTerms = {
  announces: ["network", "redistribute"],
  runs: 4,
  windowMs: 10_000,
  holdDownMs: 15_000,
  intervalMs: 50,
  slowForMs: [2000, 8000],
};

export const objective: Experiment = {
  summary: `a server slowed to ${slowMs} ms against p99 ${limit}: depreferred, its traffic elsewhere, and back (frr driver)`,
  run: ({ runs = terms.runs, only }, say) =>
    measureObjective(
      { ...terms, runs, announces: terms.announces.filter((name) => only === undefined || only === name) },
      say,
    ),
};

/** measureObjective slows the first endpoint's server `runs` times in each network. */
export async function measureObjective(asked: ObjectiveTerms, say: (text: string) => void) {
  const figures: Record<string, Awaited<ReturnType<typeof measure>>> = {};
  for (const announce of asked.announces) figures[announce] = await measure(announce, asked, say);
  const failures = Object.entries(figures).flatMap(([name, { depreferred, back_late_ms: late, ...found }]) =>
    bars(
      name,
      { depreferred_ms: depreferred.max_ms, back_late_ms: late.max_ms, ...found },
      {
        depreferred_ms: asked.windowMs + 1000,
        // Never before the hold-down is over; once nothing stands against it, at the next tick.
        back_early_ms: 0,
        back_late_ms: 1500,
        not_depreferred: 0,
        answers_while_slow: 0,
        answers_lost: 0,
        address_removals: 0,
        address_removals_unseen: 0,
      },
    ),
  );
  const { windowMs, holdDownMs, intervalMs } = asked;
  const environment = {
    objective: `p99 ${limit} over ${windowMs} ms`,
    hold_down_ms: holdDownMs,
    interval_ms: intervalMs,
  };
  return { figures, failures, environment };
}

async function measure(announce: "network" | "redistribute", asked: ObjectiveTerms, say: (text: string) => void) {
  const { runs, windowMs, holdDownMs, intervalMs, slowForMs } = asked;
  await using lab = await Lab.create({ announce, client: true });
  const [e1, ...others] = lab.endpoints as [LabEndpoint, ...LabEndpoint[]];
  const server = await SlowServer.replace(e1);
  const addresses = new AddressWatch(e1);
  const check = { interval: `${intervalMs}ms`, fast_interval: `${intervalMs}ms` };
  const service = {
    objective: { latency: { p99: limit }, window: `${windowMs}ms` },
    // As long each time, so that all runs are alike.
    damping: { hold_down: `${holdDownMs}ms`, max: `${holdDownMs}ms` },
  };
  await Promise.all([
    e1.startDaemon({ driver: "frr", check: { ...check, stable_for: "1s" }, service }),
    ...others.map((endpoint) => endpoint.startDaemon({ driver: "frr", check: { stable_for: "1s" } })),
  ]);
  const depreferredMs: number[] = [];
  const backLateMs: number[] = [];
  let backEarlyMs = 0;
  let notDepreferred = 0;
  let disturbed = 0;
  let answersWhileSlow = 0;
  let answersLost = 0;
  try {
    for (let run = 0; run < runs; run++) {
      // Nothing is slow in the window that is about to begin; where the host itself was, that is over first.
      await sleep(run === 0 ? windowMs / 2 : windowMs);
      await e1.until(isWell, 2 * (windowMs + holdDownMs));
      const slowNs = monotonicNs();
      await server.slow(slowMs);
      const goneNs = await lab.goneFromR1(e1, slowNs, anycast, windowMs + 10_000);
      depreferredMs.push((goneNs - slowNs) / nsPerMs);
      const status = await e1.until((one) => prefixIn(one, anycast).verified, 5000);
      if (prefixIn(status, anycast).observed !== "degraded") notDepreferred++;
      const whileSlow = await lab.answersFrom(100);
      answersWhileSlow += whileSlow["e1"] ?? 0;
      answersLost += whileSlow["nobody"] ?? 0;
      await sleep(slowForMs[run % slowForMs.length]! - (monotonicNs() - slowNs) / nsPerMs);
      await server.slow(0);
      const quickNs = monotonicNs();
      const back = lab.backAtR1(e1, goneNs, anycast, windowMs + holdDownMs + 20_000);
      const lastSlowNs = await lastSlow(e1, back);
      const isDisturbed = lastSlowNs - quickNs > disturbedNs;
      const backNs = await back;
      // The hold-down began no earlier than the slowness, and no later than R1 knew of it.
      backEarlyMs = Math.max(backEarlyMs, holdDownMs - (backNs - slowNs) / nsPerMs);
      const dueNs = Math.max((isDisturbed ? lastSlowNs : quickNs) + windowMs * nsPerMs, goneNs + holdDownMs * nsPerMs);
      backLateMs.push((backNs - dueNs) / nsPerMs);
      if (isDisturbed) disturbed++;
      answersLost += (await lab.answersFrom(100))["nobody"] ?? 0;
      say(
        `${announce} ${run + 1}/${runs}: depreferred after ${round(depreferredMs.at(-1)!)} ms, ` +
          `back ${round((backNs - quickNs) / nsPerMs)} ms after it was quick again`,
      );
    }
    const removals = addresses.removals();
    await e1.stopDaemon();
    return {
      depreferred: spread(depreferredMs),
      back_late_ms: spread(backLateMs),
      back_early_ms: round(backEarlyMs),
      not_depreferred: notDepreferred,
      disturbed_runs: disturbed,
      answers_while_slow: answersWhileSlow,
      answers_lost: answersLost,
      address_removals: removals,
      // The watch is only worth something if it sees a removal.
      address_removals_unseen: (await addresses.seesRemoval()) ? 0 : 1,
    };
  } finally {
    await Promise.all([server.stop(), addresses.close()]);
  }
}

/**
 * lastSlow tells when the last slow answer came until `end`, as the daemon saw it: a busy host delays answers too, and the window
 * begins anew with each. To a second.
 */
async function lastSlow(endpoint: LabEndpoint, end: Promise<unknown>): Promise<number> {
  let lastNs = Number.NEGATIVE_INFINITY;
  let ended = false;
  const stop = () => {
    ended = true;
  };
  end.then(stop, stop);
  for (; !ended; await sleep(50)) {
    const askedNs = monotonicNs();
    const { fast } = prefixIn(await endpoint.status(), anycast).objective!.figures[0]!;
    if (fast.bad > 0) lastNs = askedNs - fast.windowNs;
  }
  return lastNs;
}

function isWell(status: Status): boolean {
  const { observed, verified, objective } = prefixIn(status, anycast);
  return observed === "announced" && verified && objective?.breached === false;
}

/** AddressWatch counts how often an endpoint's anycast address is taken away, from its construction on. */
class AddressWatch {
  readonly #endpoint: LabEndpoint;
  readonly #child;
  #text = "";

  constructor(endpoint: LabEndpoint) {
    this.#endpoint = endpoint;
    this.#child = endpoint.node.namespace.spawn("ip", ["-o", "monitor", "address"], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    this.#child.stdout!.setEncoding("utf8").on("data", (text: string) => {
      this.#text += text;
    });
  }

  removals(): number {
    return this.#text.split("\n").filter((line) => line.startsWith("Deleted") && line.includes(` ${anycast} `)).length;
  }

  /** seesRemoval takes the address away, and tells whether that was counted. */
  async seesRemoval(): Promise<boolean> {
    const before = this.removals();
    await this.#endpoint.node.namespace.ip("address", "del", anycast, "dev", "lo");
    for (let tries = 0; tries < 100 && this.removals() === before; tries++) await sleep(20);
    return this.removals() === before + 1;
  }

  async close(): Promise<void> {
    this.#child.kill("SIGKILL");
    await ended(this.#child);
  }
}
