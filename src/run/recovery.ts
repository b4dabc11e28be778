// Recovery behind an anchor rests on the server's socket outliving the address. Some servers close it (BIND with
// automatic-interface-scan): then no probe at the anycast address can ever pass again, and somebody must be told.
import { listUdpSockets, type UdpSocket } from "../engine/netlink.js";
import { familyOf } from "../probe/target.js";

/**
 * deadlocked tells whether a server lives at this port but listens at other addresses only. `undefined` where nothing
 * listens at the port at all: then it is simply down.
 */
export function deadlocked(address: string, port: number, sockets: readonly UdpSocket[] = listUdpSockets(port)) {
  const serving = sockets.filter(({ connected }) => !connected);
  if (serving.length === 0) return undefined;
  return !serving.some((socket) => covers(socket, address));
}

function covers(socket: UdpSocket, address: string): boolean {
  if (socket.address === address) return true;
  if (socket.address === "0.0.0.0") return familyOf(address) === 4;
  return socket.address === "::" && (familyOf(address) === 6 || !socket.v6Only);
}

/** What an operator is told of a deadlock. */
export const deadlockReason =
  "recovery impossible at the anycast address: the server closed its socket there when the address went (BIND does that " +
  "with automatic-interface-scan), so it cannot answer behind the anchor; put the address back by hand, or configure " +
  "`recovery: alias` or the frr driver";
