// The TCP and UDP sockets of this network namespace, and whose they are: read from /proc, which needs no privilege but for
// the processes of other users.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { canonicalAddress, type Family } from "../probe/target.js";

export type Transport = "udp" | "tcp";

export interface Socket {
  readonly transport: Transport;
  /** Of its local address: an IPv6 socket that speaks IPv4 (`::ffff:192.0.2.1`) is of family 4. */
  readonly family: Family;
  /** `0.0.0.0` or `::` for the wildcard. */
  readonly address: string;
  readonly port: number;
  /** Where it is connected to; undefined for one that listens, or takes datagrams of anybody. */
  readonly remote: { readonly address: string; readonly port: number } | undefined;
  /** By which /proc/PID/fd names it; 0 once no process has it. */
  readonly inode: number;
}

export interface Process {
  readonly pid: number;
  /** As the kernel has it, at most 15 characters: `named`. */
  readonly name: string;
  /** Its program file, as its own mount namespace names it; undefined where we may not see it. */
  readonly executable: string | undefined;
  readonly command: readonly string[];
}

const tables = ["tcp", "tcp6", "udp", "udp6"] as const;

/** listSockets lists all of them; where a table is missing (no IPv6), there are none of its kind. */
export function listSockets(): Socket[] {
  return tables.flatMap((table) => {
    const transport = table.startsWith("tcp") ? "tcp" : "udp";
    const lines = textOf(`/proc/self/net/${table}`).split("\n").slice(1);
    return lines.filter(Boolean).map((line) => readSocket(transport, line));
  });
}

function readSocket(transport: Transport, line: string): Socket {
  const [, local = "", remote = "", , , , , , , inode = "0"] = line.trim().split(/\s+/);
  const here = readEnd(local);
  const there = readEnd(remote);
  return { transport, ...here, remote: there.port === 0 ? undefined : there, inode: Number(inode) };
}

/** An address in /proc is in hex, in words of 32 bits, each in the octet order of the host. */
function readEnd(text: string): { family: Family; address: string; port: number } {
  const [hex = "", port = ""] = text.split(":");
  const octets = Buffer.from(hex, "hex");
  if (new Uint8Array(new Uint32Array([1]).buffer)[0] === 1) octets.swap32();
  const mapped = octets.length === 16 && octets.subarray(0, 12).toString("hex") === "00000000000000000000ffff";
  const family = octets.length === 4 || mapped ? 4 : 6;
  const address =
    family === 4 ? [...octets.subarray(-4)].join(".") : octets.toString("hex").replace(/....(?!$)/g, "$&:");
  return { family, address: canonicalAddress(address), port: Number.parseInt(port, 16) };
}

/** processesOf finds who holds the sockets of these inodes. Whom we may not look at is not found. */
export function processesOf(inodes: ReadonlySet<number>): ReadonlyMap<number, readonly Process[]> {
  const wanted = new Map([...inodes].map((inode) => [`socket:[${inode}]`, inode]));
  const found = new Map<number, Process[]>();
  if (wanted.size === 0) return found;
  for (const pid of listOf("/proc").filter((name) => /^\d+$/.test(name))) {
    const links = new Set(listOf(`/proc/${pid}/fd`).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`) ?? ""));
    const held = [...links].flatMap((link) => wanted.get(link) ?? []);
    if (held.length === 0) continue;
    const process = readProcess(Number(pid));
    for (const inode of held) found.set(inode, [...(found.get(inode) ?? []), process]);
  }
  return found;
}

function readProcess(pid: number): Process {
  return {
    pid,
    // A process names itself: no line of ours is to begin there.
    name: textOf(`/proc/${pid}/comm`).replace(/\p{C}/gu, " ").trim(),
    executable: linkOf(`/proc/${pid}/exe`),
    command: textOf(`/proc/${pid}/cmdline`).split("\0").slice(0, -1),
  };
}

// What ends while it is looked at, or is not ours to see, is as good as not there.

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function listOf(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
