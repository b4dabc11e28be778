// Recovery behind an anchor rests on the server's socket outliving the address. Some servers close it (BIND with
// automatic-interface-scan): then no probe at the anycast address can ever pass again, and somebody must be told.
import { listUdpSockets, type UdpSocket } from "../engine/netlink.js";
import { familyOf } from "../probe/target.js";
import { addressOf, type Prefix } from "../route/prefix.js";

/**
 * deadlocked tells whether a server lives at this port but listens at other addresses only. `undefined` where nothing
 * listens at the port at all: then it is simply down. What listens at another anycast address alone (`others`) may be
 * another service's server, and proves nothing.
 */
export function deadlocked(
  address: string,
  port: number,
  others: ReadonlySet<string>,
  sockets: readonly UdpSocket[] = listUdpSockets(port),
) {
  const serving = sockets.filter((socket) => !socket.connected && !others.has(socket.address));
  if (serving.length === 0) return undefined;
  return !serving.some((socket) => covers(socket, address));
}

/** Deadlocks remembers which prefixes look deadlocked: twice running, as a server that is starting has not opened all its sockets yet. */
export class Deadlocks {
  readonly #seen = new Map<Prefix, number>();

  has(prefix: Prefix): boolean {
    return (this.#seen.get(prefix) ?? 0) > 1;
  }

  /** look looks at the ports of a prefix that waits behind its anchor; true where it makes it one. */
  look(prefix: Prefix, ports: readonly number[], prefixes: readonly Prefix[]): boolean {
    const others = new Set(prefixes.filter((one) => one !== prefix).map(addressOf));
    return this.note(
      prefix,
      ports.some((port) => deadlocked(addressOf(prefix), port, others) === true),
    );
  }

  /** note takes one look at a prefix; true where it makes it one. */
  note(prefix: Prefix, dead: boolean): boolean {
    const before = this.has(prefix);
    if (dead) this.#seen.set(prefix, (this.#seen.get(prefix) ?? 0) + 1);
    else this.#seen.delete(prefix);
    return !before && this.has(prefix);
  }
}

function covers(socket: UdpSocket, address: string): boolean {
  if (socket.address === address) return true;
  if (socket.address === "0.0.0.0") return familyOf(address) === 4;
  return socket.address === "::" && (familyOf(address) === 6 || !socket.v6Only);
}

/** What an operator is told of a deadlock. */
export const deadlockReason =
  "recovery impossible at the anycast address: a server listens at this port, but not there (BIND closes its socket when " +
  "the address goes, with automatic-interface-scan), so it cannot answer behind the anchor; put the address back by hand, " +
  "or configure `recovery: alias` or the frr driver";

/** What an operator is told of a prefix that cannot be probed while it is away. */
export const manualReason = "recovery: manual: it stays away until it is put back by hand (ip addr add, ifup)";
