// The prober of the daemon: asks every check at every prefix, believes only what this node itself answered, and follows
// each check's wish for its pace. It decides nothing about routes.
import { isDeepStrictEqual } from "node:util";
import type { Counters } from "../engine/engine.js";
import type { Transition } from "../health/check.js";
import type { Sample } from "../health/objective.js";
import type { Finding } from "../health/verdict.js";
import { isCommand, isUdp } from "../probe/query.js";
import { familyOf } from "../probe/target.js";
import type { Prefix } from "../route/prefix.js";
import { monotonicNs, nsPerMs } from "../units.js";
import { type Asker, methodOf, type Place, type Slot } from "./asker.js";
import type { CheckConfig, Config, ServiceConfig } from "./config.js";
import { ExecAsker } from "./exec-asker.js";
import type { Locality } from "./locality.js";
import type { OwnHealth } from "./own-health.js";
import { PrefixCheck } from "./prefix-check.js";
import { addressEntry } from "./route-build.js";
import { TcpAsker } from "./tcp-asker.js";
import { UdpAskers } from "./udp-askers.js";

export interface ProberOptions {
  readonly source: { readonly ipv4?: string; readonly ipv6?: string };
  /** The mark of the probes' packets; undefined where marking is not permitted. */
  readonly mark: number | undefined;
  readonly locality: Pick<Locality, "localSinceNs">;
  /** Called before rows are judged: what the kernel has told by now must be known. */
  readonly beforeJudging: () => void;
  readonly onTransition: (check: PrefixCheck, transition: Transition) => void;
  /** Called with what each probe of a gate check measured, unless its verdict is unknown; a program measures nothing. */
  readonly onSample?: (check: PrefixCheck, sample: Sample) => void;
  readonly health?: Pick<OwnHealth, "judged">;
  /** Called after each batch of rows was judged. */
  readonly onJudged: () => void;
}

/** Outcomes that say nothing about who answered, since nobody did. */
const ownTroubles: ReadonlySet<Finding["outcome"]> = new Set([
  "not-local",
  "send-failed",
  "voided",
  "cancelled",
  "not-started",
]);

/** Prober runs from construction until close(). */
export class Prober {
  readonly checks: readonly PrefixCheck[];
  readonly #options: ProberOptions;
  readonly #hints: boolean;
  readonly #udp: UdpAskers;
  readonly #askers = new Map<PrefixCheck, { readonly place: Place; readonly asker: Asker }[]>();
  readonly #place = new Map<Prefix, Place>();
  /** Until when the newest burst of each check sends, and the timers of those that follow one. */
  readonly #burstUntilNs = new Map<PrefixCheck, number>();
  readonly #following = new Map<PrefixCheck, NodeJS.Timeout>();
  /** When the batch came that is being judged. */
  #nowNs = 0;
  #judged = 0;
  #lastCounters: Counters | undefined;

