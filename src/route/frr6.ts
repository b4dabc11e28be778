// The frr driver of IPv6: moves prefixes along the ladder through ospf6d's vty socket and reads back what the neighbours hold.
// It changes the running configuration only (never `write memory`); what is ours there bears a name of ours.
import { RouteError } from "../errors.js";
import {
  type Announcement,
  announcements,
  type Change,
  type Driver,
  type DriverEvent,
  type Observation,
  type Rung,
} from "./driver.js";
import { refusalError } from "./frr-plan.js";
import { Frr6Memory } from "./frr6-memory.js";
import { planFor, wayBackOf6, wayTold } from "./frr6-plan.js";
import { commands6, observationOf6, readState6, readsRivals, rivalsCommand } from "./frr6-reading.js";
import type { Router6State, Way6 } from "./frr6-state.js";
import { routeMapOf } from "./ospf-config.js";
import { deviceLets, mapLets } from "./ospf6-config.js";
import type { Prefix } from "./prefix.js";
import { refused, Vty, withPrefixes } from "./vty.js";

/** Frr6Options is where ospf6d is reached. */
export interface Frr6Options {
  /** The directory of the vty sockets: `/run/frr`. */
  readonly sockets: string;
  /** How long one command may take before ospf6d counts as hung. */
  readonly timeoutMs?: number;
}

/** What ospf6d answers to a command that it does not know. */
const unknownCommand = 2;
const operator = "an operator at ospf6d";

/** Frr6Driver is one ospf6d, of FRR 8 or later. Its calls run one after another, so that a reading never mixes with a change of its own. */
export class Frr6Driver implements Driver {
  readonly name = "frr";
  readonly rungs = announcements;
  readonly #path: string;
  readonly #vty: Vty;
  #onEvent: (event: DriverEvent) => void = () => {};
  #queue: Promise<unknown> = Promise.resolve();
  readonly #memory = new Frr6Memory();
  /** Whether the configuration let each prefix out at the last look, if nothing of ours moved it since. */
  readonly #present = new Map<Prefix, boolean>();

