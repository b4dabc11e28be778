// A vty socket in front of a real ospfd's: passes commands on one at a time, or does with one what a test wants done.
import { createConnection, createServer, type Socket } from "node:net";

/** What becomes of a command: it is answered so (text and trailer), or its connection ends `before` or `after` ospfd ran it. */
export type Fate = string | "close before" | "close after" | undefined;

export interface VtyProxy {
  close(): Promise<void>;
}

/** vtyProxy listens at `path` for the ospfd at `real`. */
export async function vtyProxy(path: string, real: string, fateOf: (line: string) => Fate): Promise<VtyProxy> {
  const clients = new Set<Socket>();
  const server = createServer((client) => {
    const ospfd = createConnection(real);
    let turn = Promise.resolve();
    clients.add(client);
    for (const socket of [client, ospfd]) socket.on("error", () => {});
    client.on("close", () => ospfd.destroy());
    ospfd.on("close", () => client.destroy());
    const pass = async (line: string) => {
      if (client.destroyed) return;
      const fate = fateOf(line);
      if (fate === undefined || fate === "close after") {
        const reply = await ask(ospfd, line);
        if (fate === undefined) client.write(reply);
      } else if (fate !== "close before") client.write(fate);
      if (fate?.startsWith("close")) client.destroy();
    };
    client.on("data", (chunk) => {
      for (const line of chunk.toString().split("\0").slice(0, -1)) turn = turn.then(() => pass(line));
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    close: async () => {
      for (const client of clients) client.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function ask(ospfd: Socket, line: string): Promise<Buffer> {
  return new Promise((resolve) => {
    let reply: Buffer = Buffer.alloc(0);
    const take = (chunk: Buffer) => {
      reply = Buffer.concat([reply, chunk]);
      const end = reply.indexOf(0);
      if (end < 0 || reply.length < end + 4) return;
      ospfd.off("data", take);
      resolve(reply);
    };
    ospfd.on("data", take);
    ospfd.write(`${line}\0`);
  });
}
