// What the kernel tells that makes probes go out at once, and where they have to ask: sockets that end, addresses that come and go.
import type { NetlinkEvent } from "../engine/netlink-watch.js";
import { EngineError } from "../errors.js";
import type { Config } from "./config.js";
import type { Ground } from "./ground.js";
import type { Guarded } from "./mark.js";
import { aliasOf, type Prober } from "./prober.js";

/** Ears listens for one config. */
export class Ears {
  /** Whether deaths are seen as they happen. */
  readonly hints: Guarded;
  readonly #config: Config;
  readonly #prober: Prober;
  readonly #ground: Pick<Ground, "watch" | "locality">;

  constructor(config: Config, prober: Prober, ground: Pick<Ground, "watch" | "locality">) {
    this.#config = config;
    this.#prober = prober;
    this.#ground = ground;
    this.hints = this.#watchPorts();
  }

  /** heed has those checks asked whose answer may be another now. Hints never decide. */
  heed(events: readonly NetlinkEvent[]): void {
    for (const event of events) {
      if (event.kind === "route-added" || event.kind === "route-removed") this.findPlaces();
      if (!this.#config.hints) continue;
      for (const check of this.#prober.checks) {
        if (event.kind === "overrun") this.#prober.confirm(check);
        if (event.kind === "socket-destroyed" && check.mayAsk(event)) this.#prober.confirm(check);
        if (event.kind === "route-added" && event.address === check.address) this.#prober.ask(check);
      }
    }
  }

  /** findPlaces has recovery probed at the alias, where there is one, while the anycast address is not this node's. */
  findPlaces(): void {
    for (const service of this.#config.services) {
      for (const check of this.#prober.checks.filter(({ service: name }) => name === service.name)) {
        if (!aliasOf(service, check.address)) continue;
        this.#prober.move(check.prefix, this.#ground.locality.isLocal(check.address) ? "anycast" : "alias");
      }
    }
  }

  #watchPorts(): Guarded {
    const { checks } = this.#prober;
    const ports = this.#config.hints ? new Set(checks.flatMap(({ config }) => config.port ?? [])) : [];
    try {
      this.#ground.watch.watchPorts([...ports]);
      return this.#config.hints ? { on: true } : { on: false, reason: "switched off" };
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      return { on: false, reason: error.message };
    }
  }
}
