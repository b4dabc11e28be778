// One cell of the matrix: one driver moves one of two prefixes of a family up and down the ladder, and R1's kernel table says
// when it happened, and whether anything happened to the other prefix.
import { setTimeout as sleep } from "node:timers/promises";
import type { Network } from "../../src/demo/network.js";
import type { RouteEvent, RouteMonitor } from "../../src/demo/route-monitor.js";
import { type Announcement, rungCosts } from "../../src/route/driver.js";
import { addressOf, familyOfPrefix, type Prefix } from "../../src/route/prefix.js";
import { monotonicNs, nsPerMs } from "../../src/units.js";
import { within } from "../support/daemon.js";
import { heldBy } from "./drivers-lsa.js";
import type { Moved, Mover } from "./drivers-mover.js";

/** Action is one column: each changes R1's kernel table, as another endpoint announces the prefix all the while. */
export type Action = "withdraw" | "announce" | "deprefer" | "back";

interface Movement {
  readonly action: Action;
  readonly to: Announcement;
  /** R1 routes via the endpoint afterwards. */
  readonly routed: boolean;
}

const movements: readonly Movement[] = [
  { action: "withdraw", to: "withdrawn", routed: false },
  { action: "announce", to: "announced", routed: true },
  { action: "deprefer", to: "dead", routed: false },
  { action: "back", to: "announced", routed: true },
];

export interface CellOptions {
  readonly network: Network;
  readonly monitor: RouteMonitor;
  readonly mover: Mover;
  readonly prefix: Prefix;
  /** The prefix beside it that nothing may happen to. */
  readonly other: Prefix;
  readonly runs: number;
  /** It has to be depreferred; else it may say why it cannot. */
  readonly hasRungs: boolean;
  /** How long the router is left alone before a withdrawal, and before all else. ms */
  readonly calmMs: { readonly withdraw: number; readonly originate: number };
  readonly turns: Turns;
  readonly say: (text: string) => void;
}

/** Cell is what was found. */
export interface Cell {
  /** From the order to R1's event; ms. */
  readonly tookMs: Readonly<Record<Action, readonly number[]>>;
  /** Why it cannot be depreferred, in the driver's words. */
  readonly noRung?: string;
  /** By what the driver moves it, in its own words, if it has a choice. */
  readonly way?: string;
  /** What became of the other prefix, and in which LSA it is. */
  readonly other: string;
  readonly failures: readonly string[];
}

const endpointId = "198.18.255.11";
const withinMs = 20_000;
/** A router that waits for a timer does nothing that others have to wait for. */
const longestTurnMs = 500;
/** FRR's zebra writes an IPv6 route anew by deleting it and adding it, microseconds apart, whatever changed of its LSA. */
const rewriteMs = 5;
const rungActions: readonly Action[] = ["deprefer", "back"];

/** Turns lets cells that are measured side by side act one after another, so that none is timed while another acts. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** take runs `act` when all before it have ended. */
  take<T>(act: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(act);
    this.#last = mine.catch(() => {});
    return mine;
  }
}

/** measureCell goes through all movements so many times. It ends early at the first thing that is not as it should be. */
export async function measureCell(options: CellOptions): Promise<Cell> {
  const { runs, calmMs, say } = options;
  const tookMs: Record<Action, number[]> = { withdraw: [], announce: [], deprefer: [], back: [] };
  const failures: string[] = [];
  const beside = await watchOther(options);
  let noRung: string | undefined;
  let way: string | undefined;
  let changedNs = monotonicNs();
  for (let run = 0; run < runs && failures.length === 0; run++) {
    for (const movement of movements) {
      if (failures.length > 0 || (noRung !== undefined && rungActions.includes(movement.action))) continue;
      const calm = movement.action === "withdraw" ? calmMs.withdraw : calmMs.originate;
      await sleep(calm - (monotonicNs() - changedNs) / nsPerMs);
      const { ms, moved } = await act(options, movement);
      changedNs = monotonicNs();
      way = moved.status.drivers.find((driver) => driver.way !== undefined)?.way ?? way;
      if (movement.action === "deprefer" && moved.settled && moved.status.observed === "announced") {
        noRung = moved.status.reason ?? "the driver does not say why";
        if (options.hasRungs) failures.push(`expected it to be depreferred, got no rung: ${noRung}`);
      } else {
        const faults = await faultsOf(options, movement, ms, moved);
        failures.push(...faults.map((fault) => `${movement.action} ${run + 1}/${runs}: ${fault}`));
        if (ms !== undefined) tookMs[movement.action].push(ms);
      }
    }
    const last = Object.entries(tookMs).map(([action, all]) => `${action} ${all.at(-1)?.toFixed(1) ?? "-"}`);
    say(`${run + 1}/${runs}: ${last.join(", ")} ms`);
  }
  const { words: other, faults } = await beside();
  failures.push(...faults);
  return { tookMs, ...(noRung !== undefined && { noRung }), ...(way !== undefined && { way }), other, failures };
}

