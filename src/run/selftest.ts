// The selftest: proves on this host that a failure would be seen and that our own rate causes none, without touching a route
// and beside a running daemon. It asks as the daemon would, with the same sources, guards and askers.
import { type Address, listAddresses, listLinks } from "../engine/netlink.js";
import { ConfigError } from "../errors.js";
import { type Family, familyOf } from "../probe/target.js";
import { livingOf } from "../route/link-state.js";
import { addressOf, familyOfPrefix, type Prefix } from "../route/prefix.js";
import { monotonicNs } from "../units.js";
import { methodOf } from "./asker.js";
import type { Config, RouteConfig, ServiceConfig } from "./config.js";
import { fetchStatus } from "./control.js";
import { MarkRule, probeMark } from "./mark.js";
import { aliasOf } from "./prober.js";
import { Asking, type Question } from "./selftest-ask.js";
import { provePass, proveRate, rateSeconds } from "./selftest-check.js";
import { proveRefusedPort, proveTimeout, proveWrongAnswer } from "./selftest-fault.js";
import { doubtful, failed, type Proof, proven } from "./selftest-proof.js";
import { proveKeptIn, proveMarkRules, proveUnroutable, strangeQuestion, strangerOf } from "./selftest-reach.js";
import { proveRoute } from "./selftest-route.js";
import { Sights } from "./sights.js";
import { pickSource } from "./source.js";

export type { Proof, ProofKind } from "./selftest-proof.js";

/** A mark of its own ("anys"): a daemon beside it keeps its rule when the selftest ends. */
const selftestMark = 0x616e7973;

/** Selftest runs once, by proofs(), and lets go of everything by close(). */
export class Selftest implements Disposable {
  readonly #config: Config;
  readonly #prefixes: readonly Prefix[];
  readonly #sources = new Map<Family, Address>();
  readonly #sourceProofs: readonly Proof[];
  readonly #rule: MarkRule;
  readonly #asking: Asking;

