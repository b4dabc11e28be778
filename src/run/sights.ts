// The guard's eyes: the link-state databases that the config names, each read at once for all prefixes that rest on it, and
// what the last look showed.
import { ConfigError } from "../errors.js";
import type { Sight } from "../guard/guard.js";
import type { Family } from "../probe/target.js";
import { BirdLinkState } from "../route/bird-link-state.js";
import { FrrLinkState } from "../route/frr-link-state.js";
import { Frr6LinkState } from "../route/frr6-link-state.js";
import type { LinkState } from "../route/link-state.js";
import { familyOfPrefix, type Prefix } from "../route/prefix.js";
import { monotonicNs } from "../units.js";
import type { Config, GuardConfig } from "./config.js";

/** An older look is none: a router that does not answer any more must not let anything go. */
const validNs = 10e9;

/** Eye is one database, and the prefixes that are read there together. */
export class Eye {
  readonly prefixes = new Set<Prefix>();
  readonly seen = new Map<Prefix, Sight>();
  /** The look under way; who asks meanwhile gets the next. */
  #looking: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(readonly linkState: LinkState) {}

  /** look reads the database at a moment after this call. Never rejects: what cannot be read is a sight without announcers. */
  look(): Promise<void> {
    if (this.#looking === undefined) {
      this.#looking = this.#read().finally(() => {
        this.#looking = undefined;
      });
      return this.#looking;
    }
    this.#next ??= this.#looking.then(() => {
      this.#next = undefined;
      return this.look();
    });
    return this.#next;
  }

  async #read(): Promise<void> {
    const { linkState, prefixes, seen } = this;
    const atNs = monotonicNs();
    try {
      const found = await linkState.read([...prefixes]);
      for (const prefix of prefixes) {
        const announcers = found.get(prefix);
        seen.set(prefix, announcers ? { atNs, announcers } : { atNs, reason: `${linkState.name} says nothing of it` });
      }
    } catch (error) {
      const reason = (error as Error).message;
      for (const prefix of prefixes) seen.set(prefix, { atNs, reason });
    }
  }
}

/** Sights looks from open() to close(). */
export class Sights {
  /** Each is looked with by itself: a router that hangs delays no prefix of another. */
  readonly eyes: readonly Eye[];
  /** The keys of the config that must be readable at start, with the prefixes that rest on them. */
  readonly #demanded: { readonly path: string; readonly prefix: Prefix }[] = [];

  constructor(config: Config) {
    const eyes = new Map<string, Eye>();
    for (const { name, guard, prefixes } of config.services) {
      if (!guard) continue;
      const wrote = (prefix: Prefix) =>
        config.services.some((other) => other.prefixes.includes(prefix) && other.guard?.written === true);
      for (const prefix of prefixes) {
        // One for each family, so that a router without IPv6 is blind to that alone.
        const family = familyOfPrefix(prefix);
        const key = JSON.stringify([guard.router, family]);
        const eye = eyes.get(key) ?? new Eye(open(guard.router, family));
        eyes.set(key, eye);
        eye.prefixes.add(prefix);
        if (!wrote(prefix)) this.#demanded.push({ path: `services.${name}.guard`, prefix });
      }
    }
    this.eyes = [...eyes.values()];
  }

  /**
   * open looks for the first time. Where it is `demanding` it rejects with ConfigError if a guard that nobody wrote down cannot
   * see: at a start that is a router in another place, later only a router that is away for now.
   */
  async open(demanding: boolean): Promise<void> {
    await Promise.all(this.eyes.map(({ linkState }) => linkState.open()));
    await this.look();
    if (!demanding) return;
    for (const { path, prefix } of this.#demanded) {
      const { reason } = this.of(prefix, monotonicNs());
      if (reason === undefined) continue;
      throw new ConfigError(
        "ERR_CONFIG_INVALID",
        `${path}: expected a link-state database that can be read, so that the last endpoint of ${prefix} is known as such; ` +
          `got: ${reason}; write guard: {others: 1, frr: /run/frr} or {others: 1, bird: /run/bird/bird.ctl} where the router is, or guard: none (--guard none)${apart(prefix)}`,
      );
    }
  }

  /** look reads all databases anew. Never rejects. */
  async look(): Promise<void> {
    await Promise.all(this.eyes.map((eye) => eye.look()));
  }

  /** of gives what the last look showed of a prefix. */
  of(prefix: Prefix, nowNs: number): Sight {
    const sight = this.eyes.find(({ prefixes }) => prefixes.has(prefix))?.seen.get(prefix);
    if (!sight) return { atNs: Number.NEGATIVE_INFINITY, reason: "the link-state database was not read yet" };
    if (nowNs - sight.atNs <= validNs) return sight;
    return { atNs: sight.atNs, reason: "the link-state database was last read over 10 s ago" };
  }

  close(): void {
    for (const { linkState } of this.eyes) linkState.close();
  }
}

/** Hosts with OSPF for IPv4 alone are many. */
function apart(prefix: Prefix): string {
  return familyOfPrefix(prefix) === 6
    ? "; without OSPFv3, give IPv6 prefixes a service of their own with guard: none"
    : "";
}

function open(router: GuardConfig["router"], family: Family): LinkState {
  if (router.kind === "bird") return new BirdLinkState({ socket: router.socket });
  return family === 4 ? new FrrLinkState({ sockets: router.sockets }) : new Frr6LinkState({ sockets: router.sockets });
}
