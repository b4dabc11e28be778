import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Server, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { peerOf } from "../../src/engine/peer.js";

let directory: string;
let path: string;
let server: Server;
let client: ChildProcess | undefined;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "anyprobe-peer-"));
  path = join(directory, "socket");
  // Nothing is read, so that no end of a connection is noticed here.
  server = createServer({ pauseOnConnect: true }).listen(path);
  await once(server, "listening");
  chmodSync(directory, 0o755);
  chmodSync(path, 0o666);
});

afterEach(async () => {
  if (client?.exitCode === null && client.kill("SIGKILL")) await once(client, "exit");
  client = undefined;
  server.close();
  rmSync(directory, { recursive: true });
});

/** Gives this end of a connection that a child process makes and holds. */
async function connection(who: { uid?: number; gid?: number } = {}): Promise<Socket> {
  const hold = "require('net').connect(process.argv[1])";
  client = spawn(process.execPath, ["-e", hold, path], { stdio: "inherit", cwd: "/", ...who });
  const [socket] = await once(server, "connection");
  return socket;
}

describe("the peer of a unix socket", () => {
  test("is the process that connected, also when it has died since", async () => {
    const socket = await connection();
    const expected = { pid: client!.pid, uid: process.getuid!(), gid: process.getgid!() };
    expect(peerOf(socket)).toEqual(expected);
    const died = once(client!, "exit");
    client!.kill("SIGKILL");
    await died;
    expect(peerOf(socket)).toEqual(expected);
    socket.destroy();
  });

  test.runIf(process.getuid?.() === 0)("is told as the user and group that it runs as", async () => {
    const socket = await connection({ uid: 65_534, gid: 65_533 });
    expect(peerOf(socket)).toEqual({ pid: client!.pid, uid: 65_534, gid: 65_533 });
    socket.destroy();
  });

  test("is for the client the process that listens", async () => {
    const socket = connect(path);
    await once(socket, "connect");
    expect(peerOf(socket)).toEqual({ pid: process.pid, uid: process.getuid!(), gid: process.getgid!() });
    socket.destroy();
  });
});

describe("there is none", () => {
  test("of a socket that is closed, or was never opened", async () => {
    const socket = await connection();
    socket.destroy();
    expect(peerOf(socket)).toBeUndefined();
    await once(socket, "close");
    expect(peerOf(socket)).toBeUndefined();
    expect(peerOf(new Socket())).toBeUndefined();
  });

  test("of a TCP connection", async () => {
    const listener = createServer().listen(0, "127.0.0.1");
    await once(listener, "listening");
    const socket = connect((listener.address() as { port: number }).port, "127.0.0.1");
    await once(socket, "connect");
    expect(peerOf(socket)).toBeUndefined();
    socket.destroy();
    listener.close();
  });
});
