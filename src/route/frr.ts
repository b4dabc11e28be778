// The frr driver: moves IPv4 prefixes along the ladder through ospfd's vty socket, of FRR or Quagga, and reads back what the
// neighbours hold. It changes the running configuration only (never `write memory`) and remembers every line it changed.
import { monotonicNs, nsPerSecond } from "../units.js";
import { announcements, type Change, type Driver, type DriverEvent, type Observation, type Rung } from "./driver.js";
import { FrrMemory } from "./frr-memory.js";
import { type Plan, planAnnounce, planDeprefer, planWithdraw, refusalError } from "./frr-plan.js";
import { commandsFor, observationOf, readState } from "./frr-reading.js";
import { type RouterState, stands } from "./frr-state.js";
import { wayText } from "./frr-way.js";
import type { Prefix } from "./prefix.js";
import { refused, Vty, withPrefixes } from "./vty.js";

/** FrrOptions is where ospfd is reached. */
export interface FrrOptions {
  /** The directory of the vty sockets: `/run/frr`, Quagga `/run/quagga`. */
  readonly sockets: string;
  /** How long one command may take before ospfd counts as hung. */
  readonly timeoutMs?: number;
}

/** What ospfd answers to a command that it does not know: Quagga has no `json`. */
const unknownCommand = 2;
/** A reading is renewed every second; an older one means that the router is slow to answer. */
const outrightWithinNs = 2 * nsPerSecond;
const operator = "an operator at ospfd";

/** FrrDriver is one ospfd. Its calls run one after another, so that a reading never mixes with a change of its own. */
export class FrrDriver implements Driver {
  readonly name = "frr";
  readonly rungs = announcements;
  readonly #path: string;
  readonly #vty: Vty;
  #onEvent: (event: DriverEvent) => void = () => {};
  #queue: Promise<unknown> = Promise.resolve();
  readonly #memory = new FrrMemory();
  /** Whether the line of each prefix stood in the configuration at the last look, if nothing of ours moved it since. */
  readonly #present = new Map<Prefix, boolean>();
  /** The last reading, if nothing of ours has changed the router since. */
  #state: RouterState | undefined;
  #stateNs = 0;
  #json = true;

