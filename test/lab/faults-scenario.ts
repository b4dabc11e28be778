// The scenarios that all drivers share: a fault that stands in the way of a death and of the return, an operator who takes the prefix
// away by hand, and a daemon that is killed in the middle of what it does.
import { setTimeout as sleep } from "node:timers/promises";
import { monotonicNs, nsPerMs } from "../../src/units.js";
import { mortal, type Site, type Turn } from "./faults-site.js";
import { round } from "./figures.js";

/** Scenario is one fault, planted and lifted. It begins and ends with all well, and rejects where anything was not as it should be. */
export interface Scenario {
  /** Words that make the figures' names: `socket missing`. */
  readonly name: string;
  /** R1 loses the endpoint as a whole meanwhile, as a router that is away has to. */
  readonly routerGoes?: true;
  /** Gives figures by their names, without the scenario's. */
  run(site: Site): Promise<Readonly<Record<string, number>>>;
}

export interface Fault extends Omit<Scenario, "run"> {
  /** What the status says where it is in the way: on the way down, and up. */
  readonly says?: Readonly<Partial<Record<Turn, RegExp>>>;
  /** Gives what lifts it again. */
  plant(site: Site): Promise<() => Promise<void>> | (() => Promise<void>);
}

/** inTheWay plants a fault, lets the service die, and lifts it; then the same as the service comes back. */
export function inTheWay({ says = {}, plant, ...scenario }: Fault): Scenario {
  return {
    ...scenario,
    async run(site) {
      const figures: Record<string, number> = {};
      for (const turn of ["down", "up"] as const) {
        const words = says[turn];
        // From the fault's end on where it was in the way, else from the server's end or beginning.
        figures[words ? `${turn}_recovered_ms` : `${turn}_ms`] = await turnUnder(site, turn, plant, words);
      }
      return figures;
    },
  };
}

/** Gives how long after the fault was lifted R1's table was as wanted, ms. */
async function turnUnder(site: Site, turn: Turn, plant: Fault["plant"], says: RegExp | undefined): Promise<number> {
  const lift = await plant(site);
  let lifted = false;
  try {
    let sinceNs = await site.turn(turn);
    if (says) {
      await site.said(says);
      sinceNs = monotonicNs();
      lifted = true;
      await lift();
    }
    return round(await site.settled(turn, sinceNs));
  } finally {
    if (!lifted) await lift();
  }
}

export interface ByHand {
  take(site: Site): Promise<unknown>;
  putBack(site: Site): Promise<unknown>;
  /** Who it was, as the status has it. */
  readonly by: RegExp;
  /** Where the driver cannot put back what the operator took: what the status says after `undrain`. */
  readonly refuses?: RegExp;
}

/** operatorTakes ends by what the operator puts back, and the second time by `anyprobe undrain`. Meanwhile nothing is retried. */
export function operatorTakes({ take, putBack, by, refuses }: ByHand): Scenario {
  return {
    name: "taken away by an operator",
    async run(site) {
      const undrain = async () => {
        await site.command("undrain", mortal);
        if (!refuses) return;
        await site.said(refuses);
        await putBack(site);
      };
      const ends = [() => putBack(site), undrain];
      for (const end of ends) {
        await take(site);
        await site.until(({ manual, observed }) => observed === "withdrawn" && by.test(manual?.by ?? ""));
        await acknowledged(site);
        const actions = site.daemon.routeLines().length;
        await site.turn("down");
        await site.until(({ checks }) => checks[0]!.state === "down");
        await site.turn("up");
        await site.until(({ checks }) => checks[0]!.state === "up");
        // As long as it takes to try again.
        await sleep(500);
        const { manual } = await site.until(() => true);
        if (!manual || site.daemon.routeLines().length !== actions)
          throw new Error(`the order did not last: ${site.daemon.tail()}`);
        await end();
        await site.well();
      }
      return {};
    },
  };
}

/** unordered rejects where a router's own doing was taken for an operator's. */
export async function unordered(site: Site): Promise<void> {
  const { manual } = await site.until(() => true);
  if (manual) throw new Error(`a restart was taken for an order of ${manual.by}`);
}

/** A manual order is told as one, and is no alarm. */
async function acknowledged(site: Site): Promise<void> {
  const { code, text } = await site.tell();
  if (code !== 1 || !/manual .*\n.*taken away by hand by/.test(text)) throw new Error(`got ${code}: ${text}`);
}

/** killedDaemon kills it -9 at random moments of its way down and up, so many times, and starts it anew. */
export function killedDaemon(times: number): Scenario {
  return {
    name: "daemon killed",
    async run(site) {
      const spans = { down: await spanOf(site, "down"), up: await spanOf(site, "up") };
      const took: number[] = [];
      for (let i = 0; i < times; i++) {
        const turn = i % 2 === 0 ? "down" : "up";
        await site.turn(turn);
        const afterMs = Math.random() * spans[turn];
        await sleep(afterMs);
        await site.daemon.kill();
        const startNs = monotonicNs();
        site.startDaemon();
        try {
          took.push(await site.settled(turn, startNs));
        } catch (error) {
          throw new Error(
            `killed ${Math.round(afterMs)} ms after the service went ${turn}: ${(error as Error).message}`,
          );
        }
      }
      if (times % 2 === 1) {
        await site.turn("up");
        await site.settled("up", monotonicNs());
      }
      const left = site.changes();
      if (left.length > 0) throw new Error(`all is announced, and in the state file is ${JSON.stringify(left)}`);
      return { kills: times, longest_ms: round(Math.max(0, ...took)) };
    },
  };
}

/** From the server's end or beginning until the daemon is done; ms. */
async function spanOf(site: Site, turn: Turn): Promise<number> {
  const startNs = await site.turn(turn);
  await site.until(({ observed, verified }) => observed === (turn === "down" ? "withdrawn" : "announced") && verified);
  return (monotonicNs() - startNs) / nsPerMs;
}

/** both is for a fault that is in the way down and up, and is told in the same words. */
export function both(words: RegExp): NonNullable<Fault["says"]> {
  return { down: words, up: words };
}
