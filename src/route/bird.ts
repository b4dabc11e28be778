// The bird driver: moves prefixes along the ladder through BIRD 2 or 3, of each family by a file that BIRD includes or by a
// protocol that feeds OSPF, and reads back what BIRD's own database holds. It connects anew for each thing that it does.
import { RouteError } from "../errors.js";
import type { Family } from "../probe/target.js";
import { monotonicNs, nsPerSecond } from "../units.js";
import { askBird } from "./bird-control.js";
import { BirdFeed } from "./bird-feed.js";
import { BirdInclude, type IncludeOptions } from "./bird-include.js";
import { type BirdMeans, unsupported } from "./bird-means.js";
import { type BirdSight, exporterIn, observationIn, questionsFor, readSight } from "./bird-sight.js";
import { readProtocols } from "./bird-state.js";
import {
  type Announcement,
  announcements,
  type Change,
  type Driver,
  type DriverEvent,
  type Observation,
  type Rung,
} from "./driver.js";
import { familyOfPrefix, type Prefix } from "./prefix.js";

/** BirdWay is by what the prefixes of one family are moved. */
export type BirdWay = IncludeOptions | { readonly protocol: string };

/** BirdOptions is where BIRD is reached, and by what its prefixes are moved. */
export interface BirdOptions {
  /** The control socket: `/run/bird/bird.ctl`. */
  readonly socket: string;
  readonly ipv4: BirdWay;
  readonly ipv6: BirdWay;
  /** How long the answers of one connection may take before BIRD counts as hung; default 2000. */
  readonly timeoutMs?: number;
}

/** A reading is renewed every second; an older one means that BIRD is slow to answer. */
const outrightWithinNs = 2 * nsPerSecond;

/** A BIRD that starts numbers its LSAs from the first again; neighbours that hold later ones take its own 5 s later. ms */
const youngMs = 8000;
const youngReason = "BIRD has only just started: its neighbours may hold what it announced before";

/** By control socket: drivers of several sets in one file, or of several protocols, must not mix what they do. */
const turns = new Map<string, Promise<unknown>>();

/** BirdDriver is one BIRD. */
export class BirdDriver implements Driver {
  readonly name = "bird";
  readonly rungs = announcements;
  readonly #path: string;
  readonly #timeoutMs: number;
  readonly #means: ReadonlyMap<Family, BirdMeans>;
  #onEvent: (event: DriverEvent) => void = () => {};
  /** How long BIRD had been up at the last look, ms; endless where its times are not the usual. */
  #upMs = 0;
  #lost = false;
  /** What was last told of each prefix, where it was not announce. */
  readonly #wanted = new Map<Prefix, Rung | "withdrawn">();
  /** All that were ever asked for: what moves along with one of them is seen only where it is read too. */
  readonly #known = new Set<Prefix>();
  /** The changes in force. */
  readonly #held = new Set<Prefix>();
  /** Whether each prefix was let out at the last look, if nothing of ours moved it since. */
  readonly #present = new Map<Prefix, boolean>();
  /** The last readings, of what nothing of ours has changed since. */
  readonly #sights = new Map<Family, { readonly sight: BirdSight; readonly atNs: number }>();

