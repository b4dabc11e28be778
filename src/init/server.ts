// Which server answers at a prefix, and for which zones: a name of its own is the best that it can be asked for.
import type { Context } from "../doctor/host.js";
import type { Process, Socket } from "../doctor/socket.js";
import type { DnsQuery } from "../probe/query.js";
import { addressOf, familyOfPrefix, type Prefix } from "../route/prefix.js";

/** Server is who takes queries at an address. */
export interface Server {
  /** As the kernel has it: `unbound`. */
  readonly name: string;
  readonly pid: number;
  readonly port: number;
  /** It is bound to the address itself, not to all addresses. */
  readonly bound: boolean;
}

const dnsPort = 53;

/** serverAt finds the server of a prefix: at port 53, or else at another port of its very address. */
export function serverAt({ sockets, holders }: Context, prefix: Prefix): Server | undefined {
  const address = addressOf(prefix);
  const taking = sockets.filter((socket) => socket.transport === "udp" && !socket.remote && takes(socket, prefix));
  const bound = (socket: Socket) => socket.address === address;
  const best =
    taking.find((socket) => socket.port === dnsPort && bound(socket)) ??
    taking.find((socket) => socket.port === dnsPort) ??
    taking.find(bound);
  const process = best && holders(best)[0];
  return process && { name: process.name, pid: process.pid, port: best.port, bound: bound(best) };
}

function takes({ address, family }: Socket, prefix: Prefix): boolean {
  if (address === addressOf(prefix)) return true;
  // A wildcard of IPv6 takes IPv4 too, unless it was made not to, which /proc does not tell.
  return address === "::" || (address === "0.0.0.0" && family === familyOfPrefix(prefix));
}

/** What every server of its kind answers, whatever it serves. */
const anyServer: readonly DnsQuery[] = [
  { name: "localhost", type: "A" },
  { name: "id.server", type: "TXT", class: "CH" },
  { name: "version.bind", type: "TXT", class: "CH" },
  { name: ".", type: "NS" },
];
const mostZones = 5;

/** candidatesFor lists questions for a server, the best first: the SOA records of its own zones, then what any server answers. */
export async function candidatesFor(context: Context, server: Server): Promise<readonly DnsQuery[]> {
  const [process] = context.sockets.flatMap(context.holders).filter(({ pid }) => pid === server.pid);
  const zones = process ? await zonesOf(context, process) : [];
  return [...zones.slice(0, mostZones).map((name) => ({ name, type: "SOA" })), ...anyServer];
}

async function zonesOf(context: Context, process: Process): Promise<readonly string[]> {
  const file = fileIn(process.command);
  switch (process.name) {
    case "named":
      return bindZones((await context.run(["named-checkconf", "-p", ...(file ? [file] : [])])).stdout);
    case "nsd":
    case "nsd: main":
    case "nsd: server 1":
      return matches(context.read(file ?? "/etc/nsd/nsd.conf"), /^\s*name:\s*"?([^"\s]+)/gm);
    case "knotd":
      return matches(context.read(file ?? "/etc/knot/knot.conf"), /^\s*-?\s*domain:\s*"?([^"\s]+)/gm);
    default:
      return [];
  }
}

/** The argument of `-c`. */
function fileIn(command: readonly string[]): string | undefined {
  const at = command.indexOf("-c");
  return at < 0 ? undefined : command[at + 1];
}

/** Every server of BIND has these, so that they say nothing of its own data. */
const bindOwn = /^(localhost|\.|.*\.in-addr\.arpa|.*\.ip6\.arpa)$/i;

function bindZones(text: string): string[] {
  const zones = text.matchAll(/^zone "([^"]+)"[^{]*\{([\s\S]*?)^\};/gm);
  return [...zones]
    .filter(([, name, body]) => /\btype (master|primary|slave|secondary);/.test(body!) && !bindOwn.test(name!))
    .map(([, name]) => name!);
}

function matches(text = "", pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(([, name]) => name!.replace(/(?<=.)\.$/, ""));
}
