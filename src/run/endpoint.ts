// The endpoint under one config: its checks, what they mean for each prefix, and the routes that follow. Everything that a
// reload replaces lives here; what outlives it (lock, sockets, state file) is the daemon's.
import { setTimeout as sleep } from "node:timers/promises";
import type { NetlinkEvent } from "../engine/netlink-watch.js";
import { addressOf, familyOfPrefix, type Prefix } from "../route/prefix.js";
import { type PrefixStatus, Reconciler, type RouteEvent } from "../route/reconcile.js";
import { monotonicNs, nsPerMs } from "../units.js";
import { holdAbsent, seenAnnounced } from "./absence.js";
import type { Config } from "./config.js";
import { Deciding } from "./deciding.js";
import { Decisions } from "./decisions.js";
import { DrainClock } from "./drain-clock.js";
import { Ears } from "./ears.js";
import { explanationOf } from "./explanation.js";
import type { FamilySource, Ground } from "./ground.js";
import { Leases } from "./lease.js";
import { type Guarded, MarkRule } from "./mark.js";
import { narrateObjective, narrateRoute } from "./narrate.js";
import { NetworkRestarts } from "./network-restart.js";
import { openProber } from "./open-prober.js";
import type { PrefixCheck } from "./prefix-check.js";
import { reportPrefix } from "./prefix-report.js";
import type { Prober, ProberOptions } from "./prober.js";
import { Proofs } from "./proof.js";
import { Quality } from "./quality.js";
import { Deadlocks, deadlockReason } from "./recovery.js";
import { addressEntry } from "./route-build.js";
import { buildRouting, type Routing } from "./routing.js";
import type { State } from "./state.js";
import type { PrefixReport } from "./status.js";
import { Wants } from "./wants.js";

export const tickMs = 1000;
/** While traffic leaves at the end. */
const exitTickMs = 50;
/** Every so many ticks the guard looks, if nothing makes it look before: so that `status` knows, and its blindness is known early. */
const ticksPerLook = 5;

/** Endpoint runs from open() to close(). */
export class Endpoint {
  readonly config: Config;
  readonly sources: readonly FamilySource[];
  readonly markRule: MarkRule;
  readonly #ground: Ground;
  readonly #prober: Prober;
  readonly #ears: Ears;
  readonly #routing: Routing;
  readonly #reconciler: Reconciler;
  readonly #unsubscribe: () => void;
  readonly #leases: Leases;
  #clock: NodeJS.Timeout | undefined;
  readonly #proofs: Proofs;
  readonly #deadlocks = new Deadlocks();
  readonly #restarts = new NetworkRestarts();
  readonly #quality: Quality;
  readonly #wants: Wants;
  readonly #decisions: Decisions;
  readonly #drains: DrainClock;
  #ticks = 0;
  readonly #deciding: Deciding;
  #tickedNs = monotonicNs();
  /** What is in force when it opens. */
  readonly #found: State;
  /** It is the first since the daemon began, not one after a reload. */
  readonly #starts: boolean;
  #opened = false;