  constructor(options: FrrOptions) {
    this.#path = `${options.sockets}/ospfd.vty`;
    this.#vty = new Vty({
      path: this.#path,
      ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
      onDown: (reason) => {
        this.#forgetRun();
        this.#onEvent({ kind: "lost", reason });
      },
      onUp: () => {
        this.#forgetRun();
        this.#onEvent({ kind: "back", reason: `ospfd answers again at ${this.#path}` });
      },
    });
  }

  /** open also resolves while ospfd is away: then `lost` is reported, and `back` once it answers. */
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
        // Which rung makes no difference to what can be done; together, as those that go by one line often do.
        const { refusals } = planDeprefer(state, prefixes, "dead", this.#memory);
        return new Map(
          prefixes.map((prefix) => {
            const noRung = refusals.get(prefix);
            const way = wayText(state, prefix, this.#memory);
            const how = { ...(noRung !== undefined && { noRung }), ...(way !== undefined && { way }) };
            return [prefix, { ...observationOf(state, prefix), ...how }];
          }),
        );
      } catch (error) {
        const reason = (error as Error).message;
        return new Map(prefixes.map((prefix) => [prefix, { announcement: "unknown", verified: false, reason }]));
      }
    });
  }

  announce(prefixes: readonly Prefix[]): Promise<void> {
    return this.#inTurn(async () => {
      const { held, wanted } = this.#memory;
      for (const prefix of prefixes) wanted.delete(prefix);
      const plan = planAnnounce(await this.#read(prefixes), prefixes, this.#memory);
      await this.#configure(plan, prefixes);
      for (const prefix of plan.held.keys()) held.delete(prefix);
      if (plan.refusals.size > 0) throw refusalError(plan.refusals);
    });
  }

  withdraw(prefixes: readonly Prefix[]): Promise<void> {
    return this.#inTurn(async () => {
      for (const prefix of prefixes) this.#memory.wanted.set(prefix, "withdrawn");
      await this.#take(
        this.#planOutright(prefixes) ?? planWithdraw(await this.#read(prefixes), prefixes, this.#memory),
        prefixes,
      );
    });
  }

  deprefer(prefixes: readonly Prefix[], rung: Rung): Promise<void> {
    return this.#inTurn(async () => {
      for (const prefix of prefixes) this.#memory.wanted.set(prefix, rung);
      await this.#take(planDeprefer(await this.#read(prefixes), prefixes, rung, this.#memory), prefixes);
    });
  }

  async #take(plan: Plan, prefixes: readonly Prefix[]): Promise<void> {
    // Before the write: what was written but not confirmed must be known as ours. The next reading drops what did not happen.
    for (const [prefix, held] of plan.held) this.#memory.held.set(prefix, held);
    await this.#configure(plan, prefixes);
    if (plan.refusals.size > 0) throw refusalError(plan.refusals);
  }

  /**
   * Without a new reading, which takes as long as the change itself: where the last one is young and every line concerns
   * one prefix only. If it misleads, ospfd refuses the line and the next try reads first.
   */
  #planOutright(prefixes: readonly Prefix[]): Plan | undefined {
    if (!this.#state || monotonicNs() - this.#stateNs > outrightWithinNs) return undefined;
    const plan = planWithdraw(this.#state, prefixes, this.#memory);
    const outright = plan.refusals.size === 0 && plan.held.size === prefixes.length;
    return outright && !concernsOthers(plan) ? plan : undefined;
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

  async #configure(plan: Plan, prefixes: readonly Prefix[]): Promise<void> {
    if (plan.lines.length === 0) return;
    this.#state = undefined;
    // The next look starts afresh with what this moves, however it ends: it must not be taken for somebody else's doing.
    for (const prefix of concernsOthers(plan) ? [...this.#present.keys()] : plan.held.keys())
      this.#present.delete(prefix);
    try {
      if (plan.prepare.length > 0) await this.#vty.configure(plan.prepare);
      await this.#vty.configure(plan.lines);
    } catch (error) {
      throw withPrefixes(error, "ospfd", prefixes);
    }
  }

  /** One round of commands for everything: configuration, own LSAs, neighbours, devices, others' externals. */
  async #read(prefixes: readonly Prefix[]): Promise<RouterState> {
    try {
      const commands = commandsFor(prefixes, this.#json);
      const replies = await this.#vty.run(commands);
      if (this.#json && replies.slice(1).some((reply) => reply.status === unknownCommand)) {
        this.#json = false;
        return await this.#read(prefixes);
      }
      const failed = replies.findIndex((reply) => reply.status !== 0);
      if (failed >= 0) throw refused(commands[failed]!, replies[failed]!);
      const texts = replies.map((reply) => reply.text);
      const state = readState(texts, prefixes, this.#json);
      this.#state = state;
      this.#stateNs = monotonicNs();
      this.#compare(state, prefixes);
      return state;
    } catch (error) {
      throw withPrefixes(error, "ospfd", prefixes);
    }
  }

  /** Learns from a reading, and tells what others have changed. */
  #compare(state: RouterState, prefixes: readonly Prefix[]): void {
    this.#memory.learn(state, prefixes, this.#stateNs);
    for (const prefix of prefixes) {
      const way = this.#memory.known.get(prefix);
      if (way === undefined) continue;
      const present = stands(state, prefix, way, this.#memory.held.get(prefix));
      const before = this.#present.get(prefix);
      this.#present.set(prefix, present);
      if (before === undefined || before === present) continue;
      this.#onEvent({ kind: present ? "appeared" : "removed", prefix, by: operator });
    }
  }

  #forgetRun(): void {
    this.#state = undefined;
    this.#present.clear();
    this.#memory.forgetRun();
    this.#json = true;
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(act);
    this.#queue = turn.catch(() => {});
    return turn;
  }
}

/** Whether its lines move more prefixes than those of the call. */
function concernsOthers(plan: Plan): boolean {
  return plan.lines.some((line) => line.includes("redistribute"));
}
