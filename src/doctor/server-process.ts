// Which name servers answer at the anycast addresses here, and by which configuration file: read from the processes that hold
// the ports.
import { readlinkSync } from "node:fs";
import { basename, resolve } from "node:path";
import type { Asked, Context } from "./host.js";
import type { Process, Socket } from "./socket.js";

/** ServerKind is a server whose settings the doctor reads. */
export type ServerKind = keyof typeof servers;

/** Server is one that runs here, whatever its number of processes. */
export interface Server {
  readonly kind: ServerKind;
  /** Its name, for people. */
  readonly name: string;
  /** Its configuration file, absolute; Knot's may be a database. */
  readonly file: string;
  readonly command: readonly string[];
  /** What it is asked, and by which of its sockets it hears that. */
  readonly answers: readonly { readonly asked: Asked; readonly socket: Socket }[];
}

/** By program; `file` is where it looks when nobody says otherwise. */
const servers = {
  named: { name: "BIND", files: ["/etc/bind/named.conf", "/etc/named.conf"] },
  unbound: { name: "unbound", files: ["/etc/unbound/unbound.conf"] },
  nsd: { name: "NSD", files: ["/etc/nsd/nsd.conf"] },
  knotd: { name: "Knot", files: ["/etc/knot/knot.conf"] },
} as const;

/** serversOf finds them, each once. What we may not look at is not found. */
export function serversOf(context: Context): Server[] {
  const found = new Map<string, Server>();
  for (const asked of context.asked) {
    const socket = hears(asked, context.sockets);
    for (const process of socket ? context.holders(socket) : []) {
      const kind = kindOf(process);
      if (kind === undefined) continue;
      const file = fileOf(kind, process, context);
      const key = `${kind} ${file}`;
      const before = found.get(key);
      const known = before?.answers.some((answer) => answer.asked === asked) ?? false;
      const answers = [...(before?.answers ?? []), ...(known ? [] : [{ asked, socket: socket! }])];
      found.set(key, { kind, name: servers[kind].name, file, command: process.command, answers });
    }
  }
  return [...found.values()];
}

/** The socket that gets what is sent there: one of the address itself, or a wildcard, of IPv6 also for IPv4. */
function hears({ address, port, transport }: Asked, sockets: readonly Socket[]): Socket | undefined {
  const listening = sockets.filter((one) => one.port === port && one.transport === transport && !one.remote);
  const at = (wanted: string) => listening.find((one) => one.address === wanted);
  return at(address) ?? (address.includes(":") ? at("::") : (at("0.0.0.0") ?? at("::")));
}

/** NSD calls its processes `nsd: server 1`: the program file says more. */
function kindOf({ executable, name }: Process): ServerKind | undefined {
  const program = basename(executable ?? name);
  return program in servers ? (program as ServerKind) : undefined;
}

function fileOf(kind: ServerKind, { pid, command }: Process, { read }: Context): string {
  const given =
    optionOf(command, "-c", "--config") ?? (kind === "knotd" ? optionOf(command, "-C", "--confdb") : undefined);
  if (given !== undefined) return resolve(directoryOf(pid), given);
  const { files } = servers[kind];
  return files.find((file) => read(file) !== undefined) ?? files[0];
}

/** optionOf gives the argument of an option, in any of the forms `-c FILE`, `-cFILE`, `--config FILE`, `--config=FILE`. */
export function optionOf(command: readonly string[], short: string, long: string): string | undefined {
  const at = command.findIndex((word) => word.startsWith(short) || word === long || word.startsWith(`${long}=`));
  const word = command[at];
  if (word === undefined || at === 0) return undefined;
  if (word === short || word === long) return command[at + 1];
  return word.startsWith("--") ? word.slice(long.length + 1) : word.slice(short.length);
}

function directoryOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return "/";
  }
}
