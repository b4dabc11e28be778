// Who asks at the control socket: the kernel's word for process and user of the other end, and the user's name.
import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { peerOf } from "../engine/peer.js";

/** Caller is the process at the other end of a control connection, as it was when it connected. */
export interface Caller {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  /** Of its user, as /etc/passwd has it; `uid 1000` where it has none. */
  readonly name: string;
}

/** callerOf tells who connected; undefined where the connection is gone already. */
export function callerOf(socket: Socket): Caller | undefined {
  const peer = peerOf(socket);
  return peer && { ...peer, name: userName(peer.uid) };
}

function userName(uid: number): string {
  const name = passwd()
    .split("\n")
    .map((line) => line.split(":"))
    .find(([, , id]) => id === String(uid))?.[0];
  return name || `uid ${uid}`;
}

/** A host without that file, as a bare container is, has users all the same. */
function passwd(): string {
  try {
    return readFileSync("/etc/passwd", "utf8");
  } catch {
    return "";
  }
}
