// The server's side, where it is on this host: the processes that read the target's UDP sockets, the CPU that they use during
// a trial, and what their receive queues dropped.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { endianness } from "node:os";
import { canonicalAddress, familyOf, formatTarget, type Target } from "../probe/target.js";
import { monotonicNs, nsPerSecond } from "../units.js";
import { pathTo } from "./path.js";

/** What a server's processes did between begin() and end(). */
export interface ServerUse {
  /** Cores that all its processes used, 1 is one core; null: not to be seen. */
  readonly cpuCores: number | null;
  /** Sockets that share the port (SO_REUSEPORT), at the end. */
  readonly sockets: number;
  /** What each of them dropped meanwhile, for want of room in its receive queue. */
  readonly dropsPerSocket: readonly number[];
  /** What the reader should know, in sentences. */
  readonly notes: readonly string[];
}

/** SocketLine is one line of /proc/net/udp or udp6, proc_pid_net(5). */
interface SocketLine {
  readonly address: string;
  readonly connected: boolean;
  readonly queuedOctets: number;
  readonly inode: number;
  readonly drops: number;
}

/** The kernel's USER_HZ, in which /proc tells times: 100 on every architecture that Node.js runs on. */
const ticksPerSecond = 100;

/**
 * watchServer finds who reads the target's socket on this host, in this network namespace; undefined where the target is
 * elsewhere, or nobody listens.
 */
export function watchServer(target: Target): ServerWatch | undefined {
  if (pathTo(target.address) !== "loopback" || socketsOf(target).length === 0) return undefined;
  return new ServerWatch(target);
}

/** ServerWatch watches a server, one trial after the other. It costs a few ms at the beginning and at the end of each. */
export class ServerWatch {
  readonly #target: Target;
  #sockets: readonly SocketLine[] = [];
  #inodes = "";
  #pids: readonly number[] = [];
  #cpu = new Map<number, number>();
  #fromNs = 0;

  constructor(target: Target) {
    this.#target = target;
    this.#find();
  }

  /** The processes that have one of the sockets open; empty where they cannot be seen. */
  get pids(): readonly number[] {
    return this.#pids;
  }

  begin(): void {
    this.#find();
    this.#cpu = cpuOf(this.#pids);
    this.#fromNs = monotonicNs();
  }