  /** Takes over checks, changes and manual orders of `earlier`, which must be closed. Throws EngineError where the kernel refuses. */
  constructor(config: Config, sources: readonly FamilySource[], ground: Ground, earlier?: Endpoint) {
    this.config = config;
    this.sources = sources;
    this.#ground = ground;
    const prefixes = [...new Set(config.services.flatMap((service) => service.prefixes))];
    this.markRule = new MarkRule([...new Set(prefixes.map(familyOfPrefix))]);
    // A disk that takes no state must not make a reload forget it.
    this.#found = earlier?.state() ?? ground.found;
    this.#quality = new Quality(config, earlier ? earlier.#quality : undefined);
    const hooks: Pick<ProberOptions, "onTransition" | "onJudged" | "onSample"> = {
      onTransition: (check, transition) => this.#deciding.note(check, transition),
      onJudged: () => this.#deciding.judged(),
      onSample: (check, sample) => this.#quality.record(check.service, check.prefix, sample),
    };
    this.#prober = openProber(config, sources, this.markRule, ground, hooks, earlier?.checks ?? []);
    this.#starts = earlier === undefined;
    this.#wants = new Wants(config, this.checks, this.#quality, this.#starts);
    this.#ears = new Ears(config, this.#prober, ground);
    this.#routing = buildRouting(config, ground.watch, (prefix) => explanationOf(prefix, this.#wants, this.#decisions));
    this.#leases = new Leases({
      leased: this.#routing.leased,
      judgedNs: (prefix) => Math.min(...this.#wants.gatesAt(prefix).map(({ judgedNs }) => judgedNs)),
      isFrozen: () => ground.maintenance.frozen,
      journal: ground.journal,
    });
    this.#reconciler = new Reconciler(this.#routing.route, {
      minGapMs: config.minGapMs,
      announceGapMs: config.announceGapMs,
      frozen: ground.maintenance.frozen,
      respectManual: (prefix) => this.#wants.servicesOf(prefix).every(({ respectManual }) => respectManual),
      onEvent: (event) => this.#heedRoute(event),
      manual: new Map(this.#found.manual.map(({ prefix, ...order }) => [prefix, { ...order, atNs: monotonicNs() }])),
    });
    this.#decisions = new Decisions(config, this.#found.flaps, ground.clock.now(), () => this.#deciding.decide());
    this.#proofs = new Proofs(earlier ? earlier.#proofs : undefined);
    this.#deciding = new Deciding({
      wants: this.#wants,
      decisions: this.#decisions,
      proofs: this.#proofs,
      reconciler: this.#reconciler,
      ground,
    });
    this.#drains = new DrainClock({
      maintenance: ground.maintenance,
      wants: this.#wants,
      reconciler: this.#reconciler,
      deciding: this.#deciding,
      onGone: () => this.#keepState(),
    });
    this.#unsubscribe = ground.watch.subscribe((events) => this.#heedKernel(events));
  }

  get checks(): readonly PrefixCheck[] {
    return this.#prober.checks;
  }

  /** open gets the routers' readings and starts the clockwork. Announces and withdraws nothing by itself. */
  async open(): Promise<void> {
    await this.#decisions.open(this.#starts);
    await this.#reconciler.open(this.#found.changes, this.#found.ways);
    this.#opened = true;
    const respects = (prefix: Prefix) => this.#wants.servicesOf(prefix).every(({ respectManual }) => respectManual);
    holdAbsent(this.#found, this.#ground, this.#reconciler, respects);
    for (const { driver, prefix } of this.#reconciler.orphans()) {
      const message = `${prefix} was moved by the driver ${driver}, which this config does not have: it is not put back`;
      this.#ground.journal.tell("warn", { kind: "orphan", prefix, message }, { driver });
    }
    this.#keepState();
    this.#ears.findPlaces();
    this.#leases.open();
    this.#clock = setInterval(() => this.#tick(), tickMs);
    this.#deciding.begin();
    this.#drains.wind();
  }

  /** withdrawOnExit withdraws every prefix whose services all say `on_exit: withdraw`; true when that is verified in time. */
  async withdrawOnExit(withinMs: number): Promise<boolean> {
    this.#leave();
    const leaving = [...this.#routing.route.keys()].filter((prefix) =>
      this.#wants.servicesOf(prefix).every(({ onExit }) => onExit === "withdraw"),
    );
    // The others stay as they are, even if that is not how they were wanted.
    for (const prefix of this.#routing.route.keys()) this.#reconciler.release(prefix);
    if (leaving.length === 0 || this.#ground.maintenance.frozen) return true;
    this.#deciding.leave(leaving);
    const untilNs = monotonicNs() + withinMs * nsPerMs;
    // The guard looks here too: what it holds stays announced, and that is no failure of this daemon's.
    const decided = (prefix: Prefix) => this.#decisions.of(prefix);
    while (monotonicNs() < untilNs) {
      await this.#decisions.look();
      this.#deciding.decide();
      if (leaving.every((prefix) => decided(prefix)?.announcement === "withdrawn" || decided(prefix)?.admission?.held))
        return this.#reconciler.settledWithin((untilNs - monotonicNs()) / nsPerMs);
      await sleep(exitTickMs);
    }
    return false;
  }

  /** close stops probing and lets go of the routers; what is announced stays so. Never rejects. */
  async close(): Promise<void> {
    this.#leave();
    this.#decisions.close();
    try {
      await this.#reconciler.close();
    } catch (error) {
      this.#ground.journal.tell("error", {
        kind: "close",
        message: `a driver could not let go: ${(error as Error).message}`,
      });
    }
    // A start that failed knows nothing that should take the place of what is in the file.
    if (this.#opened) this.#keepState(true);
    this.markRule[Symbol.dispose]();
  }

  /** state tells what is to outlive this endpoint. */
  state(clean = false): State {
    if (!this.#opened) return this.#found;
    const { maintenance, clock, journal } = this.#ground;
    const now = clock.now();
    return {
      changes: this.#reconciler.changes(),
      ways: this.#reconciler.ways(),
      manual: [...this.#reconciler.manual()].map(([prefix, { by, why }]) => ({ prefix, by, ...(why && { why }) })),
      orders: maintenance.orders,
      freeze: maintenance.freezing,
      flaps: this.#decisions.flaps(now),
      announced: seenAnnounced(this.routes()),
      bootId: now.bootId,
      clean,
      history: journal.history(),
    };
  }

  /** From here on nothing that is judged or heard moves a route. */
  #leave() {
    clearInterval(this.#clock);
    this.#leases.close();
    this.#unsubscribe();
    this.#prober.close();
    this.#deciding.leave();
    this.#drains.close();
  }

  counters() {
    return this.#prober.counters();
  }

  get hints(): Guarded {
    return this.#ears.hints;
  }

  /** How many probes of any kind were judged. */
  get judged(): number {
    return this.#prober.judged;
  }

  /** report tells how each service stands at each of its prefixes. */
  report(): { readonly name: string; readonly prefixes: readonly PrefixReport[] }[] {
    const parts = {
      wants: this.#wants,
      decisions: this.#decisions,
      quality: this.#quality,
      maintenance: this.#ground.maintenance,
      deadlocks: this.#deadlocks,
      standingOf: (prefix: Prefix) => this.#deciding.standingOf(prefix, monotonicNs()),
    };
    return this.config.services.map((service) => ({
      name: service.name,
      prefixes: service.prefixes.map((prefix) => reportPrefix(service, this.#reconciler.statusOf(prefix), parts)),
    }));
  }

  leases() {
    return this.#leases.report(monotonicNs());
  }

  routes(): readonly PrefixStatus[] {
    return this.#reconciler.status();
  }

  // --- what the kernel and the routers tell ---------------------------------------------------------------------------

  #heedKernel(events: readonly NetlinkEvent[]) {
    for (const event of events) {
      if (event.kind === "route-added" || event.kind === "route-removed") this.#doubtRouters(event.address);
    }
    this.#ears.heed(events);
  }

  /** A router withdraws a prefix whose address somebody takes away, and tells nobody here. */
  #doubtRouters(address: string) {
    for (const prefix of this.#routing.route.keys()) {
      if (addressOf(prefix) === address && !this.#addressRouteOf(prefix)) this.#reconciler.doubt(prefix);
    }
  }

  #heedRoute(event: RouteEvent) {
    narrateRoute(this.#ground.journal, event);
    if (event.kind === "manual") this.#restarts.note(event.prefix);
    if (event.kind === "acted" || event.kind === "manual" || event.kind === "manual-ended") this.#keepState();
    if (event.kind === "appeared" || event.kind === "manual-ended") this.#heedAppearance(event.prefix);
    if (event.kind === "noticed" && event.event.kind === "expired") this.#heedExpiry(event.event.prefix);
    this.#ground.onChange();
  }

  /** Where nothing could be probed while it was away, an operator's putting it back hands it to the checks; else it goes again. */
  #heedAppearance(prefix: Prefix) {
    const blind = this.#addressRouteOf(prefix)?.recovery === "manual" || this.#deadlocks.has(prefix);
    if (!blind) return;
    for (const check of this.#wants.gatesAt(prefix)) {
      check.startOver();
      check.bePatient(monotonicNs());
    }
    this.#letDecide(prefix);
    this.#ground.journal.tell("info", { kind: "handed-back", prefix, message: `the checks of ${prefix} decide anew` });
  }

  #heedExpiry(prefix: Prefix) {
    this.#proofs.demand(prefix, monotonicNs());
    this.#letDecide(prefix);
    for (const check of this.#wants.gatesAt(prefix)) this.#prober.confirm(check);
  }

  // --- the clockwork --------------------------------------------------------------------------------------------------

  #tick() {
    const nowNs = monotonicNs();
    // After a stall of this process, what came meanwhile is still to be judged: the silence was ours.
    const stalled = nowNs - this.#tickedNs > 2 * tickMs * nsPerMs;
    this.#tickedNs = nowNs;
    this.#ground.health.ticked(nowNs, this.counters());
    if (!stalled) this.#prober.tick(nowNs);
    this.#ears.findPlaces();
    this.#findDeadlocks();
    this.#expire();
    const changed = this.#quality.tick(nowNs);
    this.#deciding.decide();
    const complaint = this.#ground.health.newComplaint();
    if (complaint) this.#ground.journal.tell("warn", { kind: "own-health", message: complaint });
    this.#excuseRestarts();
    for (const { service, prefix, report } of changed) narrateObjective(this.#ground.journal, service, prefix, report);
    if (++this.#ticks % ticksPerLook === 0) void this.#decisions.look();
    // A disk that took no state may take it now.
    this.#keepState();
  }

  #excuseRestarts() {
    for (const [prefix, unit] of this.#restarts.excused()) {
      // Meanwhile it may have become one.
      const ordered = this.#reconciler.manual().get(prefix)?.why !== undefined;
      if (ordered || this.letGo([prefix]).length === 0) continue;
      const message = `${unit} took ${prefix} away as it restarted: that is no order, and its checks decide`;
      this.#ground.journal.tell("warn", { kind: "restart", prefix, message, evidence: { unit } }, { unit });
    }
  }

  #expire() {
    const { prefixes, thawed } = this.#ground.maintenance.expire();
    this.#handBack(prefixes);
    if (thawed) this.heedFreeze();
  }

  #findDeadlocks() {
    for (const { prefix, observed } of this.routes()) {
      const waiting = this.#addressRouteOf(prefix)?.recovery === "anchor" && observed === "withdrawn";
      const ports = waiting ? this.#wants.gatesAt(prefix).flatMap(({ config: { port } }) => port ?? []) : [];
      if (!this.#deadlocks.look(prefix, ports, this.#wants.prefixes)) continue;
      this.#ground.journal.tell("error", { kind: "deadlock", prefix, message: deadlockReason });
    }
  }

  #keepState(clean = false) {
    this.#ground.state.write(this.state(clean));
  }

  // --- what operators want --------------------------------------------------------------------------------------------

  /** heedOrders follows orders that were just given for these prefixes, or ended. */
  heedOrders(prefixes: readonly Prefix[], ended: boolean): void {
    if (ended) this.#handBack(prefixes);
    this.#drains.wind();
    this.#deciding.decide();
    this.#keepState();
    this.#ground.onChange();
  }

  /** heedFreeze stops all acting, or goes on: then with what is the case by now, whatever was decided meanwhile. */
  heedFreeze(): void {
    const { frozen } = this.#ground.maintenance;
    // What was wanted under the freeze may not be any more; it is to be decided by what is the case now.
    for (const prefix of frozen ? [] : this.#wants.prefixes) this.#letDecide(prefix);
    if (!frozen) this.#deciding.decide();
    this.#reconciler.freeze(frozen);
    this.#keepState();
    this.#ground.onChange();
  }

  /** hold leaves a withdrawn prefix alone until somebody puts it back. */
  hold(prefix: Prefix, by: string, why: string): void {
    this.#reconciler.hold(prefix, { by, why, atNs: monotonicNs() });
    this.#keepState();
  }

  /** letGo ends what `hold`, or a removal by hand, has ordered; it returns the prefixes that were so ordered. */
  letGo(prefixes: readonly Prefix[]): readonly Prefix[] {
    const released = prefixes.filter((prefix) => this.#reconciler.letGo(prefix));
    for (const prefix of released) this.#letDecide(prefix);
    return released;
  }

  /** What was wanted of it counts no more: it stays as it is until something is decided anew. */
  #letDecide(prefix: Prefix) {
    this.#reconciler.release(prefix);
    this.#decisions.startOver(prefix);
  }

  /** The checks decide on them again, by what they find from now on. */
  #handBack(prefixes: readonly Prefix[]) {
    for (const prefix of prefixes.filter((one) => this.#wants.prefixes.includes(one))) {
      this.#proofs.demand(prefix, monotonicNs());
      for (const check of this.#wants.gatesAt(prefix)) this.#prober.ask(check);
    }
  }

  /** Services that share a prefix share its route too. */
  #addressRouteOf(prefix: Prefix) {
    return addressEntry(this.#wants.servicesOf(prefix)[0]?.route ?? []);
  }
}
