// The exec driver: an operator's program moves the prefix, as through exabgp or GoBGP, and another one says how it stands. Each
// prefix has a run of its own, and in the daemon a driver of its own, so that one that hangs holds up none of the others.
import { readFileSync } from "node:fs";
import { RouteError } from "../errors.js";
import {
  type Announcement,
  announcements,
  type Change,
  type Driver,
  type DriverEvent,
  isRung,
  type Observation,
  type Rung,
  rungCosts,
} from "./driver.js";
import type { Prefix } from "./prefix.js";
import { programEnvironment } from "./program.js";
import { runProgram } from "./program-outcome.js";

/** Explanation is why a prefix is to be moved, for the program that moves it. */
export interface Explanation {
  /** Those that are served at the prefix. */
  readonly services: readonly string[];
  readonly reason: string;
  /** What each check has found, as plain JSON. */
  readonly evidence: readonly unknown[];
}

/** ExecOptions is which programs move a prefix and tell how it stands. No shell reads them. */
export interface ExecOptions {
  /** The program that moves a prefix, and its arguments. */
  readonly command: readonly string[];
  /** The program that tells how a prefix stands, and its arguments; without one, what the first accomplished counts. */
  readonly observe?: readonly string[];
  /** Each run of either is killed after so long. */
  readonly timeoutMs: number;
  /** The program can announce a prefix at the cost of a rung. */
  readonly deprefer: boolean;
  readonly explain: (prefix: Prefix) => Explanation;
}

/** The version of what the program reads from stdin. */
const schemaVersion = 1;
/** A closing driver leaves its programs so much time. */
const closeGraceMs = 1000;
const hearsay = "as its program said: there is no `observe`";

/** ExecDriver holds no connection: it knows what was read back last or, without `observe`, what was accomplished last. */
export class ExecDriver implements Driver {
  readonly name = "exec";
  readonly rungs: readonly Announcement[];
  readonly blind?: true;
  readonly router: string;
  readonly #options: ExecOptions;
  /** What the program accomplished last; a prefix that is being moved has nothing. */
  readonly #told = new Map<Prefix, Announcement>();
  /** As it was last read. */
  readonly #read = new Map<Prefix, Announcement>();
  /** What the program was told last, and whether it said that it has done so, until `observe` says so too. */
  readonly #unseen = new Map<Prefix, { readonly to: Announcement; readonly accomplished: boolean }>();
  /** How each prefix was at the last look, and in which run of its router. */
  readonly #seen = new Map<Prefix, { readonly present: boolean; readonly run: string }>();
  #onEvent: (event: DriverEvent) => void = () => {};
  readonly #running = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();
  /** What was accomplished counts until the host starts anew. */
  readonly #boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();

  constructor(options: ExecOptions) {
    this.#options = options;
    this.rungs = options.deprefer ? announcements : ["announced", "withdrawn"];
    if (!options.observe) this.blind = true;
    this.router = JSON.stringify(options.command);
  }

