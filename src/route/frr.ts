// The frr driver: moves IPv4 prefixes in and out of OSPF through ospfd's vty socket, of FRR or Quagga, and reads back what
// the neighbours hold. It changes the running configuration only (never `write memory`) and remembers every line it took.
import { RouteError } from "../errors.js";
import { monotonicNs, nsPerSecond } from "../units.js";
import type { Announcement, Change, Driver, DriverEvent, Observation } from "./driver.js";
import {
  type Plan,
  planAnnounce,
  planWithdraw,
  type RouterState,
  refusalError,
  unsupportedReason,
  type Way,
  wayOf,
} from "./frr-plan.js";
import { readExternalLsas, readNeighbors, readRouterLsas } from "./lsdb.js";
import { readExternalLsasText, readNeighborsText, readRouterLsasText } from "./lsdb-text.js";
import { areaOf, readOspfConfig } from "./ospf-config.js";
import type { Prefix } from "./prefix.js";
import { type Reply, refused, Vty } from "./vty.js";

export interface FrrOptions {
  /** The directory of the vty sockets: `/run/frr`, Quagga `/run/quagga`. */
  readonly sockets: string;
  /** How long one command may take before ospfd counts as hung. */
  readonly timeoutMs?: number;
}

const show = [
  "show ip ospf database router self-originate",
  "show ip ospf database external self-originate",
  "show ip ospf neighbor",
];
/** What ospfd answers to a command that it does not know: Quagga has no `json`. */
const unknownCommand = 2;
/** A reading is renewed every second; an older one means that the router is slow to answer. */
const outrightWithinNs = 2 * nsPerSecond;
const operator = "an operator at ospfd";

/** FrrDriver is one ospfd. Its calls run one after another, so that a reading never mixes with a change of its own. */
export class FrrDriver implements Driver {
  readonly name = "frr";
  readonly rungs: readonly Announcement[] = ["announced", "withdrawn"];
  readonly #path: string;
  readonly #vty: Vty;
  #onEvent: (event: DriverEvent) => void = () => {};
  #queue: Promise<unknown> = Promise.resolve();
  /** What this driver took away and has not put back: the changes in force. */
  readonly #held = new Map<Prefix, Way>();
  /** How each prefix was last seen announced, so that it can be put back even if somebody else took it away. */
  readonly #known = new Map<Prefix, Way>();
  /** The prefixes whose last call was withdraw. */
  readonly #withheld = new Set<Prefix>();
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
  async open(changes: readonly Change[], onEvent: (event: DriverEvent) => void): Promise<void> {
    this.#onEvent = onEvent;
    for (const { driver, prefix, undo } of changes) {
      if (driver !== this.name) continue;
      this.#held.set(prefix, undo as Way);
      this.#known.set(prefix, undo as Way);
      this.#withheld.add(prefix);
    }
    await this.#vty.open();
  }

