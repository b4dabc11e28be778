// Which configuration lines move prefixes along the ladder and put them back. Pure: it reads what the router says and writes
// lines; frr.ts sends them.
import { RouteError } from "../errors.js";
import { type Announcement, type Rung, rungCosts } from "./driver.js";
import { planRedistribution, type Redistribution } from "./frr-redistribute.js";
import { refusalToAnnounce, refusalToDeprefer, refusalToWithdraw } from "./frr-refusal.js";
import { type Held, type Memory, type RouterState, wayBackOf, wayOf } from "./frr-state.js";
import { addressCost, areaOf, isSuppressed } from "./ospf-config.js";
import { addressOf, type Prefix } from "./prefix.js";

/** Plan is what to write for one call; `held` has the prefixes that it moves, `refusals` a sentence for each that it cannot move. */
export interface Plan {
  /** Lines that move nothing, and must all have been accepted before the others are written. */
  readonly prepare: readonly string[];
  readonly lines: readonly string[];
  readonly held: ReadonlyMap<Prefix, Held>;
  readonly refusals: ReadonlyMap<Prefix, string>;
}

/** planWithdraw plans one batch for all of `prefixes`. */
export function planWithdraw(state: RouterState, prefixes: readonly Prefix[], memory: Memory): Plan {
  const plan = new Draft(state, memory, "withdrawn");
  for (const prefix of prefixes) {
    const way = wayOf(state, prefix, memory.held);
    if (plan.refuse(prefix, refusalToWithdraw(state, prefix, way, memory))) continue;
    const before = memory.held.get(prefix);
    if (before?.cost !== undefined) plan.cost(prefix, before.device!, before.cost);
    if (way.redistribute !== undefined) {
      plan.redistribute(prefix, way.redistribute, before);
      continue;
    }
    if (Object.keys(way).length === 0) continue;
    const known = memory.devices.get(prefix);
    // Kept from before: a prefix can have lost its network statement to us and be announced by another since.
    const held = { ...before, ...(known !== undefined && { device: known }) };
    if (way.covered) {
      plan.suppress(prefix, known!, true);
      plan.held.set(prefix, { ...held, suppressed: true });
    } else {
      plan.route(`no network ${prefix} area ${way.network}`);
      plan.held.set(prefix, { ...held, network: way.network! });
    }
  }
  // The cost goes back once nothing is announced at it: the neighbours are told of one change, not of two.
  return plan.written("route first");
}

/** planAnnounce plans one batch that puts `prefixes` back as they are known. */
export function planAnnounce(state: RouterState, prefixes: readonly Prefix[], memory: Memory): Plan {
  const { config } = state;
  const plan = new Draft(state, memory, "announced");
  for (const prefix of prefixes) {
    if (plan.refuse(prefix, refusalToAnnounce(state, prefix, memory))) continue;
    const { network, redistribute } = memory.known.get(prefix) ?? {};
    const before = memory.held.get(prefix);
    plan.held.set(prefix, before ?? {});
    if (before?.cost !== undefined) plan.cost(prefix, before.device!, before.cost);
    if (before?.suppressed) plan.suppress(prefix, before.device!, false);
    if (network !== undefined && areaOf(config, prefix) === undefined) plan.route(`network ${prefix} area ${network}`);
    if (redistribute !== undefined) plan.redistribute(prefix, redistribute, before);
  }
  return plan.written("cost first");
}