  /** Throws EngineError where the kernel refuses what every probe needs. */
  constructor(config: Config) {
    this.#config = config;
    this.#prefixes = [...new Set(config.services.flatMap(({ prefixes }) => prefixes))];
    const families = [...new Set(this.#prefixes.map(familyOfPrefix))];
    this.#sourceProofs = families.map((family) => this.#proveSource(family));
    this.#rule = new MarkRule([...this.#sources.keys()], selftestMark);
    const [ipv4, ipv6] = [this.#sources.get(4)?.address, this.#sources.get(6)?.address];
    const source = { ...(ipv4 !== undefined && { ipv4 }), ...(ipv6 !== undefined && { ipv6 }) };
    try {
      this.#asking = new Asking({ source, mark: this.#rule.mark });
    } catch (error) {
      this.#rule[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * proofs gives one proof after another, as they are found. `onRate` is called when the part begins that takes so many
   * seconds. Rejects with EngineError where the kernel refuses.
   */
  async *proofs(onRate: (seconds: number) => void = () => {}): AsyncGenerator<Proof> {
    yield* this.#sourceProofs;
    yield* this.#proveReach(await this.#daemonMark());
    const questions = this.#questions();
    const passes = await Promise.all(questions.map((question) => provePass(this.#asking, question)));
    yield* passes;
    yield* await this.#proveFaults(questions);
    const well = questions.filter((_, i) => passes[i]!.state === "proven");
    if (well.length > 0) onRate(rateSeconds);
    // All at once, as in life: a server counts what comes from one source together.
    yield* await Promise.all(well.map((question) => this.#proveRate(question)));
    for (const [entry, prefixes] of this.#routes()) yield* await proveRoute(entry, prefixes, this.#explain);
    yield* await this.#proveGuards();
  }

  /** close lets go of everything, at once. Idempotent. */
  close(): void {
    this.#asking.close();
    this.#rule[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #proveSource(family: Family): Proof {
    const subject = `IPv${family}`;
    const claim = {
      kind: "source",
      subject,
      claim: "probes have a source of this host's own, and no anycast one",
    } as const;
    const choice = family === 4 ? this.#config.source.ipv4 : this.#config.source.ipv6;
    const addresses = listAddresses();
    try {
      const { address, why } = pickSource(family, choice, this.#prefixes, addresses, listLinks());
      this.#sources.set(family, addresses.find((one) => one.address === address)!);
      return proven(claim, `${address} (${why})`);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const advice = `correct source.ipv${family}; until then no ${subject} prefix is probed`;
      return failed(claim, error.message, "a unicast address of this host", advice);
    }
  }

  /** The mark whose rule must be there: a running daemon's, if it says that it has one. */
  async #daemonMark(): Promise<number | undefined> {
    try {
      const { markRule } = await fetchStatus(this.#config.control);
      return markRule.on ? probeMark : undefined;
    } catch {
      // No daemon answers: there is none to look after.
      return undefined;
    }
  }

  async *#proveReach(daemonMark: number | undefined): AsyncGenerator<Proof> {
    const asking = this.#asking;
    for (const [family, source] of this.#sources) {
      yield* proveMarkRules(family, this.#rule, daemonMark);
      const any = this.#questions().find(({ address }) => familyOf(address) === family)!;
      const question = strangeQuestion(
        any,
        strangerOf(source, (address) => asking.isLocal(address)),
      );
      if (this.#rule.mark !== undefined) yield await proveUnroutable(asking, question);
      if (family === 4) yield await proveKeptIn(asking, question, this.#rule.mark !== undefined);
    }
  }

  /** A wrong answer concerns every check; a refused port and a silence, all that ask an address in the same way. */
  async #proveFaults(questions: readonly Question[]): Promise<readonly Proof[]> {
    const ways = new Map(questions.map((question) => [`${question.address} ${methodOf(question.check)}`, question]));
    const proofs = await Promise.all([
      ...questions.map((question) => proveWrongAnswer(this.#asking, question)),
      ...[...ways.values()].map((question) => proveRefusedPort(this.#asking, question)),
      ...[...ways.values()].map((question) => proveTimeout(this.#asking, question)),
    ]);
    return proofs.filter((proof) => proof !== undefined);
  }

  #proveRate(question: Question): Promise<Proof> {
    return proveRate(this.#asking, question, this.#sources.get(familyOf(question.address))!.address);
  }

  /** Every check at every prefix whose family has a source. While the anycast address is away, at its alias. */
  #questions(): Question[] {
    const placed = this.#config.services.flatMap((service) =>
      service.prefixes
        .filter((prefix) => this.#sources.has(familyOfPrefix(prefix)))
        .map((prefix) => ({ service, prefix })),
    );
    return placed.flatMap(({ service, prefix }) => {
      const address = this.#addressNow(service, prefix);
      return service.checks.map((check) => ({ service: service.name, prefix, check, address }));
    });
  }

  #addressNow(service: ServiceConfig, prefix: Prefix): string {
    const address = addressOf(prefix);
    return this.#asking.isLocal(address) ? address : (aliasOf(service, address) ?? address);
  }

  /** Programs are told whom they serve; nothing is to be moved. */
  readonly #explain = (prefix: Prefix) => {
    const services = this.#config.services.filter(({ prefixes }) => prefixes.includes(prefix)).map(({ name }) => name);
    return { services, reason: "selftest", evidence: [] };
  };

  /** Each distinct entry of the routes, with all prefixes that it moves. */
  #routes(): (readonly [RouteConfig, readonly Prefix[]])[] {
    const found = new Map<string, { entry: RouteConfig; prefixes: Set<Prefix> }>();
    for (const { route, prefixes } of this.#config.services) {
      for (const entry of route) {
        const key = JSON.stringify(entry);
        const known = found.get(key) ?? { entry, prefixes: new Set() };
        for (const prefix of prefixes) known.prefixes.add(prefix);
        found.set(key, known);
      }
    }
    return [...found.values()].map(({ entry, prefixes }) => [entry, [...prefixes]]);
  }

  async #proveGuards(): Promise<readonly Proof[]> {
    const sights = new Sights(this.#config);
    try {
      await sights.open(false);
      // Services that share a prefix share its guard.
      const guarded = this.#config.services.flatMap(({ guard, prefixes }) =>
        guard ? prefixes.map((prefix) => [prefix, guard.others] as const) : [],
      );
      return [...new Map(guarded)].map(([prefix, needed]) => proveGuard(prefix, needed, sights));
    } finally {
      sights.close();
    }
  }
}

function proveGuard(prefix: Prefix, needed: number, sights: Sights): Proof {
  const claim = { kind: "guard", subject: prefix, claim: "the guard can see the other endpoints" } as const;
  const { announcers, reason } = sights.of(prefix, monotonicNs());
  const expected = `${needed} other ${needed === 1 ? "router that announces" : "routers that announce"} it`;
  if (!announcers) {
    const advice = "say where the router is: guard: {others: 1, frr: /run/frr} or {others: 1, bird: …}, or guard: none";
    return failed(claim, reason ?? "nothing", expected, advice);
  }
  const living = livingOf(announcers, "dead").map(({ routerId }) => routerId);
  const got = living.length === 0 ? "no other announces it" : `announced by ${living.join(", ")} too`;
  if (living.length < needed)
    return doubtful(
      claim,
      got,
      expected,
      "as things are, the guard holds it here even when it is dead: it is the last one",
    );
  return announcers.blind === undefined
    ? proven(claim, got)
    : doubtful(claim, `${got}; ${announcers.blind}`, expected, "endpoints of other areas are not counted");
}
