// A UDP answerer on loopback whose behaviour is a handler function: it gets each packet and sends what it likes, when it
// likes, to whom it likes.
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { once } from "node:events";

export type Handler = (query: Buffer, peer: RemoteInfo, socket: Socket) => void;

export interface Answerer {
  readonly address: string;
  readonly port: number;
  readonly socket: Socket;
  /** Packets that arrived. */
  readonly received: number;
  close(): Promise<void>;
}

/** startAnswerer answers at a free port (or at `port`) of a loopback address. */
export async function startAnswerer(handler: Handler = echo, address = "127.0.0.1", port = 0): Promise<Answerer> {
  const socket = createSocket({ type: address.includes(":") ? "udp6" : "udp4", recvBufferSize: 4 << 20 });
  let received = 0;
  socket.on("message", (query, peer) => {
    received++;
    handler(query, peer, socket);
  });
  // A reply may meet a socket that is closed already.
  socket.on("error", () => {});
  socket.bind(port, address);
  await once(socket, "listening");
  return {
    address,
    port: socket.address().port,
    socket,
    get received() {
      return received;
    },
    close: async () => {
      socket.close();
      await once(socket, "close");
    },
  };
}

/** reply sends octets to a query's sender, unless the answerer or the sender is gone. */
export function reply(octets: Uint8Array, peer: RemoteInfo, socket: Socket): void {
  try {
    socket.send(octets, peer.port, peer.address, () => {});
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_SOCKET_DGRAM_NOT_RUNNING") throw error;
  }
}

/** echo answers a DNS query with NOERROR and no records, and gives any other packet back as it came. */
export const echo: Handler = (query, peer, socket) => reply(answerTo(query), peer, socket);

/** silent never answers. */
export const silent: Handler = () => {};

/** answerTo makes a DNS answer of a query: the same octets with QR set and an rcode. */
export function answerTo(query: Uint8Array, rcode = 0): Buffer {
  const answer = Buffer.from(query);
  if (answer.length >= 12) {
    answer[2]! |= 0x80;
    answer[3] = (answer[3]! & 0xf0) | rcode;
  }
  return answer;
}

/** freePort gives a port of an address at which nobody listens now. */
export async function freePort(address = "127.0.0.1"): Promise<number> {
  const answerer = await startAnswerer(silent, address);
  await answerer.close();
  return answerer.port;
}