  constructor({ socket, ipv4, ipv6, timeoutMs = 2000 }: BirdOptions) {
    this.#path = socket;
    this.#timeoutMs = timeoutMs;
    const control = { socket, timeoutMs };
    const means = (way: BirdWay) =>
      "protocol" in way ? new BirdFeed(way.protocol, control) : new BirdInclude(way, control);
    this.#means = new Map([
      [4, means(ipv4)],
      [6, means(ipv6)],
    ]);
  }

  async open(changes: readonly Change[], onEvent: (event: DriverEvent) => void): Promise<void> {
    this.#onEvent = onEvent;
    for (const { prefix, undo } of changes.filter(({ driver }) => driver === this.name)) {
      this.#held.add(prefix);
      this.#wanted.set(prefix, (undo["rung"] as Rung | undefined) ?? "withdrawn");
    }
  }

  observe(prefixes: readonly Prefix[]): Promise<ReadonlyMap<Prefix, Observation>> {
    for (const prefix of prefixes) this.#known.add(prefix);
    return this.#inTurn(async () => {
      const observations = new Map<Prefix, Observation>();
      for (const [family, of] of byFamily(prefixes)) {
        const means = this.#means.get(family)!;
        try {
          const sight = await this.#read(family, of);
          for (const prefix of of) {
            const seen = observe(means, sight, prefix);
            observations.set(
              prefix,
              this.#upMs < youngMs && seen.verified ? { ...seen, verified: false, reason: youngReason } : seen,
            );
          }
        } catch (error) {
          const reason = (error as Error).message;
          for (const prefix of of) observations.set(prefix, { announcement: "unknown", verified: false, reason });
        }
      }
      return observations;
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

  changes(): readonly Change[] {
    return [...this.#held].map((prefix) => {
      const wanted = this.#wanted.get(prefix);
      const rung = wanted === undefined || wanted === "withdrawn" ? {} : { rung: wanted };
      return { driver: this.name, prefix, undo: { ...this.#means.get(familyOfPrefix(prefix))!.undo, ...rung } };
    });
  }

  async close(): Promise<void> {
    this.#onEvent = () => {};
  }

  /** What cannot be done for one family keeps nothing from being done for the other. */
  #move(prefixes: readonly Prefix[], to: Announcement): Promise<void> {
    return this.#inTurn(async () => {
      for (const prefix of prefixes) {
        if (to === "announced") this.#wanted.delete(prefix);
        else this.#wanted.set(prefix, to);
      }
      const failures: RouteError[] = [];
      for (const [family, of] of byFamily(prefixes)) {
        await this.#moveFamily(family, of, to).catch((error) => failures.push(asRouteError(error, of)));
      }
      const [first, ...more] = failures;
      if (first === undefined) return;
      const code = first.code as ConstructorParameters<typeof RouteError>[0];
      const message = failures.map((failure) => failure.message).join("; ");
      throw more.length === 0 ? first : new RouteError(code, message, "bird", prefixes, { cause: first });
    });
  }

  async #moveFamily(family: Family, prefixes: readonly Prefix[], to: Announcement): Promise<void> {
    const means = this.#means.get(family)!;
    const all = new Set([...this.#known, ...prefixes].filter((prefix) => familyOfPrefix(prefix) === family));
    const read = () => this.#read(family, [...all]);
    const sight = this.#youngSight(family, prefixes) ?? (await this.#unlessLeaving(means, to, read));
    const refusals = new Map<Prefix, string>();
    for (const prefix of prefixes) {
      const refusal = sight && means.refusal(prefix, to, sight, prefixes, this.#wanted);
      if (refusal !== undefined) refusals.set(prefix, refusal);
    }
    const movable = prefixes.filter((prefix) => !refusals.has(prefix));
    if (movable.length > 0) {
      // Before the change: what was done but not confirmed must be known as ours. The next look drops what did not happen.
      if (to !== "announced") for (const prefix of movable) this.#held.add(prefix);
      this.#sights.delete(family);
      // The next look starts afresh with what this moves; of what it does not move, a change is somebody else's doing.
      const along = [...this.#present.keys()].filter((prefix) => familyOfPrefix(prefix) === family);
      for (const prefix of means.apart ? movable : along) this.#present.delete(prefix);
      await means.move(movable, to, read);
      if (to === "announced") for (const prefix of movable) this.#held.delete(prefix);
    }
    if (refusals.size > 0) throw unsupported([...new Set(refusals.values())].join("; "), [...refusals.keys()]);
  }

  /** A BIRD that cannot be read finds in its file, when it starts, that a dead prefix is to stay away. */
  #unlessLeaving(means: BirdMeans, to: Announcement, read: () => Promise<BirdSight>): Promise<BirdSight | undefined> {
    const reading = read();
    return means.lasts && to === "withdrawn" ? reading.catch(() => undefined) : reading;
  }

  /** Reading takes as long as the change itself: the last reading does where it is young and knows all of these. */
  #youngSight(family: Family, prefixes: readonly Prefix[]): BirdSight | undefined {
    const last = this.#sights.get(family);
    if (!last || monotonicNs() - last.atNs > outrightWithinNs) return undefined;
    return prefixes.every((prefix) => last.sight.rivals.has(prefix)) ? last.sight : undefined;
  }

  async #read(family: Family, prefixes: readonly Prefix[]): Promise<BirdSight> {
    const means = this.#means.get(family)!;
    const [status, protocols] = await this.#ask(["show status", "show protocols all"]);
    this.#noteBoot(status!);
    const exporter = exporterIn(protocols!, family);
    const questions = questionsFor(exporter, prefixes);
    const answers = await this.#ask([...questions, ...means.questions(readProtocols(protocols!))]);
    const sight = readSight(exporter, prefixes, answers);
    await means.look(answers.slice(questions.length));
    this.#sights.set(family, { sight, atNs: monotonicNs() });
    this.#compare(means, sight, prefixes);
    return sight;
  }

  /** Tells what others have changed, and forgets what is no change any more. */
  #compare(means: BirdMeans, sight: BirdSight, prefixes: readonly Prefix[]): void {
    for (const prefix of prefixes) {
      const present = means.lets(prefix);
      if (present === undefined) continue;
      const before = this.#present.get(prefix);
      this.#present.set(prefix, present);
      if (present && observationIn(sight, prefix).announcement === "announced") this.#held.delete(prefix);
      if (before === undefined || before === present) continue;
      this.#onEvent({ kind: present ? "appeared" : "removed", prefix, by: means.somebody });
    }
  }

  async #ask(commands: readonly string[]): Promise<string[]> {
    try {
      return await askBird(this.#path, commands, this.#timeoutMs);
    } catch (error) {
      if (error instanceof RouteError && error.code === "ERR_ROUTE_UNREACHABLE") this.#noteLoss(error.message);
      throw error;
    }
  }

  #noteLoss(reason: string): void {
    if (this.#lost) return;
    this.#lost = true;
    this.#forgetRun();
    this.#onEvent({ kind: "lost", reason });
  }

  #noteBoot(status: string): void {
    // Not by when it started: BIRD counts that back from the wall clock, which moves.
    const upMs = upMsIn(status);
    const restarted = upMs < this.#upMs;
    this.#upMs = upMs;
    if (!this.#lost && !restarted) return;
    this.#lost = false;
    this.#forgetRun();
    this.#onEvent({ kind: "back", reason: `BIRD ${restarted ? "was restarted" : "answers again"} at ${this.#path}` });
  }

  #forgetRun(): void {
    this.#sights.clear();
    // A file can be edited while BIRD is away.
    for (const prefix of this.#present.keys())
      if (!this.#means.get(familyOfPrefix(prefix))!.lasts) this.#present.delete(prefix);
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const turn = (turns.get(this.#path) ?? Promise.resolve()).then(act);
    turns.set(
      this.#path,
      turn.catch(() => {}),
    );
    return turn;
  }
}

function upMsIn(status: string): number {
  const [now, reboot] = ["Current server time is", "Last reboot on"].map((words) => {
    const [, day, time] = new RegExp(`^${words} (\\S+) (\\S+)$`, "m").exec(status) ?? [];
    return Date.parse(`${day}T${time}Z`);
  });
  const ms = now! - reboot!;
  return Number.isNaN(ms) ? Number.POSITIVE_INFINITY : ms;
}

function observe(means: BirdMeans, sight: BirdSight, prefix: Prefix): Observation {
  const seen = observationIn(sight, prefix);
  const reason = seen.reason ?? means.remark(prefix, sight);
  const noRung = means.noRung(prefix, sight);
  return {
    ...seen,
    ...(reason !== undefined && { reason }),
    ...(noRung !== undefined && { noRung }),
    way: means.way,
  };
}

function byFamily(prefixes: readonly Prefix[]): ReadonlyMap<Family, readonly Prefix[]> {
  const families = new Map<Family, Prefix[]>();
  for (const prefix of prefixes) {
    const family = familyOfPrefix(prefix);
    families.set(family, [...(families.get(family) ?? []), prefix]);
  }
  return families;
}

function asRouteError(error: unknown, prefixes: readonly Prefix[]): RouteError {
  if (error instanceof RouteError) {
    if (error.prefixes.length > 0) return error;
    const code = error.code as ConstructorParameters<typeof RouteError>[0];
    return new RouteError(code, error.message, "bird", prefixes, { cause: error });
  }
  const message = `BIRD's answer could not be read: ${(error as Error).message}`;
  return new RouteError("ERR_ROUTE_UNREACHABLE", message, "bird", prefixes, { cause: error });
}
