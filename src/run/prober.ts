// The prober of the daemon: asks every check at every prefix, believes only what this node itself answered, and follows
// each check's wish for its pace. It decides nothing about routes.
import { isDeepStrictEqual } from "node:util";
import type { ResultBatch } from "../engine/batch.js";
import { type Counters, Engine, type Run } from "../engine/engine.js";
import type { Transition } from "../health/check.js";
import { type Outcome, outcomes } from "../probe/outcome.js";
import type { Probe } from "../probe/plan.js";
import { familyOf } from "../probe/target.js";
import type { Prefix } from "../route/prefix.js";
import { monotonicNs, nsPerMs } from "../units.js";
import type { CheckConfig, Config, ServiceConfig } from "./config.js";
import type { Locality } from "./locality.js";
import { PrefixCheck } from "./prefix-check.js";

/** Where a check asks: at its anycast address, or at the alias while that is withdrawn. */
export type Place = "anycast" | "alias";

export interface ProberOptions {
  readonly source: { readonly ipv4?: string; readonly ipv6?: string };
  /** The mark of the probes' packets; undefined where marking is not permitted. */
  readonly mark: number | undefined;
  readonly locality: Pick<Locality, "localSinceNs">;
  /** Called before rows are judged: what the kernel has told by now must be known. */
  readonly beforeJudging: () => void;
  readonly onTransition: (check: PrefixCheck, transition: Transition) => void;
  /** Called after each batch of rows was judged. */
  readonly onJudged: () => void;
}

/** Slot is one probe of a plan: which check it belongs to and where it asks. */
interface Slot {
  readonly check: PrefixCheck;
  readonly place: Place;
  readonly address: string;
  readonly run: Run;
  readonly index: number;
}

// A few thousand probes can wait for a busy event loop, with answers of the size that EDNS allows them. Passes can wait for
// the next probes to be sent; a failure never does, but for a wrong record in an answer that is otherwise well.
const engineOptions = { ringRows: 4096, answerOctets: 1232, batchRows: 1024, patienceMs: 50 };

/** Prober runs from construction until close(). */
export class Prober {
  readonly checks: readonly PrefixCheck[];
  readonly #options: ProberOptions;
  readonly #hints: boolean;
  readonly #engine: Engine;
  readonly #slots: Slot[] = [];
  readonly #slotsOf = new Map<PrefixCheck, Slot[]>();
  readonly #place = new Map<Prefix, Place>();
  /** Until when the newest burst of each check sends, and the timers of those that follow one. */
  readonly #burstUntilNs = new Map<PrefixCheck, number>();
  readonly #following = new Map<PrefixCheck, NodeJS.Timeout>();
  #lastCounters: Counters | undefined;

  /** Checks of `earlier` that are configured just the same go on where they stood. Throws EngineError where the kernel refuses the sockets. */
  constructor(config: Config, options: ProberOptions, earlier: readonly PrefixCheck[] = []) {
    this.#options = options;
    this.#hints = config.hints;
    this.#engine = new Engine(engineOptions, (batch) => this.#judge(batch));
    const wanted = config.services.flatMap((service) =>
      service.prefixes.flatMap((prefix) =>
        service.checks.map((check) => ({ service, check: adopt(earlier, service.name, prefix, check) })),
      ),
    );
    this.checks = wanted.map(({ check }) => check);
    // A burst ended with the engine that sent it.
    for (const check of this.checks) check.confirming = 0;
    try {
      this.#submit(wanted);
      for (const check of this.checks) if (check.check.asking === "fast") this.#pace(check, check.intervalMs);
    } catch (error) {
      this.#engine.close();
      throw error;
    }
  }

  /** counters reads the engine's counts, after close() the last ones. */
  counters(): Counters {
    return this.#lastCounters ?? this.#engine.counters();
  }