/** planDeprefer plans one batch that announces all of `prefixes`, withdrawn or not, at the cost of a rung. */
export function planDeprefer(state: RouterState, prefixes: readonly Prefix[], rung: Rung, memory: Memory): Plan {
  const { config } = state;
  const plan = new Draft(state, memory, rung);
  for (const prefix of prefixes) {
    if (plan.refuse(prefix, refusalToDeprefer(state, prefix, memory))) continue;
    const { network, covered, redistribute } = wayBackOf(state, prefix, memory);
    const before = memory.held.get(prefix);
    if (network === undefined && !covered) {
      plan.redistribute(prefix, redistribute!, before);
      continue;
    }
    const device = memory.devices.get(prefix)!;
    plan.cost(prefix, device, rungCosts[rung].stub);
    if (before?.suppressed && isSuppressed(config, prefix)) plan.suppress(prefix, device, false);
    if (network !== undefined && areaOf(config, prefix) === undefined) plan.route(`network ${prefix} area ${network}`);
    plan.held.set(prefix, { ...before, device, cost: before?.cost ?? addressCost(config, device, prefix) ?? 0 });
  }
  return plan.written("cost first");
}

/** Draft gathers the lines of one plan. */
class Draft {
  readonly held = new Map<Prefix, Held>();
  readonly #refusals = new Map<Prefix, string>();
  readonly #costs: string[] = [];
  readonly #suppressions: string[] = [];
  readonly #route = new Set<string>();
  /** The prefixes that go by redistribution, with what was held of them. */
  readonly #redistributed = new Map<Prefix, Held | undefined>();
  #line = "";

  constructor(
    readonly state: RouterState,
    readonly memory: Memory,
    readonly target: Announcement,
  ) {}

  /** True where there is a reason to refuse. */
  refuse(prefix: Prefix, reason: string | undefined): boolean {
    if (reason !== undefined) this.#refusals.set(prefix, reason);
    return reason !== undefined;
  }

  /** A line below `router ospf`. */
  route(line: string): void {
    this.#route.add(line);
  }

  /** Redistributed prefixes move together. */
  redistribute(prefix: Prefix, line: string, before: Held | undefined): void {
    this.#redistributed.set(prefix, before);
    this.#line = line;
  }

  /** The cost of one address; 0 takes the line away. */
  cost(prefix: Prefix, device: string, cost: number): void {
    const line = cost === 0 ? `no ip ospf cost ${addressOf(prefix)}` : `ip ospf cost ${cost} ${addressOf(prefix)}`;
    this.#costs.push(`interface ${device}`, line);
  }

  suppress(prefix: Prefix, device: string, suppressed: boolean): void {
    const line = `ip ospf prefix-suppression ${addressOf(prefix)}`;
    this.#suppressions.push(`interface ${device}`, suppressed ? line : `no ${line}`);
  }

  written(order: "route first" | "cost first"): Plan {
    const moved = this.#redistribution();
    if (moved?.line !== undefined) this.route(moved.line);
    const route = this.#route.size === 0 ? [] : ["router ospf", ...this.#route];
    const filters = moved?.filters ?? [];
    const announcing = [...this.#suppressions, ...(moved?.lineFirst ? [...route, ...filters] : [...filters, ...route])];
    const lines = order === "route first" ? [...announcing, ...this.#costs] : [...this.#costs, ...announcing];
    return { prepare: moved?.prepare ?? [], lines, held: this.held, refusals: this.#refusals };
  }

  #redistribution(): Redistribution | undefined {
    const prefixes = [...this.#redistributed.keys()];
    if (prefixes.length === 0) return undefined;
    const { target } = this;
    const moved = planRedistribution(this.state, this.memory, prefixes, target, this.#line);
    for (const [prefix, before] of this.#redistributed) {
      if (this.refuse(prefix, moved.refusal)) this.held.delete(prefix);
      else if (target !== "announced") {
        this.held.set(prefix, {
          ...before,
          ...(moved.whole ? { redistribute: moved.configured } : { listed: target }),
        });
      }
    }
    return moved;
  }
}

/** refusalError makes the one error of a call from the sentences for its prefixes. */
export function refusalError(refusals: ReadonlyMap<Prefix, string>): RouteError {
  const sentences = [...new Set(refusals.values())].join("; ");
  return new RouteError("ERR_ROUTE_UNSUPPORTED", sentences, "frr", [...refusals.keys()]);
}
