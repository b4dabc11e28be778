// The endpoint under one config: its checks, what they mean for each prefix, and the routes that follow. Everything that a
// reload replaces lives here; what outlives it (lock, sockets, state file) is the daemon's.
import type { NetlinkEvent, NetlinkWatch } from "../engine/netlink-watch.js";
import { EngineError } from "../errors.js";
import type { Transition } from "../health/check.js";
import { combine, type Want, wantedOf } from "../health/service.js";
import type { Family } from "../probe/target.js";
import { addressOf, familyOfPrefix, type Prefix } from "../route/prefix.js";
import { type PrefixStatus, Reconciler, type RouteEvent } from "../route/reconcile.js";
import { monotonicNs, nsPerMs } from "../units.js";
import type { Config, ServiceConfig } from "./config.js";
import { Leases } from "./lease.js";
import type { Locality } from "./locality.js";
import type { Log } from "./log.js";
import { type Guarded, MarkRule } from "./mark.js";
import { narrateRoute, narrateTransition } from "./narrate.js";
import type { PrefixCheck } from "./prefix-check.js";
import { aliasOf, Prober } from "./prober.js";
import { Deadlocks, deadlocked, deadlockReason, manualReason } from "./recovery.js";
import { buildRouting, type Routing } from "./routing.js";
import type { Source } from "./source.js";
import type { State, StateFile } from "./state.js";
import { type PrefixReport, reportCheck } from "./status.js";

/** What an endpoint is built on and does not own. */
export interface Ground {
  readonly watch: NetlinkWatch;
  readonly locality: Locality;
  readonly state: StateFile;
  readonly log: Log;
  /** Called when something worth telling the service manager changed. */
  readonly onChange: () => void;
}

/** FamilySource is the source of one family's probes. */
export interface FamilySource extends Source {
  readonly family: Family;
}

/** Bursts at other prefixes may still be out when the first has decided: their routes leave together, if it is no later than this. */
const togetherMs = 20;
const tickMs = 1000;

/** Endpoint runs from open() to close(). */
export class Endpoint {
  readonly config: Config;
  readonly sources: readonly FamilySource[];
  readonly markRule: MarkRule;
  readonly hints: Guarded;
  readonly #ground: Ground;
  readonly #prober: Prober;
  readonly #routing: Routing;
  readonly #reconciler: Reconciler;
  readonly #unsubscribe: () => void;
  readonly #leases: Leases;
  #clock: NodeJS.Timeout | undefined;
  /** Prefixes that fell to their lease: announced again only after a pass that was sent later. */
  readonly #unproven = new Map<Prefix, number>();
  readonly #deadlocks = new Deadlocks();
  readonly #gates = new Map<Prefix, readonly PrefixCheck[]>();
  readonly #transitions: [PrefixCheck, Transition][] = [];
  #deferredNs: number | undefined;
  #deferral: NodeJS.Timeout | undefined;
  #tickedNs = monotonicNs();
  /** What is in force when it opens. */
  readonly #found: State;
  #opened = false;
  /** It decides nothing any more. */
  #leaving = false;

