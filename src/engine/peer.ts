// Who is at the other end of a unix socket.
import type { Socket } from "node:net";
import { loadAddon } from "./addon.js";

/** PeerCredentials are those that a process had when it connected, as the kernel saw them: it cannot lie about them. */
export interface PeerCredentials {
  /** 0: a process that cannot be seen from this PID namespace. */
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** peerOf tells who is at the other end; undefined where the socket is closed already, or is no unix socket. */
export function peerOf(socket: Socket): PeerCredentials | undefined {
  const fd = descriptorOf(socket);
  return fd < 0 ? undefined : loadAddon().peerCredentials(fd);
}

/** Node.js has no public way to a socket's file descriptor. Its handle is gone, or has -1, once the socket is closed. */
function descriptorOf(socket: Socket): number {
  return (socket as { _handle?: { fd?: number } | null })._handle?.fd ?? -1;
}