  observe(prefixes: readonly Prefix[]): Promise<ReadonlyMap<Prefix, Observation>> {
    return this.#inTurn(async () => {
      try {
        const state = await this.#read(prefixes);
        return new Map(prefixes.map((prefix) => [prefix, observation(state, prefix)]));
      } catch (error) {
        const reason = (error as Error).message;
        return new Map(prefixes.map((prefix) => [prefix, { announcement: "unknown", verified: false, reason }]));
      }
    });
  }

  announce(prefixes: readonly Prefix[]): Promise<void> {
    return this.#inTurn(async () => {
      for (const prefix of prefixes) this.#withheld.delete(prefix);
      const state = await this.#read(prefixes);
      const plan = planAnnounce(state, prefixes, this.#known, this.#withheld);
      await this.#configure(plan, prefixes);
      for (const prefix of plan.ways.keys()) this.#held.delete(prefix);
      // A redistribute line is back for all that it lets through, not only for those of this call.
      for (const [prefix, way] of this.#held) {
        if (way.redistribute !== undefined && plan.lines.includes(way.redistribute)) this.#held.delete(prefix);
      }
      if (plan.refusals.size > 0) throw refusalError(plan.refusals);
    });
  }

  withdraw(prefixes: readonly Prefix[]): Promise<void> {
    return this.#inTurn(async () => {
      for (const prefix of prefixes) this.#withheld.add(prefix);
      const plan = this.#planOutright(prefixes) ?? planWithdraw(await this.#read(prefixes), prefixes, this.#held);
      // Before the write: what was written but not confirmed must be known as ours. The next reading drops what did not happen.
      for (const [prefix, way] of plan.ways) this.#held.set(prefix, way);
      await this.#configure(plan, prefixes);
      if (plan.refusals.size > 0) throw refusalError(plan.refusals);
    });
  }

  /**
   * Without a new reading, which takes as long as the change itself: where the last one is young and every line concerns
   * one prefix only. If it misleads, ospfd refuses the line and the next try reads first.
   */
  #planOutright(prefixes: readonly Prefix[]): Plan | undefined {
    if (!this.#state || monotonicNs() - this.#stateNs > outrightWithinNs) return undefined;
    const plan = planWithdraw(this.#state, prefixes, this.#held);
    const outright = plan.refusals.size === 0 && plan.ways.size === prefixes.length;
    return outright && plan.lines.every((line) => line.startsWith("no network ")) ? plan : undefined;
  }

  changes(): readonly Change[] {
    return [...this.#held].map(([prefix, way]) => ({ driver: this.name, prefix, undo: { ...way } }));
  }

  async close(): Promise<void> {
    this.#onEvent = () => {};
    this.#vty.close();
  }

  async #configure(plan: Plan, prefixes: readonly Prefix[]): Promise<void> {
    if (plan.lines.length === 0) return;
    this.#state = undefined;
    // The next look starts afresh with what this moves, however it ends: it must not be taken for somebody else's doing.
    const redistribution = plan.lines.some((line) => line.includes("redistribute"));
    for (const prefix of redistribution ? [...this.#present.keys()] : plan.ways.keys()) this.#present.delete(prefix);
    try {
      await this.#vty.configure(["router ospf", ...plan.lines]);
    } catch (error) {
      throw withPrefixes(error, prefixes);
    }
  }

  /** One round of commands for everything: configuration, own LSAs, neighbours. */
  async #read(prefixes: readonly Prefix[]): Promise<RouterState> {
    try {
      const commands = ["show running-config", ...show.map((command) => (this.#json ? `${command} json` : command))];
      const replies = await this.#vty.run(commands);
      if (this.#json && replies.slice(1).some((reply) => reply.status === unknownCommand)) {
        this.#json = false;
        return await this.#read(prefixes);
      }
      const failed = replies.findIndex((reply) => reply.status !== 0);
      if (failed >= 0) throw refused(commands[failed]!, replies[failed]!);
      const state = stateOf(replies, this.#json);
      this.#state = state;
      this.#stateNs = monotonicNs();
      this.#compare(state, prefixes);
      return state;
    } catch (error) {
      throw withPrefixes(error, prefixes);
    }
  }

  /** Learns from a reading: what is in force of our changes, how prefixes are announced, and what others have changed. */
  #compare(state: RouterState, prefixes: readonly Prefix[]): void {
    const { config } = state;
    for (const [prefix, way] of this.#held) {
      const { network, redistribute } = way;
      const left = {
        ...(network !== undefined && areaOf(config, prefix) === undefined ? { network } : {}),
        ...(redistribute !== undefined && config.redistributeConnected === undefined ? { redistribute } : {}),
      };
      if (Object.keys(left).length === 0) this.#held.delete(prefix);
      else this.#held.set(prefix, left);
    }
    for (const prefix of prefixes) {
      const way = wayOf(state, prefix);
      if (Object.keys(way).length > 0) this.#known.set(prefix, { ...this.#held.get(prefix), ...way });
      const known = this.#known.get(prefix);
      if (known === undefined) continue;
      const present = lineStands(state, prefix, known);
      const before = this.#present.get(prefix);
      this.#present.set(prefix, present);
      if (before === undefined || before === present) continue;
      this.#onEvent({ kind: present ? "appeared" : "removed", prefix, by: operator });
    }
  }

  #forgetRun(): void {
    this.#state = undefined;
    this.#present.clear();
    this.#json = true;
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(act);
    this.#queue = turn.catch(() => {});
    return turn;
  }
}

function lineStands({ config }: RouterState, prefix: Prefix, known: Way): boolean {
  if (areaOf(config, prefix) !== undefined) return true;
  return known.redistribute !== undefined && config.redistributeConnected !== undefined;
}

function stateOf([running, router, external, neighbor]: readonly Reply[], json: boolean): RouterState {
  const config = readOspfConfig(running!.text);
  // Without OSPF the database commands answer a sentence, with status 0.
  if (!config.routers.includes("router ospf")) return { config, stubs: new Map(), externals: new Map(), neighbors: [] };
  return {
    config,
    stubs: (json ? readRouterLsas : readRouterLsasText)(router!.text).stubs,
    externals: (json ? readExternalLsas : readExternalLsasText)(external!.text),
    neighbors: (json ? readNeighbors : readNeighborsText)(neighbor!.text),
  };
}

/** ROUTING: verified is what the own LSA shows once a Full neighbour is there and all neighbours have acknowledged everything. */
function observation(state: RouterState, prefix: Prefix): Observation {
  const unsupported = unsupportedReason(state.config, prefix);
  if (unsupported !== undefined) return { announcement: "unknown", verified: false, reason: unsupported };
  const announcement = state.stubs.has(prefix) || state.externals.has(prefix) ? "announced" : "withdrawn";
  if (!state.neighbors.some((neighbor) => neighbor.full))
    return { announcement, verified: false, reason: "no adjacency" };
  const behind = state.neighbors.filter((neighbor) => neighbor.retransmit > 0).map((neighbor) => neighbor.id);
  return behind.length === 0
    ? { announcement, verified: true }
    : { announcement, verified: false, reason: `not acknowledged by ${behind.join(", ")}` };
}

function withPrefixes(error: unknown, prefixes: readonly Prefix[]): RouteError {
  if (!(error instanceof RouteError)) {
    const message = `ospfd's answer could not be read: ${(error as Error).message}`;
    return new RouteError("ERR_ROUTE_UNREACHABLE", message, "frr", prefixes, { cause: error });
  }
  const code = error.code as ConstructorParameters<typeof RouteError>[0];
  return new RouteError(code, error.message, "frr", prefixes, { cause: error });
}
