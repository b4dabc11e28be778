// An ospfd that knows no `json`, as Quagga's: passes all other commands on to a real one, one at a time.
import { createConnection, createServer, type Server, type Socket } from "node:net";

/** withoutJson listens at `path` for the ospfd at `real`. */
export async function withoutJson(path: string, real: string): Promise<Server> {
  const server = createServer((client) => {
    const ospfd = createConnection(real);
    let turn = Promise.resolve();
    client.on("close", () => ospfd.destroy());
    client.on("data", (chunk) => {
      for (const line of chunk.toString().split("\0").slice(0, -1)) {
        turn = turn.then(async () => {
          if (line.endsWith(" json")) client.write("% Unknown command.\n\0\0\0\x02");
          else client.write(await ask(ospfd, line));
        });
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return server;
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
