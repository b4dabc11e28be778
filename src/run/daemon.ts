// The daemon: takes the lock, keeps what outlives a reload, and runs one endpoint at a time under the newest good config.
import { isDeepStrictEqual } from "node:util";
import { listAddresses, listLinks, listLocalRoutes, listUdpSockets } from "../engine/netlink.js";
import { NetlinkWatch } from "../engine/netlink-watch.js";
import { AnyprobeError } from "../errors.js";
import { familyOfPrefix } from "../route/prefix.js";
import { formatDuration, monotonicNs, nsPerMs } from "../units.js";
import { BootClock } from "./boot-clock.js";
import type { Config } from "./config.js";
import { ControlSocket, type Verbs } from "./control.js";
import { Endpoint, tickMs } from "./endpoint.js";
import { Face } from "./face.js";
import type { FamilySource, Ground } from "./ground.js";
import { itemsOf } from "./item-stream.js";
import { Journal } from "./journal.js";
import { Locality } from "./locality.js";
import { Lock } from "./lock.js";
import { type Log, openLog } from "./log.js";
import { Maintenance } from "./maintenance.js";
import type { Guarded } from "./mark.js";
import { narrateLeft } from "./narrate.js";
import { OrderDesk } from "./order-desk.js";
import { OwnHealth } from "./own-health.js";
import { pickSource } from "./source.js";
import { StateFile } from "./state.js";
import type { Status } from "./status.js";
import { Pulse, ServiceManager } from "./systemd.js";
import { patienceMs } from "./udp-askers.js";

export interface DaemonOptions {
  readonly version: string;
  /** Named in `status`. */
  readonly configFile?: string;
}

/** What a reload leaves as it is, and its keys in the file. */
const lasting = {
  control: "control",
  state: "state",
  listen: "listen",
  tokenFile: "token_file",
  textfile: "textfile",
} as const satisfies Partial<Record<keyof Config, string>>;
/** How long a withdrawal at exit may take to be verified. ms */
const exitMs = 8000;

/** Daemon runs from start() to stop(). */
export class Daemon {
  readonly #options: DaemonOptions;
  readonly #startedNs = monotonicNs();
  /** In use since the start: a reload cannot move them. */
  readonly #paths: Pick<Config, keyof typeof lasting>;
  readonly #lock: Lock;
  readonly #log: Log;
  readonly #manager: ServiceManager;
  readonly #watch: NetlinkWatch;
  readonly #ground: Ground;
  readonly #desk: OrderDesk;
  readonly #face: Face;
  readonly #health = new OwnHealth({ tickMs, patienceMs });
  #endpoint!: Endpoint;
  #control: ControlSocket | undefined;
  #watchdog: NodeJS.Timeout | undefined;
  #pulse: Pulse;

  /**
   * start runs a daemon under `config`. Rejects with ConfigError, ERR_RUN_LOCKED or what the kernel refuses; then nothing
   * was changed.
   */
  static async start(config: Config, options: DaemonOptions): Promise<Daemon> {
    const sources = pickSources(config);
    const daemon = new Daemon(config, options, await Lock.take());
    try {
      daemon.#endpoint = new Endpoint(config, sources, daemon.#ground);
      await daemon.#endpoint.open();
      daemon.#control = await ControlSocket.listen(config.control, daemon.#verbs());
      await daemon.#face.open();
    } catch (error) {
      await daemon.#endpoint?.close();
      await daemon.#face.close();
      daemon.#release();
      throw error;
    }
    daemon.#announceStart();
    return daemon;
  }

