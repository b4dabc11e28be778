// Anchors: routes that keep addresses delivered to this host, whether they are assigned or not, and that no router announces.
import { addAnchor, deleteAnchor, listLinks } from "../engine/netlink.js";
import type { NetlinkEvents } from "../engine/netlink-watch.js";
import { EngineError } from "../errors.js";
import { addressOf, type Prefix } from "./prefix.js";

/** Anchors are in place from open() on. Throws EngineError where the kernel refuses. */
export class Anchors {
  readonly #prefixes: readonly Prefix[];
  readonly #events: NetlinkEvents;
  #unsubscribe: (() => void) | undefined;

  constructor(prefixes: readonly Prefix[], events: NetlinkEvents) {
    this.#prefixes = prefixes;
    this.#events = events;
  }

  open(): void {
    if (listLinks().some(({ loopback, up }) => loopback && up)) this.#add();
    // The kernel drops the IPv6 anchors when lo goes down.
    this.#unsubscribe ??= this.#events.subscribe((events) => {
      if (events.some((event) => event.kind === "link" && event.name === "lo" && event.up)) this.#restore();
    });
  }

  /** close takes the anchors of `present` away. Those of the others stay: without them other traffic would be delivered elsewhere. */
  close(present: readonly Prefix[]): void {
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    for (const prefix of present) deleteAnchor(addressOf(prefix));
  }

  #add(): void {
    for (const prefix of this.#prefixes) addAnchor(addressOf(prefix));
  }

  #restore(): void {
    try {
      this.#add();
    } catch (error) {
      // It is down again already (ENETDOWN): the next time that it comes up brings us here again.
      if (!(error instanceof EngineError)) throw error;
    }
  }
}
