// Reads BIRD's link-state database through its control socket: who else announces a prefix and can be reached.
import { RouteError } from "../errors.js";
import { announcersOf, type Database } from "./announcers.js";
import { askBird } from "./bird-control.js";
import { type OspfProtocol, readBirdState, readOspfProtocols } from "./bird-state.js";
import type { Announcers, LinkState } from "./link-state.js";
import { familyOfPrefix, type Prefix } from "./prefix.js";

export interface BirdLinkStateOptions {
  /** The control socket: `/run/bird/bird.ctl`. */
  readonly socket: string;
  /** How long all answers together may take before BIRD counts as hung; default 2000. */
  readonly timeoutMs?: number;
}

/** BirdLinkState is the database of one BIRD, of its OSPF protocol for each family. It connects anew for each reading. */
export class BirdLinkState implements LinkState {
  readonly name: string;
  readonly #path: string;
  readonly #timeoutMs: number;

  constructor({ socket, timeoutMs = 2000 }: BirdLinkStateOptions) {
    this.name = `BIRD at ${socket}`;
    this.#path = socket;
    this.#timeoutMs = timeoutMs;
  }

  async open(): Promise<void> {}

  async read(prefixes: readonly Prefix[]): Promise<ReadonlyMap<Prefix, Announcers>> {
    const [listed] = await askBird(this.#path, ["show protocols all"], this.#timeoutMs);
    const protocols = readOspfProtocols(listed!);
    const names = new Map(prefixes.map((prefix) => [prefix, this.#protocolFor(prefix, protocols)]));
    const asked = [...new Set(names.values())];
    const texts = await askBird(
      this.#path,
      asked.map((name) => `show ospf state all ${name}`),
      this.#timeoutMs,
    );
    try {
      const databases = new Map(asked.map((name, i): [string, Database] => [name, readBirdState(texts[i]!)]));
      return new Map(prefixes.map((prefix) => [prefix, announcersOf(databases.get(names.get(prefix)!)!, prefix)]));
    } catch (error) {
      const message = `the database of ${this.name} could not be read: ${(error as Error).message}`;
      throw new RouteError("ERR_ROUTE_UNREACHABLE", message, "bird", prefixes, { cause: error });
    }
  }

  close(): void {}

  #protocolFor(prefix: Prefix, protocols: readonly OspfProtocol[]): string {
    const family = familyOfPrefix(prefix);
    const [protocol, ...more] = protocols.filter((one) => one.family === family);
    if (protocol !== undefined && more.length === 0) return protocol.name;
    const got = protocol === undefined ? "none" : [protocol, ...more].map(({ name }) => name).join(", ");
    const message = `expected one OSPF protocol for IPv${family} that is up in ${this.name}, got ${got}`;
    throw new RouteError("ERR_ROUTE_UNSUPPORTED", message, "bird", [prefix]);
  }
}