  /** Takes over checks, changes and manual orders of `earlier`, which must be closed. Throws EngineError where the kernel refuses. */
  constructor(config: Config, sources: readonly FamilySource[], ground: Ground, earlier?: Endpoint) {
    this.config = config;
    this.sources = sources;
    this.#ground = ground;
    const prefixes = [...new Set(config.services.flatMap((service) => service.prefixes))];
    this.markRule = new MarkRule([...new Set(prefixes.map(familyOfPrefix))]);
    // A disk that takes no state must not make a reload forget it.
    this.#found = earlier?.state() ?? ground.state.read();
    this.#prober = this.#probe(earlier);
    for (const check of this.checks.filter(({ config }) => config.role === "gate")) {
      this.#gates.set(check.prefix, [...this.#gatesAt(check.prefix), check]);
    }
    this.hints = this.#watchPorts();
    this.#routing = buildRouting(config, ground.watch);
    this.#leases = new Leases({
      leased: this.#routing.leased,
      judgedNs: (prefix) => Math.min(...this.#gatesAt(prefix).map(({ judgedNs }) => judgedNs)),
      log: ground.log,
    });
    this.#reconciler = new Reconciler(this.#routing.route, {
      minGapMs: config.minGapMs,
      respectManual: (prefix) => this.#servicesOf(prefix).every(({ respectManual }) => respectManual),
      onEvent: (event) => this.#heedRoute(event),
      manual: new Map(this.#found.manual.map(({ prefix, by }) => [prefix, { by, atNs: monotonicNs() }])),
    });
    if (earlier) for (const [prefix, sinceNs] of earlier.#unproven) this.#unproven.set(prefix, sinceNs);
    this.#unsubscribe = ground.watch.subscribe((events) => this.#heedKernel(events));
  }

  get checks(): readonly PrefixCheck[] {
    return this.#prober.checks;
  }

  /** open gets the routers' readings and starts the clockwork. Announces and withdraws nothing by itself. */
  async open(): Promise<void> {
    await this.#reconciler.open(this.#found.changes);
    this.#opened = true;
    for (const { driver, prefix } of this.#reconciler.orphans()) {
      const message = `${prefix} was taken away by the driver ${driver}, which this config does not have: it is not put back`;
      this.#ground.log.warn({ event: "orphan", driver, prefix }, message);
    }
    this.#keepState();
    this.#findPlaces();
    this.#leases.open();
    this.#clock = setInterval(() => this.#tick(), tickMs);
  }

  /** withdrawOnExit withdraws every prefix whose services all say `on_exit: withdraw`; true when that is verified in time. */
  async withdrawOnExit(withinMs: number): Promise<boolean> {
    this.#leave();
    const leaving = [...this.#routing.route.keys()].filter((prefix) =>
      this.#servicesOf(prefix).every(({ onExit }) => onExit === "withdraw"),
    );
    // The others stay as they are, even if that is not how they were wanted.
    for (const prefix of this.#routing.route.keys()) this.#reconciler.release(prefix);
    for (const prefix of leaving) this.#reconciler.want(prefix, "withdrawn");
    this.#reconciler.step();
    return leaving.length === 0 || this.#reconciler.settledWithin(withinMs);
  }

  /** close stops probing and lets go of the routers; what is announced stays so. Never rejects. */
  async close(): Promise<void> {
    this.#leave();
    try {
      await this.#reconciler.close();
    } catch (error) {
      this.#ground.log.error({ event: "close", error: (error as Error).message }, "a driver could not let go");
    }
    // A start that failed knows nothing that should take the place of what is in the file.
    if (this.#opened) this.#keepState();
    this.markRule[Symbol.dispose]();
  }

  /** state tells what is to outlive this endpoint. */
  state(): State {
    if (!this.#opened) return this.#found;
    const orders = [...this.#reconciler.manual()].map(([prefix, { by }]) => ({ prefix, by }));
    return { changes: this.#reconciler.changes(), manual: orders };
  }

  /** From here on nothing that is judged or heard moves a route. */
  #leave() {
    this.#leaving = true;
    clearInterval(this.#clock);
    this.#leases.close();
    this.#unsubscribe();
    this.#prober.close();
    clearTimeout(this.#deferral);
  }

  counters() {
    return this.#prober.counters();
  }

  /** report tells how each service stands at each of its prefixes. */
  report(): { readonly name: string; readonly prefixes: readonly PrefixReport[] }[] {
    const status = new Map(this.#reconciler.status().map((prefix) => [prefix.prefix, prefix]));
    return this.config.services.map((service) => ({
      name: service.name,
      prefixes: service.prefixes.map((prefix) => this.#report(service, status.get(prefix)!)),
    }));
  }

  /** routes tells how each prefix stands. */
  routes(): readonly PrefixStatus[] {
    return this.#reconciler.status();
  }

  #report(service: ServiceConfig, status: PrefixStatus): PrefixReport {
    const stuck = status.observed === "withdrawn" && this.#deadlocks.has(status.prefix);
    const waits = status.observed === "withdrawn" && this.#addressRouteOf(status.prefix)?.recovery === "manual";
    const reason = stuck ? deadlockReason : (status.reason ?? (waits ? manualReason : undefined));
    return {
      ...status,
      ...(reason !== undefined && { reason }),
      want: this.#wantOf(service, status.prefix),
      checks: this.#checksOf(service.name, status.prefix).map(reportCheck),
    };
  }

  #probe(earlier: Endpoint | undefined): Prober {
    const address = (family: Family) => this.sources.find((source) => source.family === family)?.address;
    const [ipv4, ipv6] = [address(4), address(6)];
    const { watch, locality } = this.#ground;
    try {
      return new Prober(
        this.config,
        {
          source: { ...(ipv4 !== undefined && { ipv4 }), ...(ipv6 !== undefined && { ipv6 }) },
          mark: this.markRule.mark,
          locality,
          beforeJudging: () => watch.poll(),
          onTransition: (check, transition) => this.#transitions.push([check, transition]),
          onJudged: () => this.#judged(),
        },
        earlier?.checks ?? [],
      );
    } catch (error) {
      this.markRule[Symbol.dispose]();
      throw error;
    }
  }

  // --- deciding -------------------------------------------------------------------------------------------------------

  /** Nearly every batch changes nothing. */
  #judged() {
    if (this.#transitions.length > 0 || this.#unproven.size > 0) this.#decide();
  }

  /** Routes first: writing down why takes longer than doing it. */
  #decide() {
    if (!this.#leaving) this.#moveRoutes();
    for (const [check, transition] of this.#transitions.splice(0))
      narrateTransition(this.#ground.log, check, transition);
  }

  #moveRoutes() {
    const wants = new Map([...this.#routing.route.keys()].map((prefix) => [prefix, this.#wantOfAll(prefix)]));
    if (this.#waitForOthers(wants)) return;
    let changed = false;
    for (const [prefix, want] of wants) {
      if (want === "hold" || (want === "announced" && !this.#proven(prefix))) continue;
      changed = this.#reconciler.want(prefix, want) || changed;
    }
    if (!changed) return;
    this.#reconciler.step();
    this.#ground.onChange();
  }

  #wantOfAll(prefix: Prefix): Want {
    return combine(this.#servicesOf(prefix).map((service) => this.#wantOf(service, prefix)));
  }

  #wantOf(service: ServiceConfig, prefix: Prefix): Want {
    const gates = this.#gatesAt(prefix).filter((check) => check.service === service.name);
    const decisions = gates.map(({ check }) => check);
    return wantedOf(decisions, service.require, service.whenUnknown);
  }

  /** Prefixes that die together leave in one change of the router: a second one soon after would wait for OSPF's timers. */
  #waitForOthers(wants: ReadonlyMap<Prefix, Want>): boolean {
    const nowNs = monotonicNs();
    const leaving = this.routes().some(
      ({ prefix, wanted }) => wanted !== "withdrawn" && wants.get(prefix) === "withdrawn",
    );
    const deciding = this.checks.some(({ prefix, confirming }) => confirming > 0 && wants.get(prefix) !== "withdrawn");
    if (!leaving || !deciding) {
      this.#deferredNs = undefined;
      return false;
    }
    this.#deferredNs ??= nowNs;
    if (nowNs - this.#deferredNs > togetherMs * nsPerMs) return false;
    clearTimeout(this.#deferral);
    this.#deferral = setTimeout(() => this.#decide(), 1);
    return true;
  }

  #proven(prefix: Prefix): boolean {
    const sinceNs = this.#unproven.get(prefix);
    if (sinceNs === undefined) return true;
    if (!this.#gatesAt(prefix).every(({ passedNs }) => passedNs > sinceNs)) return false;
    this.#unproven.delete(prefix);
    return true;
  }

  // --- what the kernel and the routers tell ---------------------------------------------------------------------------

  #watchPorts(): Guarded {
    const ports = this.config.hints ? new Set(this.checks.map(({ config }) => config.port)) : [];
    try {
      this.#ground.watch.watchPorts([...ports]);
      return this.config.hints ? { on: true } : { on: false, reason: "switched off" };
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      return { on: false, reason: error.message };
    }
  }

  #heedKernel(events: readonly NetlinkEvent[]) {
    for (const event of events) {
      if (event.kind === "route-added" || event.kind === "route-removed") {
        this.#findPlaces();
        this.#doubtRouters(event.address);
      }
      if (!this.config.hints) continue;
      for (const check of this.checks) {
        if (event.kind === "overrun") this.#prober.confirm(check);
        if (event.kind === "socket-destroyed" && check.mayAsk(event)) this.#prober.confirm(check);
        if (event.kind === "route-added" && event.address === check.address) this.#prober.ask(check);
      }
    }
  }

  /** A router withdraws a prefix whose address somebody takes away, and tells nobody here. */
  #doubtRouters(address: string) {
    for (const prefix of this.#routing.route.keys()) {
      if (addressOf(prefix) === address && !this.#addressRouteOf(prefix)) this.#reconciler.doubt(prefix);
    }
  }

  /** While the anycast address is not this node's, recovery is probed at the alias where there is one. */
  #findPlaces() {
    for (const service of this.config.services) {
      for (const check of this.checks.filter(({ service: name }) => name === service.name)) {
        if (!aliasOf(service, check.address)) continue;
        this.#prober.move(check.prefix, this.#ground.locality.isLocal(check.address) ? "anycast" : "alias");
      }
    }
  }

  #heedRoute(event: RouteEvent) {
    narrateRoute(this.#ground.log, event);
    if (event.kind === "acted" || event.kind === "manual" || event.kind === "manual-ended") this.#keepState();
    if (event.kind === "appeared") this.#heedAppearance(event.prefix);
    if (event.kind === "noticed" && event.event.kind === "expired") this.#heedExpiry(event.event.prefix);
    this.#ground.onChange();
  }

  /** Where nothing could be probed while it was away, an operator's putting it back hands it to the checks; else it goes again. */
  #heedAppearance(prefix: Prefix) {
    const blind = this.#addressRouteOf(prefix)?.recovery === "manual" || this.#deadlocks.has(prefix);
    if (!blind) return;
    for (const check of this.#gatesAt(prefix)) {
      check.startOver();
      check.bePatient(monotonicNs());
    }
    this.#reconciler.release(prefix);
    this.#ground.log.info({ event: "handed-back", prefix }, `the checks of ${prefix} decide anew`);
  }

  #heedExpiry(prefix: Prefix) {
    this.#unproven.set(prefix, monotonicNs());
    this.#reconciler.release(prefix);
    for (const check of this.#gatesAt(prefix)) this.#prober.confirm(check);
  }

  // --- the clockwork --------------------------------------------------------------------------------------------------

  #tick() {
    const nowNs = monotonicNs();
    // After a stall of this process, what came meanwhile is still to be judged: the silence was ours.
    const stalled = nowNs - this.#tickedNs > 2 * tickMs * nsPerMs;
    this.#tickedNs = nowNs;
    if (!stalled) this.#prober.tick(nowNs);
    this.#findPlaces();
    this.#findDeadlocks();
    this.#decide();
    // A disk that took no state may take it now.
    this.#keepState();
  }

  #findDeadlocks() {
    for (const { prefix, observed } of this.routes()) {
      const waiting = this.#addressRouteOf(prefix)?.recovery === "anchor" && observed === "withdrawn";
      const sockets = waiting ? this.#gatesAt(prefix) : [];
      const dead = sockets.some(({ address, config }) => deadlocked(address, config.port) === true);
      if (this.#deadlocks.note(prefix, dead)) this.#ground.log.error({ event: "deadlock", prefix }, deadlockReason);
    }
  }

  #keepState() {
    this.#ground.state.write(this.state());
  }

  // --- looking up -----------------------------------------------------------------------------------------------------

  #servicesOf(prefix: Prefix): ServiceConfig[] {
    return this.config.services.filter((service) => service.prefixes.includes(prefix));
  }

  /** Services that share a prefix share its route too. */
  #addressRouteOf(prefix: Prefix) {
    return this.#servicesOf(prefix)[0]?.route.find((entry) => entry.driver === "address");
  }

  #checksOf(service: string, prefix: Prefix): PrefixCheck[] {
    return this.checks.filter((check) => check.service === service && check.prefix === prefix);
  }

  #gatesAt(prefix: Prefix): readonly PrefixCheck[] {
    return this.#gates.get(prefix) ?? [];
  }
}
