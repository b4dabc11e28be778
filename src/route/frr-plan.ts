// Which configuration lines move prefixes along the ladder and put them back, and which prefixes would move along. Pure: it
// reads what the router says and writes lines; frr.ts sends them.
import { RouteError } from "../errors.js";
import { type Rung, rungCosts } from "./driver.js";
import { alongWith, refusalToAnnounce, refusalToDeprefer, refusalToWithdraw } from "./frr-refusal.js";
import { configuredLine, type Held, type Memory, type RouterState, wayBackOf, wayOf } from "./frr-state.js";
import { addressCost, areaOf, withMetric } from "./ospf-config.js";
import { addressOf, type Prefix } from "./prefix.js";

/** Plan is what to write for one call; `held` has the prefixes that it moves, `refusals` a sentence for each that it cannot move. */
export interface Plan {
  readonly lines: readonly string[];
  readonly held: ReadonlyMap<Prefix, Held>;
  readonly refusals: ReadonlyMap<Prefix, string>;
}

/** planWithdraw plans one batch for all of `prefixes`. */
export function planWithdraw(state: RouterState, prefixes: readonly Prefix[], memory: Memory): Plan {
  const along = alongWith(state, memory, prefixes, "withdrawn");
  const plan = new Draft();
  for (const prefix of prefixes) {
    const way = wayOf(state, prefix, memory.held);
    if (plan.refuse(prefix, refusalToWithdraw(state, prefix, way, along))) continue;
    const before = memory.held.get(prefix);
    if (way.network !== undefined) plan.route(`no network ${prefix} area ${way.network}`);
    else if (way.redistribute !== undefined) plan.route("no redistribute connected");
    if (before?.cost !== undefined) plan.cost(prefix, before.device!, before.cost);
    if (Object.keys(way).length === 0) continue;
    const device = memory.devices.get(prefix);
    // Kept from before: a prefix can have lost its network statement to us and be redistributed since.
    plan.held.set(prefix, { ...before, ...way, ...(way.network !== undefined && device !== undefined && { device }) });
  }
  // The cost goes back once nothing is announced at it: the neighbours are told of one change, not of two.
  return plan.written("route first");
}

/** planAnnounce plans one batch that puts `prefixes` back as they are known. */
export function planAnnounce(state: RouterState, prefixes: readonly Prefix[], memory: Memory): Plan {
  const { config } = state;
  const along = alongWith(state, memory, prefixes, "announced");
  const plan = new Draft();
  for (const prefix of prefixes) {
    if (plan.refuse(prefix, refusalToAnnounce(state, prefix, memory, along))) continue;
    const { network, redistribute } = memory.known.get(prefix) ?? {};
    const before = memory.held.get(prefix);
    if (before?.cost !== undefined) plan.cost(prefix, before.device!, before.cost);
    if (network !== undefined && areaOf(config, prefix) === undefined) plan.route(`network ${prefix} area ${network}`);
    const line = configuredLine(config, memory.held) ?? redistribute;
    if (redistribute !== undefined && line !== config.redistributeConnected) plan.route(line!);
    plan.held.set(prefix, before ?? {});
  }
  return plan.written("cost first");
}

/** planDeprefer plans one batch that announces all of `prefixes`, withdrawn or not, at the cost of a rung. */
export function planDeprefer(state: RouterState, prefixes: readonly Prefix[], rung: Rung, memory: Memory): Plan {
  const { config } = state;
  const along = alongWith(state, memory, prefixes, rung);
  const plan = new Draft();
  for (const prefix of prefixes) {
    if (plan.refuse(prefix, refusalToDeprefer(state, prefix, memory, along))) continue;
    const { network, redistribute } = wayBackOf(state, prefix, memory);
    const before = memory.held.get(prefix);
    if (network !== undefined) {
      const device = memory.devices.get(prefix)!;
      plan.cost(prefix, device, rungCosts[rung].stub);
      if (areaOf(config, prefix) === undefined) plan.route(`network ${prefix} area ${network}`);
      plan.held.set(prefix, { ...before, device, cost: before?.cost ?? addressCost(config, device, prefix) ?? 0 });
    } else {
      plan.route(withMetric(redistribute!, rungCosts[rung].external));
      plan.held.set(prefix, { ...before, redistribute: redistribute! });
    }
  }
  return plan.written("cost first");
}

/** Draft gathers the lines of one plan. */
class Draft {
  readonly held = new Map<Prefix, Held>();
  readonly #refusals = new Map<Prefix, string>();
  readonly #costs: string[] = [];
  readonly #route = new Set<string>();

  /** True where there is a reason to refuse. */
  refuse(prefix: Prefix, reason: string | undefined): boolean {
    if (reason !== undefined) this.#refusals.set(prefix, reason);
    return reason !== undefined;
  }

  /** A line below `router ospf`, once however many prefixes it moves. */
  route(line: string): void {
    this.#route.add(line);
  }

  /** The cost of one address; 0 takes the line away. */
  cost(prefix: Prefix, device: string, cost: number): void {
    const line = cost === 0 ? `no ip ospf cost ${addressOf(prefix)}` : `ip ospf cost ${cost} ${addressOf(prefix)}`;
    this.#costs.push(`interface ${device}`, line);
  }

  written(order: "route first" | "cost first"): Plan {
    const route = this.#route.size === 0 ? [] : ["router ospf", ...this.#route];
    const lines = order === "route first" ? [...route, ...this.#costs] : [...this.#costs, ...route];
    return { lines, held: this.held, refusals: this.#refusals };
  }
}

/** refusalError makes the one error of a call from the sentences for its prefixes. */
export function refusalError(refusals: ReadonlyMap<Prefix, string>): RouteError {
  const sentences = [...new Set(refusals.values())].join("; ");
  return new RouteError("ERR_ROUTE_UNSUPPORTED", sentences, "frr", [...refusals.keys()]);
}