  async open(changes: readonly Change[], onEvent: (event: DriverEvent) => void): Promise<void> {
    this.#onEvent = onEvent;
    for (const { driver, prefix, undo } of changes) {
      const announcement = announcements.find((one) => one === undo["announcement"]);
      if (driver === this.name && announcement && undo["boot"] === this.#boot) this.#told.set(prefix, announcement);
    }
  }

  async observe(prefixes: readonly Prefix[]): Promise<ReadonlyMap<Prefix, Observation>> {
    const read = async (prefix: Prefix) => [prefix, await this.#observe(prefix)] as const;
    return new Map(await Promise.all(prefixes.map(read)));
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

  /** What is not announced: after a restart nothing else would tell. */
  changes(): readonly Change[] {
    return [...this.#told]
      .filter(([, announcement]) => announcement !== "announced")
      .map(([prefix, announcement]) => ({ driver: this.name, prefix, undo: { announcement, boot: this.#boot } }));
  }

  /**
   * What is under way may end by itself, within a second. Then it is killed, for nothing must wait for it: whoever comes next knows
   * nothing of that prefix, and tells the program anew.
   */
  async close(): Promise<void> {
    this.#onEvent = () => {};
    const grace = setTimeout(() => this.#closing.abort(), closeGraceMs);
    await Promise.all(this.#running);
    clearTimeout(grace);
  }

  async #observe(prefix: Prefix): Promise<Observation> {
    const command = this.#options.observe;
    if (!command) {
      const announcement = this.#told.get(prefix);
      if (announcement) return { announcement, verified: true, reason: hearsay };
      return { announcement: "unknown", verified: false, reason: "not told yet, and there is no `observe`" };
    }
    const environment = programEnvironment(this.#names(prefix));
    const { stdout, fault } = await this.#track(
      runProgram({ command, environment }, this.#options.timeoutMs, this.#closing.signal),
    );
    const [, word, run = ""] = /^(\S+)(?: +(\S+))?$/.exec(stdout.trim()) ?? [];
    const announcement = announcements.find((one) => one === word);
    if (fault === undefined && announcement) {
      this.#read.set(prefix, announcement);
      // Whoever announced it again: nothing of ours is in force.
      if (announcement === "announced") this.#told.delete(prefix);
      this.#compare(prefix, announcement !== "withdrawn", run);
      const told = this.#unseen.get(prefix);
      if (told?.to === announcement) this.#unseen.delete(prefix);
      if (!told?.accomplished || told.to === announcement) return { announcement, verified: true };
      const [mover, observer] = [this.#options.command, command].map((argv) => argv.join(" "));
      const reason = `\`${mover}\`, told ${told.to}, ended well, and \`${observer}\` says ${announcement}`;
      return { announcement, verified: true, reason };
    }
    this.#read.delete(prefix);
    // A router that was away may have forgotten what it was told: that is nobody's order.
    this.#seen.delete(prefix);
    const expected = `expected one of ${announcements.join(", ")}, got ${JSON.stringify(stdout.trim().slice(0, 80))}`;
    const reason = fault ?? `\`${command.join(" ")}\`: ${expected}`;
    return { announcement: "unknown", verified: false, reason };
  }

  /** Tells what others have changed: in one run of the router, and nothing that the program was told and may do late. */
  #compare(prefix: Prefix, present: boolean, run: string): void {
    const before = this.#seen.get(prefix);
    this.#seen.set(prefix, { present, run });
    if (before?.run !== run || before.present === present || this.#unseen.has(prefix)) return;
    this.#onEvent({ kind: present ? "appeared" : "removed", prefix, by: "somebody at the router" });
  }

  async #move(prefixes: readonly Prefix[], to: Announcement): Promise<void> {
    const faults = await Promise.all(prefixes.map((prefix) => this.#track(this.#run(prefix, to))));
    const failed = prefixes.filter((_, i) => faults[i] !== undefined);
    if (failed.length === 0) return;
    const told = faults.filter((fault) => fault !== undefined);
    const message = failed.map((prefix, i) => (prefixes.length > 1 ? `${prefix}: ${told[i]}` : told[i])).join("; ");
    throw new RouteError("ERR_ROUTE_REFUSED", message, this.name, failed);
  }

  /** Resolves with what went wrong, if anything did. */
  async #run(prefix: Prefix, to: Announcement): Promise<string | undefined> {
    const { command, timeoutMs, explain } = this.#options;
    const from = (this.#options.observe ? this.#read : this.#told).get(prefix) ?? "unknown";
    const { services, reason, evidence } = explain(prefix);
    const cost = isRung(to) ? rungCosts[to].stub : null;
    const environment = programEnvironment({
      ...this.#names(prefix),
      ANYPROBE_FROM: from,
      ANYPROBE_TO: to,
      ANYPROBE_COST: cost === null ? "" : String(cost),
      ANYPROBE_REASON: reason,
    });
    const account = { schema_version: schemaVersion, services, prefix, from, to, cost, reason, evidence };
    // One that fails may have done half of it, and so may one that we do not live to see the end of.
    this.#told.delete(prefix);
    this.#unseen.set(prefix, { to, accomplished: false });
    const { fault } = await runProgram(
      { command, environment, input: `${JSON.stringify(account)}\n` },
      timeoutMs,
      this.#closing.signal,
    );
    if (fault === undefined) {
      this.#told.set(prefix, to);
      this.#unseen.set(prefix, { to, accomplished: true });
    }
    return fault;
  }

  #names(prefix: Prefix) {
    return { ANYPROBE_SERVICE: this.#options.explain(prefix).services.join(","), ANYPROBE_PREFIX: prefix };
  }

  async #track<T>(run: Promise<T>): Promise<T> {
    this.#running.add(run);
    try {
      return await run;
    } finally {
      this.#running.delete(run);
    }
  }
}