  constructor({ sockets, timeoutMs }: Frr6Options) {
    this.#path = `${sockets}/ospf6d.vty`;
    this.#vty = new Vty({
      path: this.#path,
      ...(timeoutMs !== undefined && { timeoutMs }),
      onDown: (reason) => {
        this.#present.clear();
        this.#onEvent({ kind: "lost", reason });
      },
      onUp: () => {
        this.#present.clear();
        this.#onEvent({ kind: "back", reason: `ospf6d answers again at ${this.#path}` });
      },
    });
  }

  /** open also resolves while ospf6d is away: then `lost` is reported, and `back` once it answers. */
  async open(
    changes: readonly Change[],
    onEvent: (event: DriverEvent) => void,
    ways: readonly Change[] = [],
  ): Promise<void> {
    this.#onEvent = onEvent;
    this.#memory.adopt(changes.filter(({ driver }) => driver === this.name));
    this.#memory.recall(ways.filter(({ driver }) => driver === this.name));
    await this.#vty.open();
  }

  observe(prefixes: readonly Prefix[]): Promise<ReadonlyMap<Prefix, Observation>> {
    return this.#inTurn(async () => {
      try {
        const state = await this.#read(prefixes);
        // All of them together, at whichever rung: what cannot be done even then cannot be done.
        const { refusals } = planFor(state, prefixes, "dead", this.#memory);
        return new Map(
          prefixes.map((prefix) => {
            const noRung = refusals.get(prefix);
            const way = wayTold(state, prefix, this.#memory);
            const how = { ...(noRung !== undefined && { noRung }), ...(way !== undefined && { way }) };
            return [prefix, { ...observationOf6(state, prefix), ...how }];
          }),
        );
      } catch (error) {
        const reason = (error as Error).message;
        return new Map(prefixes.map((prefix) => [prefix, { announcement: "unknown", verified: false, reason }]));
      }
    });
  }

  announce(prefixes: readonly Prefix[]): Promise<void> {
    return this.#move(prefixes, "announced");
  }

  withdraw(prefixes: readonly Prefix[]): Promise<void> {
    return this.#move(prefixes, "withdrawn");
  }

  deprefer(prefixes: readonly Prefix[], rung: Rung): Promise<void> {
    return this.#move(prefixes, rung);
  }

  #move(prefixes: readonly Prefix[], target: Announcement): Promise<void> {
    return this.#inTurn(async () => {
      const { held, wanted } = this.#memory;
      for (const prefix of prefixes)
        if (target === "announced") wanted.delete(prefix);
        else wanted.set(prefix, target);
      const plan = planFor(await this.#read(prefixes), prefixes, target, this.#memory);
      // Before the write: what was written but not confirmed must be known as ours. The next reading drops what did not happen.
      for (const [prefix, change] of plan.held) held.set(prefix, { ...held.get(prefix), ...change });
      if (plan.lines.length > 0) {
        // The next look starts afresh with all that this may move: it must not be taken for somebody else's doing.
        const byLine = plan.lines.some((line) => line.includes("redistribute connected"));
        for (const prefix of [...(byLine ? this.#present : plan.held).keys()]) this.#present.delete(prefix);
        try {
          if (plan.prepare.length > 0) await this.#vty.configure(plan.prepare);
          await this.#vty.configure(plan.lines);
        } catch (error) {
          throw withPrefixes(error, "ospf6d", prefixes);
        }
      }
      if (plan.refusals.size > 0) throw refusalError(plan.refusals);
    });
  }

  changes(): readonly Change[] {
    return this.#memory.changes(this.name);
  }

  ways(): readonly Change[] {
    return this.#memory.ways(this.name);
  }

  async close(): Promise<void> {
    this.#onEvent = () => {};
    this.#vty.close();
  }

  async #read(prefixes: readonly Prefix[]): Promise<Router6State> {
    try {
      const answers = await this.#ask(commands6);
      const rivals = readsRivals(answers[0]!) ? (await this.#ask([rivalsCommand]))[0] : undefined;
      const state = readState6(answers, rivals);
      this.#memory.learn(state, prefixes);
      this.#compare(state, prefixes);
      return state;
    } catch (error) {
      throw withPrefixes(error, "ospf6d", prefixes);
    }
  }

  async #ask(commands: readonly string[]): Promise<readonly string[]> {
    const replies = await this.#vty.run(commands);
    const failed = replies.findIndex(({ status }) => status !== 0);
    if (failed < 0) return replies.map(({ text }) => text);
    const { message } = refused(commands[failed]!, replies[failed]!, "ospf6d");
    if (replies[failed]!.status !== unknownCommand) throw new RouteError("ERR_ROUTE_REFUSED", message, this.name);
    const advice = "the frr driver needs the JSON of FRR 8 or later for IPv6, use the address driver";
    throw new RouteError("ERR_ROUTE_UNSUPPORTED", `${message}: ${advice}`, this.name);
  }

  /** Tells what others have changed. */
  #compare(state: Router6State, prefixes: readonly Prefix[]): void {
    for (const prefix of prefixes) {
      const way = wayBackOf6(state, prefix, this.#memory);
      if (Object.keys(way).length === 0) continue;
      const present = letsOut(state, prefix, way);
      const before = this.#present.get(prefix);
      this.#present.set(prefix, present);
      if (before === undefined || before === present) continue;
      this.#onEvent({ kind: present ? "appeared" : "removed", prefix, by: operator });
    }
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(act);
    this.#queue = turn.catch(() => {});
    return turn;
  }
}

/** Whether the configuration lets a prefix out; that its address is there is not its business. */
function letsOut({ config, attached }: Router6State, prefix: Prefix, { device, redistribute }: Way6): boolean {
  const line = config.redistributeConnected;
  const map = line === undefined ? undefined : routeMapOf(line);
  return (
    (device !== undefined && attached.has(device) && deviceLets(config, device, prefix)) ||
    (redistribute !== undefined && line !== undefined && (map === undefined || mapLets(config, map, prefix)))
  );
}
