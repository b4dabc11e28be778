// What users send to an address: the packets that come to it from outside, counted by the kernel.
import { familyOf } from "../probe/target.js";
import { loadAddon, type NativeTrafficMeter, systemError } from "./addon.js";

/**
 * TrafficMeter counts the packets that others send to addresses, of any protocol, while it is open: neither this host's own
 * probes, nor what it sends itself, nor what it only overhears or forwards. They are counted as they come in, before the
 * firewall, and whether the address is assigned or not. Each fragment is a packet; packets that the kernel has joined
 * (GRO) are one. No packet is copied or kept, so that a flood costs little more than its count.
 */
export class TrafficMeter {
  readonly #addresses: readonly string[];
  readonly #native: NativeTrafficMeter;
  #totals: readonly number[] = [];
  #closed = false;

  /** A TypeError where one is no address; EngineError where the kernel refuses, as EPERM without CAP_NET_RAW. */
  constructor(addresses: readonly string[]) {
    for (const address of addresses) familyOf(address);
    this.#addresses = [...addresses];
    try {
      this.#native = new (loadAddon().TrafficMeter)(this.#addresses);
    } catch (error) {
      throw systemError(error, `count packets to ${addresses.join(", ")}`);
    }
  }

  /** read tells how many packets came to each address since the meter was opened; once closed, how many in all. */
  read(): ReadonlyMap<string, number> {
    if (!this.#closed) this.#totals = this.#native.read();
    return new Map(this.#addresses.map((address, i) => [address, this.#totals[i]!]));
  }

  /** close stops counting. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.read();
    this.#closed = true;
    this.#native.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
