// Traffic that this host sends from an anycast address as a client: recursion, zone transfers, notifies. Its answers reach
// whichever endpoint is nearest to the other side. Seen in the sockets that are open now.
import { addressOf } from "../route/prefix.js";
import type { Finding } from "./finding.js";
import type { Context, Examination } from "./host.js";
import type { Process, Socket } from "./socket.js";

export const examineClients: Examination = {
  name: "traffic from anycast addresses",
  examine: async (context) => {
    const anycast = new Set(context.prefixes.map(addressOf));
    const clients = context.sockets.filter((socket) => anycast.has(socket.address) && isClient(context, socket));
    const groups = new Map<string, Socket[]>();
    for (const socket of clients) {
      const key = `${context.holders(socket)[0]?.name} ${socket.transport} ${socket.address} ${socket.remote?.port}`;
      groups.set(key, [...(groups.get(key) ?? []), socket]);
    }
    return [...groups.values()].map((sockets) => speaking(sockets, context.holders(sockets[0]!)));
  },
};

/** A server's sockets have the port that it listens on; who connects from another port is a client. */
function isClient(context: Context, { transport, address, port, remote }: Socket): boolean {
  if (context.asked.some((asked) => asked.port === port)) return false;
  if (remote === undefined) return transport === "udp" && isEphemeral(context, port);
  // This host's own clients of the service have both ends here.
  if (context.addresses.some((one) => one.address === remote.address)) return false;
  return !context.sockets.some(
    (one) => one.transport === transport && one.port === port && one.remote === undefined && serves(one, address),
  );
}

function serves(socket: Socket, address: string): boolean {
  return [address, "0.0.0.0", "::"].includes(socket.address);
}

/** A port that the kernel gave to a socket that asked for any: nobody could know where to ask it. */
function isEphemeral({ sysctl }: Context, port: number): boolean {
  const [first = 0, last = 0] = (sysctl("net/ipv4/ip_local_port_range") ?? "").split(/\s+/).map(Number);
  return port >= first && port <= last;
}

function speaking(sockets: readonly Socket[], holders: readonly Process[]): Finding {
  const { transport, address, port, remote } = sockets[0]!;
  const who = holders[0] ? `${holders[0].name} (pid ${holders[0].pid})` : "a process that is gone or hidden";
  const to = remote ? `to ${remote.address} port ${remote.port}` : "to anybody";
  const more = sockets.length > 1 ? `, and ${sockets.length - 1} more like it` : "";
  return {
    id: "client-from-anycast",
    // A server may have such a port too, where no check asks it.
    severity: remote ? "error" : "warning",
    subject: address,
    message: `expected it to be the source of answers alone, found ${who} speaking from its ${transport} port ${port} ${to}${more}`,
    fix: "set a unicast source for its queries, transfers and notifies (BIND query-source, transfer-source, notify-source; unbound and NSD outgoing-interface; Knot via)",
  };
}