  /** confirm asks a check's question in a burst, because something hints at a death. The burst's probes decide, not the hint. */
  confirm(check: PrefixCheck): void {
    const leftMs = ((this.#burstUntilNs.get(check) ?? 0) - monotonicNs()) / nsPerMs;
    if (leftMs <= 0) this.#burst(check);
    // The burst under way may have been answered before this happened: another one follows it.
    else if (!this.#following.has(check))
      this.#following.set(
        check,
        setTimeout(() => this.#burst(check), leftMs),
      );
  }

  /** ask asks a check's question once, now. */
  ask(check: PrefixCheck): void {
    this.#askNow(check, 1, 0);
  }

  /** move makes the checks of a prefix ask somewhere else from now on. */
  move(prefix: Prefix, place: Place): void {
    if ((this.#place.get(prefix) ?? "anycast") === place) return;
    this.#place.set(prefix, place);
    const nowNs = monotonicNs();
    for (const check of this.checks.filter((one) => one.prefix === prefix)) {
      if (place === "anycast") check.bePatient(nowNs);
      this.#pace(check, 0);
    }
  }

  /** tick lets time pass for checks that nobody answers: without verdicts they go unknown. */
  tick(nowNs: number): void {
    for (const check of this.checks) this.#entered(check, check.check.tick(nowNs));
  }

  /** close ends all probing; other calls then do nothing. Idempotent. */
  close(): void {
    if (this.#lastCounters) return;
    for (const timer of this.#following.values()) clearTimeout(timer);
    this.#engine.stop();
    this.#lastCounters = this.#engine.counters();
    this.#engine.close();
  }

  /** One run for each timeout: a run's probes expire in the order in which they were sent. */
  #submit(wanted: readonly { service: ServiceConfig; check: PrefixCheck }[]) {
    const { source, mark } = this.#options;
    for (const timeoutMs of new Set(this.checks.map(({ config }) => config.timeoutMs))) {
      const group = wanted.filter(({ check }) => check.config.timeoutMs === timeoutMs);
      const places = group.flatMap(({ service, check }) => placesOf(service, check));
      const probes: Probe[] = places.map(({ check, place, address }) => ({
        target: { address, port: check.config.port },
        query: check.config.query,
        intervalMs: place === "anycast" ? check.config.intervalMs : 0,
      }));
      const run = this.#engine.submit({
        probes,
        schedule: { intervalMs: 0 },
        timeoutMs,
        source,
        localOnly: true,
        ...(mark !== undefined && { mark }),
      });
      places.forEach((place, index) => {
        const slot = { ...place, run, index };
        this.#slots.push(slot);
        this.#slotsOf.set(place.check, [...(this.#slotsOf.get(place.check) ?? []), slot]);
      });
    }
  }

  #judge(batch: ResultBatch) {
    this.#options.beforeJudging();
    const nowNs = monotonicNs();
    for (let i = 0; i < batch.length; i++) {
      const slot = this.#slots[batch.probe[i]!]!;
      const sentNs = batch.sentNs[i]!;
      const outcome = this.#believe(outcomes[batch.outcome[i]!]!, slot, sentNs);
      const at = batch.answerAt[i]!;
      const finding = {
        outcome,
        rcode: batch.rcode[i]!,
        errno: batch.errno[i]!,
        rttNs: batch.rttNs[i]!,
        answer: outcome === "answered" ? batch.bytes.subarray(at, at + batch.answerLength[i]!) : undefined,
      };
      const { verdict, transition } = slot.check.judge(finding, sentNs, nowNs);
      this.#entered(slot.check, transition);
      if (this.#hints && outcome === "unreachable" && verdict.kind === "fail")
        this.#heedRefusal(slot.check, transition);
    }
    this.#options.onJudged();
  }

  /** A closed port is a hint too; but while `confirm.for` lets a restart take its time, one burst says enough. */
  #heedRefusal(check: PrefixCheck, transition: Transition | undefined) {
    const waiting = check.config.confirm.forMs > 0 && transition?.to !== "falling";
    if (check.confirming === 0 && !waiting) this.confirm(check);
  }

  /** Whatever came back counts only if the address was this node's from before the probe was sent until now. */
  #believe(outcome: Outcome, slot: Slot, sentNs: number): Outcome {
    if (outcome !== "answered" && outcome !== "timeout" && outcome !== "unreachable") return outcome;
    const sinceNs = this.#options.locality.localSinceNs(slot.address);
    return sinceNs !== undefined && sinceNs <= sentNs ? outcome : "not-local";
  }

  #entered(check: PrefixCheck, transition: Transition | undefined) {
    if (!transition) return;
    check.sinceNs = transition.atNs;
    const fast = (state: Transition["from"]) => state === "rising" || state === "falling";
    if (fast(transition.from) !== fast(transition.to)) this.#pace(check, check.intervalMs);
    this.#options.onTransition(check, transition);
  }

  #pace(check: PrefixCheck, firstInMs: number) {
    if (this.#lastCounters) return;
    for (const { run, index, place } of this.#slotsOf.get(check) ?? []) {
      run.pace(index, place === this.#placeOf(check) ? check.intervalMs : 0, firstInMs);
    }
  }

  #burst(check: PrefixCheck) {
    clearTimeout(this.#following.get(check));
    this.#following.delete(check);
    if (this.#lastCounters || check.check.settled === "down") return;
    const { probes, intervalMs } = check.config.confirm;
    this.#burstUntilNs.set(check, monotonicNs() + probes * intervalMs * nsPerMs);
    check.confirming += probes;
    this.#askNow(check, probes, intervalMs);
  }

  #askNow(check: PrefixCheck, probes: number, gapMs: number) {
    if (this.#lastCounters) return;
    const slot = this.#slotsOf.get(check)?.find(({ place }) => place === this.#placeOf(check));
    slot?.run.burst(slot.index, probes, gapMs);
  }

  #placeOf(check: PrefixCheck): Place {
    return this.#place.get(check.prefix) ?? "anycast";
  }
}

function adopt(earlier: readonly PrefixCheck[], service: string, prefix: Prefix, config: CheckConfig): PrefixCheck {
  const same = (check: PrefixCheck) =>
    check.service === service && check.prefix === prefix && isDeepStrictEqual(check.config, config);
  return earlier.find(same) ?? new PrefixCheck(service, prefix, config);
}

/** aliasOf gives the address where a service's prefix of that family is asked while it is withdrawn, if there is one. */
export function aliasOf(service: ServiceConfig, address: string): string | undefined {
  const route = service.route.find((entry) => entry.driver === "address");
  if (route?.recovery !== "alias") return undefined;
  return route.alias.find((alias) => familyOf(alias) === familyOf(address));
}

function placesOf(service: ServiceConfig, check: PrefixCheck): Omit<Slot, "run" | "index">[] {
  const alias = aliasOf(service, check.address);
  return [
    { check, place: "anycast", address: check.address },
    ...(alias ? [{ check, place: "alias" as const, address: alias }] : []),
  ];
}