  /** queuedOctets tells how much waits in the sockets' receive queues now, in the kernel's accounting. */
  queuedOctets(): number {
    return socketsOf(this.#target).reduce((sum, { queuedOctets }) => sum + queuedOctets, 0);
  }

  end(): ServerUse {
    const seconds = (monotonicNs() - this.#fromNs) / nsPerSecond;
    const [before, now] = [this.#cpu, cpuOf(this.#pids)];
    const sockets = socketsOf(this.#target);
    const old = new Map(this.#sockets.map(({ inode, drops }) => [inode, drops]));
    const dropsPerSocket = sockets.map(({ inode, drops }) => drops - (old.get(inode) ?? 0));
    const notes = notesOf(formatTarget(this.#target), dropsPerSocket);
    let used = 0;
    for (const [pid, at] of now) used += at - (before.get(pid) ?? 0);
    const gone = this.#pids.length - now.size;
    if (gone > 0) notes.push("a process of the server ended during the trial: its CPU time is not known");
    if (this.#pids.length === 0)
      notes.push("whose the server's sockets are cannot be seen without root: its CPU time is not known");
    const known = this.#pids.length > 0 && gone === 0;
    return {
      cpuCores: known ? Number((used / seconds).toFixed(3)) : null,
      sockets: sockets.length,
      dropsPerSocket,
      notes,
    };
  }

  /** A server that was reloaded has other processes; one that has the same sockets is looked for no further. */
  #find(): void {
    this.#sockets = socketsOf(this.#target);
    const inodes = this.#sockets.map(({ inode }) => inode).join();
    if (inodes === this.#inodes && this.#pids.every((pid) => cpuOf([pid]).has(pid))) return;
    this.#inodes = inodes;
    this.#pids = ownersOf(new Set(this.#sockets.map(({ inode }) => inode)));
  }
}

function notesOf(target: string, dropsPerSocket: readonly number[]): string[] {
  const dropped = dropsPerSocket.reduce((sum, drops) => sum + drops, 0);
  if (dropped === 0) return [];
  const hit = dropsPerSocket.filter((drops) => drops > 0).length;
  const where = dropsPerSocket.length > 1 ? ` (${hit} of the ${dropsPerSocket.length} sockets at ${target})` : "";
  return [
    `the server's own receive queues dropped ${dropped.toLocaleString("en")} packets${where}: it did not read fast enough`,
  ];
}

/** socketsOf gives the sockets that get what is sent to the target: those of its address, or else the wildcard's. */
function socketsOf({ address, port }: Target): SocketLine[] {
  const wanted = canonicalAddress(address);
  const mapped = familyOf(address) === 4 ? canonicalAddress(`::ffff:${address}`) : wanted;
  const lines = [...linesOf("/proc/net/udp", port), ...linesOf("/proc/net/udp6", port)].filter((one) => !one.connected);
  const exact = lines.filter((one) => one.address === wanted || one.address === mapped);
  if (exact.length > 0) return exact;
  const any = lines.filter((one) => one.address === (familyOf(address) === 4 ? "0.0.0.0" : "::"));
  // A `::` socket may take IPv4 as well.
  return any.length > 0 ? any : lines.filter((one) => familyOf(address) === 4 && one.address === "::");
}

function linesOf(file: string, port: number): SocketLine[] {
  const ending = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return textOf(file)
    .split("\n")
    .slice(1)
    .flatMap((line) => {
      const fields = line.trim().split(/\s+/);
      const [, local = "", remote = "", , queues = ""] = fields;
      if (!local.endsWith(ending)) return [];
      return {
        address: addressOf(local.split(":")[0]!),
        connected: !/^0+:0000$/.test(remote),
        queuedOctets: Number.parseInt(queues.split(":")[1] ?? "0", 16),
        inode: Number(fields[9]),
        drops: Number(fields[12]),
      };
    });
}

/** addressOf reads an address as /proc/net has it: words of 32 bits, in hex, each in the host's order. */
function addressOf(hex: string): string {
  const octets = Buffer.from(hex, "hex");
  if (endianness() === "LE") octets.swap32();
  if (octets.length === 4) return octets.join(".");
  const groups = Array.from({ length: 8 }, (_, i) => octets.readUInt16BE(2 * i).toString(16));
  return canonicalAddress(groups.join(":"));
}

/** ownersOf finds the processes that have one of these sockets open. Those that this user may not look into are none. */
function ownersOf(inodes: ReadonlySet<number>): number[] {
  const names = new Set([...inodes].map((inode) => `socket:[${inode}]`));
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && entriesOf(`/proc/${name}/fd`).some((fd) => names.has(linkOf(fd))))
    .map(Number);
}

/** cpuOf gives what processes have used so far, with all their threads, seconds; a process that ended is not among them. */
function cpuOf(pids: readonly number[]): Map<number, number> {
  return new Map(
    pids.flatMap((pid): [number, number][] => {
      // The name, in brackets, may hold anything; user and system time are the 12th and 13th field after it.
      const fields = textOf(`/proc/${pid}/stat`)
        .replace(/^[\s\S]*\) /, "")
        .split(" ");
      if (fields.length < 13 || fields[0] === "Z") return [];
      return [[pid, (Number(fields[11]) + Number(fields[12])) / ticksPerSecond]];
    }),
  );
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    // A host without IPv6 has no udp6, and a process may end while it is looked at.
    return "";
  }
}

function entriesOf(directory: string): string[] {
  try {
    return readdirSync(directory).map((name) => `${directory}/${name}`);
  } catch {
    return [];
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