  /** Checks of `earlier` that are configured just the same go on where they stood. Throws EngineError where the kernel refuses the sockets. */
  constructor(config: Config, options: ProberOptions, earlier: readonly PrefixCheck[] = []) {
    this.#options = options;
    this.#hints = config.hints;
    this.#udp = new UdpAskers({
      source: options.source,
      mark: options.mark,
      begin: () => this.#begin(),
      found: (slot, finding, sentNs) => this.#take(slot, finding, sentNs),
      end: options.onJudged,
    });
    const wanted = config.services.flatMap((service) =>
      service.prefixes.flatMap((prefix) =>
        service.checks.map((check) => ({ service, check: adopt(earlier, service.name, prefix, check) })),
      ),
    );
    this.checks = wanted.map(({ check }) => check);
    // A burst ended with the engine that sent it.
    for (const check of this.checks) check.confirming = 0;
    try {
      this.#open(wanted.flatMap(({ service, check }) => placesOf(service, check)));
      for (const check of this.checks) if (check.check.asking === "fast") this.#pace(check, check.intervalMs);
    } catch (error) {
      this.#closeAskers();
      this.#udp.close();
      throw error;
    }
  }

  /** How many probes of all kinds were judged so far. */
  get judged(): number {
    return this.#judged;
  }

  /** counters reads the engine's counts, after close() the last ones. */
  counters(): Counters {
    return this.#lastCounters ?? this.#udp.counters();
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
    this.#closeAskers();
    this.#udp.stop();
    this.#lastCounters = this.#udp.counters();
    this.#udp.close();
  }

  #closeAskers() {
    for (const { asker } of [...this.#askers.values()].flat()) asker.close();
  }

  #open(slots: readonly Slot[]) {
    const udp = this.#udp.open(slots.filter(({ check }) => isOverUdp(check.config)));
    for (const slot of slots) {
      const { check, place } = slot;
      const asker = udp.get(slot) ?? this.#openOther(slot);
      this.#askers.set(check, [...(this.#askers.get(check) ?? []), { place, asker }]);
    }
    // Their first probes are spread over the interval, as the engine spreads those that it paces itself.
    const unpaced = this.checks.filter(({ config }) => methodOf(config) !== "engine");
    unpaced.forEach((check, i) => {
      this.#pace(check, (i * check.intervalMs) / unpaced.length);
    });
  }

  #openOther(slot: Slot): Asker {
    const { source, locality } = this.#options;
    const isLocal = () => locality.localSinceNs(slot.address) !== undefined;
    const tell = (finding: Finding, sentNs: number) => {
      this.#begin();
      this.#take(slot, finding, sentNs);
      this.#options.onJudged();
    };
    if (methodOf(slot.check.config) === "exec") return new ExecAsker({ slot, isLocal, tell });
    return new TcpAsker({ slot, source: familyOf(slot.address) === 4 ? source.ipv4 : source.ipv6, isLocal, tell });
  }

  #begin() {
    this.#options.beforeJudging();
    this.#nowNs = monotonicNs();
  }

  #take(slot: Slot, came: Finding, sentNs: number) {
    const { check } = slot;
    const outcome = this.#believe(came.outcome, slot, sentNs);
    const finding = outcome === came.outcome ? came : { ...came, outcome };
    const { verdict, transition } = check.judge(finding, sentNs, this.#nowNs);
    this.#judged++;
    this.#options.health?.judged(came, sentNs, this.#nowNs);
    this.#entered(check, transition);
    if (verdict.kind === "unknown") return;
    if (this.#options.onSample && measures(check.config))
      this.#options.onSample(check, sampleOf(check, finding, sentNs));
    const refused = outcome === "unreachable" || outcome === "refused";
    if (this.#hints && refused && verdict.kind === "fail") this.#heedRefusal(check, transition);
  }

  /** A closed port is a hint too; but while `confirm.for` lets a restart take its time, one burst says enough. */
  #heedRefusal(check: PrefixCheck, transition: Transition | undefined) {
    const waiting = check.config.confirm.forMs > 0 && transition?.to !== "falling";
    if (check.confirming === 0 && !waiting) this.confirm(check);
  }

  /** Whatever came back counts only if the address was this node's from before the probe was sent until now. */
  #believe(outcome: Finding["outcome"], slot: Slot, sentNs: number): Finding["outcome"] {
    if (ownTroubles.has(outcome)) return outcome;
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
    for (const { asker, place } of this.#askers.get(check) ?? []) {
      asker.pace(place === this.#placeOf(check) ? check.intervalMs : 0, firstInMs);
    }
  }

  #burst(check: PrefixCheck) {
    clearTimeout(this.#following.get(check));
    this.#following.delete(check);
    if (this.#lastCounters || check.check.settled === "down") return;
    const { probes, intervalMs } = check.config.confirm;
    this.#burstUntilNs.set(check, monotonicNs() + probes * intervalMs * nsPerMs);
    check.confirming += this.#askNow(check, probes, intervalMs);
  }

  #askNow(check: PrefixCheck, probes: number, gapMs: number): number {
    const askers = this.#lastCounters ? undefined : this.#askers.get(check);
    return askers?.find(({ place }) => place === this.#placeOf(check))?.asker.burst(probes, gapMs) ?? 0;
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
  const route = addressEntry(service.route);
  if (route?.recovery !== "alias") return undefined;
  return route.alias.find((alias) => familyOf(alias) === familyOf(address));
}

function isOverUdp(config: CheckConfig): boolean {
  return ["engine", "one-shot"].includes(methodOf(config));
}

/** Objectives go by what gate checks measure; a program measures nothing. */
function measures({ role, query }: CheckConfig): boolean {
  return role === "gate" && !isCommand(query);
}

/** What a probe measured for an objective: no answer is no time, and only an answer of DNS has an rcode. */
function sampleOf({ config }: PrefixCheck, { outcome, rttNs, rcode }: Finding, sentNs: number): Sample {
  const answered = outcome === "answered";
  return { sentNs, rttNs: answered ? rttNs : undefined, rcode: answered && !isUdp(config.query) ? rcode : undefined };
}

function placesOf(service: ServiceConfig, check: PrefixCheck): Slot[] {
  const alias = aliasOf(service, check.address);
  return [
    { check, place: "anycast", address: check.address },
    ...(alias ? [{ check, place: "alias" as const, address: alias }] : []),
  ];
}