/** unmeasured is a cell that could not begin. */
export function unmeasured(why: string): Cell {
  return { tookMs: { withdraw: [], announce: [], deprefer: [], back: [] }, other: "not looked at", failures: [why] };
}

/** watchOther gives what tells later what has become of the other prefix since. */
async function watchOther({ network, monitor, other }: CellOptions) {
  const before = await heldBy(network.r1, endpointId, other);
  const seen = monitor.events.length;
  return async (): Promise<{ words: string; faults: string[] }> => {
    const after = await heldBy(network.r1, endpointId, other);
    if (!before || !after) return { words: "no LSA", faults: [`${other} is in no LSA of the endpoint`] };
    const events = monitor.events.slice(seen).filter(({ destination }) => destination === addressOf(other));
    const awayMs = longestAbsenceMs(events, gatewayTo(network, other));
    const left = awayMs > rewriteMs ? [`${other}, which was to stay, left R1's table for ${awayMs} ms`] : [];
    const routed =
      events.length === 0 ? "R1 did not touch its route" : `R1 rewrote its route, away for ${awayMs.toFixed(2)} ms`;
    if (before.lsa !== "AS-external-LSA") return { words: `shared LSA (${before.lsa}), ${routed}`, faults: left };
    const made = after.sequence - before.sequence;
    const again = made === 0 ? [] : [`the LSA of ${other}, which was to stay, was originated ${made} times more`];
    return { words: `the same instance of its LSA, ${routed}`, faults: [...left, ...again] };
  };
}

/** From an event without the gateway to the next one with it; ms. */
function longestAbsenceMs(events: readonly RouteEvent[], gateway: string): number {
  let longest = 0;
  let leftNs: number | undefined;
  for (const { atNs, nextHops } of events) {
    if (!nextHops.includes(gateway)) leftNs ??= atNs;
    else if (leftNs !== undefined) {
      longest = Math.max(longest, (atNs - leftNs) / nsPerMs);
      leftNs = undefined;
    }
  }
  return leftNs === undefined ? longest : Number.POSITIVE_INFINITY;
}

/** act gives how long R1's table took; undefined where the drivers were done and it had not changed. */
async function act(options: CellOptions, { to, routed }: Movement): Promise<{ ms: number | undefined; moved: Moved }> {
  const { network, monitor, mover, prefix, turns } = options;
  const gateway = gatewayTo(network, prefix);
  const { startNs, event, moved } = await turns.take(async () => {
    const { startNs, moved } = await mover.move({ prefix, to, withinMs });
    const seen = monitor
      .until(addressOf(prefix), (hops) => hops.length > 0 && hops.includes(gateway) === routed, startNs, withinMs)
      .catch(() => undefined);
    // A driver without the rung is done at once, and R1 hears nothing.
    const idle = moved.then(({ status }) => (status.observed === to ? seen : undefined));
    const event = Promise.race([seen, idle]);
    await Promise.race([event, sleep(longestTurnMs)]);
    return { startNs, event, moved };
  });
  const at = await event;
  return { ms: at && (at.atNs - startNs) / nsPerMs, moved: await moved };
}

/** faultsOf holds R1 against what was ordered. */
async function faultsOf(
  { network, prefix }: CellOptions,
  { to, routed }: Movement,
  ms: number | undefined,
  { settled, errors, status }: Moved,
): Promise<string[]> {
  const faults = [...new Set(errors)].map((error) => `refused: ${error}`);
  if (ms === undefined) faults.push(`R1's table did not change within ${withinMs} ms`);
  if (!settled || status.observed !== to)
    faults.push(`expected the drivers to see ${to}, verified, got ${JSON.stringify(status)}`);
  const hops = await network.nextHops(prefix);
  if (hops.includes(gatewayTo(network, prefix)) !== routed)
    faults.push(`expected R1 ${routed ? "" : "not "}to route by the endpoint, got [${hops}]`);
  // What is verified is at R1; its reader may be a moment late.
  let held: Awaited<ReturnType<typeof heldBy>>;
  const right = await within(1000, async () => {
    held = await heldBy(network.r1, endpointId, prefix);
    return standsAt(to, held) || undefined;
  });
  if (!right) faults.push(`expected R1's database to have it ${to}, got ${JSON.stringify(held)}`);
  return faults;
}

function standsAt(to: Announcement, held: Awaited<ReturnType<typeof heldBy>>): boolean {
  if (to === "withdrawn" || !held) return to === "withdrawn" && !held;
  const { stub, external } = rungCosts.dead;
  return (held.metric === (held.lsa === "AS-external-LSA" ? external : stub)) === (to === "dead");
}

/** The endpoint as R1's kernel table has it. */
function gatewayTo({ endpoints }: Network, prefix: Prefix): string {
  const { address, address6 } = endpoints[0]!;
  return familyOfPrefix(prefix) === 4 ? address : address6;
}