  private constructor(config: Config, options: DaemonOptions, lock: Lock) {
    this.#options = options;
    this.#paths = config;
    this.#lock = lock;
    this.#log = openLog(config.logLevel);
    this.#manager = new ServiceManager(this.#log);
    this.#pulse = new Pulse(patienceNs(config, this.#manager));
    this.#watch = new NetlinkWatch();
    const locality = new Locality(listLocalRoutes);
    // First of all listeners: the others ask it.
    this.#watch.subscribe((events) => locality.handle(events));
    const journal = new Journal(this.#log);
    const state = new StateFile(config.state, (message) => journal.tell("warn", { kind: "state", message }));
    const found = state.read();
    journal.restore(found.history);
    const clock = new BootClock();
    const maintenance = new Maintenance(clock, journal, found.orders, found.freeze);
    this.#ground = {
      watch: this.#watch,
      locality,
      found,
      state,
      maintenance,
      clock,
      journal,
      health: this.#health,
      onChange: () => this.#manager.status(this.#summary()),
    };
    this.#desk = new OrderDesk(() => this.#endpoint, maintenance, journal);
    this.#face = new Face(config, journal, () => {
      return { status: this.status(), checks: this.#endpoint.checks, leases: this.#endpoint.leases() };
    });
  }

  #verbs(): Verbs {
    const { journal } = this.#ground;
    return {
      status: () => this.status(),
      events: ({ count, follow }) => {
        const coming = follow === true ? journal.follow() : undefined;
        return itemsOf(journal.events(countOf(count)), coming);
      },
      why: ({ what }) => this.#why(what),
      ...this.#desk.verbs(),
    };
  }

  #why(what: unknown) {
    const { prefixes } = this.#desk.what(what);
    const [prefix] = prefixes;
    if (prefixes.length > 1) {
      throw new AnyprobeError(
        "ERR_RUN_ORDER",
        `expected one prefix, ${JSON.stringify(what)} has ${prefixes.join(", ")}`,
      );
    }
    const status = this.#endpoint
      .report()
      .flatMap(({ name, prefixes }) =>
        prefixes.filter((one) => one.prefix === prefix).map((one) => ({ service: name, ...one })),
      );
    const frozen = this.#ground.maintenance.reportFreeze();
    return { prefix, status, events: this.#ground.journal.events(undefined, prefix), frozen };
  }

  status(): Status {
    const { sources, markRule } = this.#endpoint;
    return {
      schemaVersion: 2,
      version: this.#options.version,
      pid: process.pid,
      uptimeNs: monotonicNs() - this.#startedNs,
      configFile: this.#options.configFile ?? null,
      frozen: this.#ground.maintenance.reportFreeze(),
      sources,
      markRule: markRule.guarded,
      hints: this.#hints(),
      services: this.#endpoint.report(),
      counters: this.#endpoint.counters(),
      residentOctets: process.memoryUsage.rss(),
      health: this.#health.report(this.#endpoint.counters()),
    };
  }

  /** reload goes on under another config. Checks that stay the same keep their state. Where it cannot, the old config stays and the fault is thrown. */
  async reload(config: Config): Promise<void> {
    this.#manager.reloading();
    const old = this.#endpoint;
    try {
      const sources = pickSources(config);
      await old.close();
      await this.#replace(config, sources, old);
    } finally {
      this.#manager.ready(this.#summary());
    }
    this.#log.level = config.logLevel;
    this.#pulse = new Pulse(patienceNs(config, this.#manager));
    this.#ground.journal.tell("info", { kind: "reload", message: "the config was reloaded" });
    for (const [name, key] of Object.entries(lasting) as [keyof typeof lasting, string][]) {
      if (isDeepStrictEqual(config[name], this.#paths[name])) continue;
      this.#log.warn({ event: "reload", key }, `\`${key}\` is another now: that takes effect at the next start`);
    }
    this.#tellSenses();
  }

  /** rejectReload says that a new config was no good; the old one stays. */
  rejectReload(error: Error): void {
    const message = `the new config is not used, the old one stays: ${error.message}`;
    this.#ground.journal.tell("error", { kind: "reload", message }, { error: error.message });
  }

  /** stop leaves as `on_exit` says. Resolves true where everything that had to be withdrawn is verified to be. */
  async stop(): Promise<boolean> {
    this.#manager.stopping();
    const gone = await this.#endpoint.withdrawOnExit(exitMs);
    if (!gone) this.#log.error({ event: "exit" }, "not all prefixes were seen withdrawn before the end");
    narrateLeft(this.#ground.journal, this.#endpoint.state().changes);
    await this.#endpoint.close();
    const ran = formatDuration(monotonicNs() - this.#startedNs);
    this.#log.info({ event: "stop", ran, counters: this.#endpoint.counters() }, "stopped");
    await this.#face.close();
    this.#release();
    return gone;
  }

  async #replace(config: Config, sources: readonly FamilySource[], old: Endpoint) {
    try {
      this.#endpoint = new Endpoint(config, sources, this.#ground, old);
      await this.#endpoint.open();
    } catch (error) {
      if (this.#endpoint !== old) await this.#endpoint.close();
      try {
        this.#endpoint = new Endpoint(old.config, old.sources, this.#ground, old);
        await this.#endpoint.open();
      } catch (fatal) {
        // A daemon that probes nothing must not look alive: it ends, the routes stay, and the service manager starts another.
        setImmediate(() => {
          throw fatal;
        });
      }
      throw error;
    }
  }

  #announceStart() {
    this.#tellSenses();
    this.#log.info({ event: "start", version: this.#options.version, pid: process.pid }, `started; ${this.#summary()}`);
    this.#manager.ready(this.#summary());
    if (this.#manager.watchdogMs !== undefined) {
      this.#watchdog = setInterval(() => this.#signLife(), this.#manager.watchdogMs);
    }
  }

  #tellSenses() {
    const { sources, markRule } = this.#endpoint;
    for (const { family, address, why } of sources) {
      this.#log.info({ event: "source", family, address, why }, `IPv${family} probes come from ${address} (${why})`);
    }
    if (!markRule.guarded.on) {
      this.#log.warn(
        { event: "mark", ...markRule.guarded },
        "the mark rule is off: only local routes and NSID prove who answered",
      );
    }
    const hints = this.#hints();
    if (!hints.on) this.#log.warn({ event: "hints", ...hints }, "hints are off: a death is seen at the next probe");
  }

  /** Hints come from sockets of this network namespace: a server that passes its checks from elsewhere gives none. */
  #hints(): Guarded {
    const { hints, checks } = this.#endpoint;
    if (!hints.on) return hints;
    const ports = new Set(
      checks.filter(({ check }) => check.settled === "up").flatMap(({ config }) => config.port ?? []),
    );
    const unseen = [...ports].filter((port) => listUdpSockets(port).length === 0);
    if (unseen.length === 0) return hints;
    return { on: false, reason: `no socket of this network namespace listens at port ${unseen.join(", ")}: polling` };
  }

  #signLife() {
    if (this.#pulse.beats(this.#endpoint.judged, monotonicNs())) this.#manager.alive();
  }

  /** `203.0.113.53/32 announced, 203.0.113.54/32 withdrawn (not verified)`. */
  #summary(): string {
    return this.#endpoint
      .routes()
      .map(({ prefix, observed, verified, manual }) => {
        const doubt = verified || observed === "unknown" ? "" : " (not verified)";
        return `${prefix} ${manual ? "manual" : observed}${doubt}`;
      })
      .join(", ");
  }

  #release() {
    clearInterval(this.#watchdog);
    this.#health.close();
    this.#control?.close();
    this.#ground.maintenance.close();
    this.#watch.close();
    this.#lock[Symbol.dispose]();
  }
}

function countOf(count: unknown): number | undefined {
  if (count === undefined || (Number.isInteger(count) && (count as number) >= 0)) return count as number | undefined;
  throw new AnyprobeError("ERR_RUN_ORDER", `count: expected a whole number, got ${JSON.stringify(count)}`);
}

/** The busiest check brings a row in each interval, and a timeout later where nobody answers. */
function patienceNs({ services }: Config, { watchdogMs = 0 }: ServiceManager): number {
  const checks = services.flatMap((service) => service.checks);
  return (watchdogMs + Math.min(...checks.map(({ intervalMs, timeoutMs }) => intervalMs + timeoutMs))) * nsPerMs;
}

function pickSources(config: Config): FamilySource[] {
  const prefixes = config.services.flatMap((service) => service.prefixes);
  const families = [...new Set(prefixes.map(familyOfPrefix))];
  const [addresses, links] = [listAddresses(), listLinks()];
  return families.map((family) => {
    const choice = family === 4 ? config.source.ipv4 : config.source.ipv6;
    return { family, ...pickSource(family, choice, prefixes, addresses, links) };
  });
}
