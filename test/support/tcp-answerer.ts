// A DNS answerer over TCP on loopback whose behaviour is a handler function: it gets each whole query with its connection.
import { once } from "node:events";
import { createServer, type Socket } from "node:net";

export type TcpHandler = (query: Buffer, connection: Socket) => void;

export interface TcpAnswerer {
  readonly port: number;
  /** The address that each connection came from. */
  readonly peers: string[];
  close(): Promise<void>;
}

/** startTcpAnswerer answers at a free port (or at `port`) of a loopback address. */
export async function startTcpAnswerer(handler: TcpHandler, address = "127.0.0.1", port = 0): Promise<TcpAnswerer> {
  const connections = new Set<Socket>();
  const peers: string[] = [];
  const server = createServer((connection) => {
    connections.add(connection);
    peers.push(connection.remoteAddress!);
    let octets = Buffer.alloc(0);
    connection.on("error", () => {});
    connection.on("data", (chunk) => {
      octets = Buffer.concat([octets, chunk]);
      while (octets.length >= 2 && octets.length >= 2 + octets.readUInt16BE(0)) {
        const end = 2 + octets.readUInt16BE(0);
        handler(octets.subarray(2, end), connection);
        octets = octets.subarray(end);
      }
    });
  });
  server.listen(port, address);
  await once(server, "listening");
  return {
    port: (server.address() as { port: number }).port,
    peers,
    close: async () => {
      for (const connection of connections) connection.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** framed puts the two octets of length before a message. */
export function framed(message: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([message.length >> 8, message.length & 0xff]), message]);
}
