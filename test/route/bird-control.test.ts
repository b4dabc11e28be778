import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { askBird } from "../../src/route/bird-control.js";

// The other end is a unix server that speaks as much of the protocol as each test needs.
let directory: string;
let path: string;
let server: Server | undefined;
const sockets: Socket[] = [];
const heard: string[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "anyprobe-bird-"));
  path = join(directory, "bird.ctl");
  heard.length = 0;
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  const closing = server;
  server = undefined;
  if (closing) await new Promise((resolve) => closing.close(resolve));
  await rm(directory, { recursive: true });
});

async function serve(greet: (socket: Socket) => void, answer: (line: string, socket: Socket) => void): Promise<void> {
  server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    greet(socket);
    socket.on("data", (data) => {
      for (const line of data.toString().trim().split("\n")) {
        heard.push(line);
        answer(line, socket);
      }
    });
  });
  await new Promise<void>((resolve) => server!.listen(path, resolve));
}

const ready = (socket: Socket) => socket.write("0001 BIRD 2.0.12 ready.\n");

test("lines that go on, with a code and without, are one reply", async () => {
  await serve(ready, (line, socket) => socket.write(`1016-\n area 0.0.0.0\n \trouter ${line}\n1016-end\n0000 \n`));
  expect(await askBird(path, ["one", "two"], 1000)).toEqual([
    "\narea 0.0.0.0\n\trouter one\nend\n\n",
    "\narea 0.0.0.0\n\trouter two\nend\n\n",
  ]);
  expect(heard).toEqual(["one", "two"]);
});

test("a reply in pieces is put together, and a command waits for the reply before", async () => {
  const pieces = ["00", "00 first\n"];
  await serve(
    (socket) => {
      socket.write("0001 BI");
      setImmediate(() => socket.write("RD ready.\n"));
    },
    (line, socket) => {
      if (line === "two") return void socket.write("0000 second\n");
      expect(heard).toEqual(["one"]);
      socket.write(pieces[0]!);
      setImmediate(() => socket.write(pieces[1]!));
    },
  );
  expect(await askBird(path, ["one", "two"], 1000)).toEqual(["first\n", "second\n"]);
});

test("a refused command is told with what BIRD said", async () => {
  await serve(ready, (_, socket) => socket.write("9001 syntax error\n"));
  await expect(askBird(path, ["show nonsense"], 1000)).rejects.toMatchObject({
    code: "ERR_ROUTE_REFUSED",
    message: "BIRD refused `show nonsense` (code 9001): syntax error",
  });
});

test.each<[string, (socket: Socket) => void, RegExp]>([
  ["says nothing", () => {}, /does not answer at PATH within 50 ms/],
  ["greets and then says nothing", ready, /does not answer at PATH within 50 ms/],
  ["ends in the middle", (socket) => socket.end("0001 BIRD ready.\n1016-\n"), /closed the connection at PATH/],
])("a BIRD that %s is unreachable", async (_, greet, sentence) => {
  await serve(greet, () => {});
  const error = await askBird(path, ["show status"], 50).catch((thrown) => thrown);
  expect(error.code).toBe("ERR_ROUTE_UNREACHABLE");
  expect(error.message.replaceAll(path, "PATH")).toMatch(sentence);
});

test("without a socket it says where it looked", async () => {
  await expect(askBird(path, [], 1000)).rejects.toMatchObject({
    code: "ERR_ROUTE_UNREACHABLE",
    message: `no socket at ${path}: BIRD is not running, or its control socket is elsewhere`,
  });
});
