// Who listens where the service is asked: at the anycast address itself, and it alone.
import { basename } from "node:path";
import { listUdpSockets } from "../engine/netlink.js";
import { addressOf, type Prefix } from "../route/prefix.js";
import type { ServiceConfig } from "../run/config.js";
import type { Finding } from "./finding.js";
import type { Asked, Context, Examination } from "./host.js";
import type { Process, Socket, Transport } from "./socket.js";

export const examineListeners: Examination = {
  name: "listening servers",
  examine: async (context) => [
    ...context.asked.flatMap((asked) => listening(context, asked)),
    ...context.asked.flatMap((asked) => sharing(context, asked)),
    ...context.services.flatMap(overTcpAlone),
    ...context.prefixes.flatMap((prefix) => stateful(context, prefix)),
  ],
};

interface Listeners {
  /** Bound to the address itself. */
  readonly own: readonly Socket[];
  readonly wildcard: readonly Socket[];
}

function listenersOf(context: Context, { address, port, transport }: Omit<Asked, "prefix">): Listeners {
  const there = context.sockets.filter(
    (socket) => socket.transport === transport && socket.port === port && socket.remote === undefined,
  );
  const wildcards = address.includes(":")
    ? ["::"]
    : ["0.0.0.0", ...(takesIpv4(context, port, transport) ? ["::"] : [])];
  return {
    own: there.filter((socket) => socket.address === address),
    wildcard: there.filter((socket) => wildcards.includes(socket.address)),
  };
}

/** A `::` socket takes IPv4 too, unless it says that it does not; of TCP that cannot be read here but for the default. */
function takesIpv4({ sysctl }: Context, port: number, transport: Transport): boolean {
  if (transport === "tcp") return sysctl("net/ipv6/bindv6only") === "0";
  return listUdpSockets(port).some(({ address, v6Only }) => address === "::" && !v6Only);
}

function listening(context: Context, asked: Asked): Finding[] {
  const { prefix, address, port, transport } = asked;
  const { own, wildcard } = listenersOf(context, asked);
  if (own.length > 0) return [];
  if (wildcard.length > 0) {
    return [
      {
        id: "wildcard-only",
        severity: "note",
        subject: prefix,
        message: `expected a ${transport} socket bound to ${address} port ${port}, found one on the wildcard alone (${namesOf(context, wildcard)}): its answers need the right source, and behind the anchor of a withdrawal it may not answer`,
        fix: `let the server listen on ${address} itself too`,
      },
    ];
  }
  const others = context.sockets.filter(
    (one) => one.transport === transport && one.port === port && one.remote === undefined,
  );
  const found = others.map((one) => `${namesOf(context, [one])} on ${one.address}`);
  return [
    {
      id: "not-listening",
      severity: "error",
      subject: prefix,
      message: `expected a server at ${address} ${transport} port ${port}, found ${found.length > 0 ? `only ${[...new Set(found)].join(", ")}` : "none"}`,
      fix: `start the server, and let it listen on ${address}`,
    },
  ];
}

/** Two programs at one port: each gets a part of the queries, or takes over when the other dies. */
function sharing(context: Context, asked: Asked): Finding[] {
  const { address, port, transport, prefix } = asked;
  const { own, wildcard } = listenersOf(context, asked);
  const other = listenersOf(context, { address, port, transport: transport === "udp" ? "tcp" : "udp" });
  const named = (sockets: readonly Socket[]) => programsOf(context, sockets);
  const mine = named(own.length > 0 ? own : wildcard);
  const [first, second] = mine;
  if (first !== undefined && second !== undefined) {
    return [shared("error", prefix, `${first} and ${second} share ${address} ${transport} port ${port}`, second)];
  }
  const strangers = new Map([
    ...named(wildcard).map((name) => [name, `the wildcard's ${transport}`] as const),
    ...named(other.own.length > 0 ? other.own : other.wildcard).map(
      (name) => [name, transport === "udp" ? "tcp" : "udp"] as const,
    ),
  ]);
  return [...strangers]
    .filter(([name]) => first !== undefined && name !== first)
    .map(([name, where]) =>
      shared("warning", prefix, `${first} at ${address} ${transport} port ${port}, and ${name} at ${where} port`, name),
    );
}

function shared(severity: "error" | "warning", subject: Prefix, found: string, second: string): Finding {
  return {
    id: "two-servers",
    severity,
    subject,
    message: `expected one server, found ${found}: a check may be answered by the one that its clients do not mean`,
    fix: `let ${second} listen elsewhere, or stop it`,
  };
}

/** One name for each socket: processes that share one do not compete for it, and pid 1 only hands it on. */
function programsOf(context: Context, sockets: readonly Socket[]): string[] {
  const holders = sockets.flatMap((socket) =>
    context
      .holders(socket)
      .filter(({ pid }) => pid !== 1)
      .slice(0, 1),
  );
  return [...new Set(holders.map(programOf))];
}

/** A program that was replaced while it runs is `named (deleted)`. */
function programOf({ executable, name }: Process): string {
  return executable === undefined ? name : basename(executable).replace(/ \(deleted\)$/, "");
}

function namesOf(context: Context, sockets: readonly Socket[]): string {
  return programsOf(context, sockets).join(" and ") || "a process that we may not see";
}

/** Connections break when the route changes, and clients of DNS ask over UDP first. */
function overTcpAlone({ name, checks, prefixes }: ServiceConfig): Finding[] {
  const asked = checks.filter(({ port }) => port !== undefined);
  const tcp = asked.filter(({ query }) => "transport" in query && query.transport === "tcp");
  if (asked.length === 0 || tcp.length < asked.length) return [];
  return [
    {
      id: "tcp-checks-only",
      severity: "warning",
      subject: name,
      message: `expected a check over UDP, found that every check of ${prefixes.join(", ")} asks over TCP: a server that is dead over UDP stays announced`,
      fix: "add a check without `transport: tcp`, unless the service has no UDP at all",
    },
  ];
}

/** DNS over TLS, HTTPS or QUIC: short connections, which clients open again. */
const forgiving = new Set([443, 853]);

/** What listens over TCP alone at the anycast address keeps connections, and they do not survive a change of route. */
function stateful(context: Context, prefix: Prefix): Finding[] {
  const bound = context.sockets.filter(({ address, remote }) => address === addressOf(prefix) && remote === undefined);
  const datagrams = new Set(bound.filter(({ transport }) => transport === "udp").map(({ port }) => port));
  const alone = bound.filter(
    ({ transport, port }) =>
      transport === "tcp" &&
      !datagrams.has(port) &&
      !forgiving.has(port) &&
      !context.asked.some((asked) => asked.address === addressOf(prefix) && asked.port === port),
  );
  return alone.map((socket) => ({
    id: "stateful-service",
    severity: "warning",
    subject: prefix,
    message: `expected services of single datagrams, found ${namesOf(context, [socket])} listening on TCP port ${socket.port} of the anycast address: its connections end at every change of route`,
    fix: "let it listen on a unicast address",
  }));
}
