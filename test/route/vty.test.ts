import { chmod, mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Vty } from "../../src/route/vty.js";

// The other end is a unix server that speaks as much of the protocol as each test needs.
type Answer = (line: string, socket: Socket) => string | undefined;

let directory: string;
let path: string;
let server: Server | undefined;
let sockets: Socket[];
let events: string[];
let vty: Vty;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "anyprobe-vty-"));
  path = join(directory, "ospfd.vty");
  sockets = [];
  events = [];
  vty = new Vty({
    path,
    timeoutMs: 150,
    onDown: (reason) => events.push(`down: ${reason.replaceAll(path, "PATH")}`),
    onUp: () => events.push("up"),
  });
});

afterEach(async () => {
  vty.close();
  await stop();
  await rm(directory, { recursive: true });
});

async function serve(answer: Answer): Promise<void> {
  server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      for (const line of chunk.toString().split("\0").slice(0, -1)) {
        const reply = answer(line, socket);
        if (reply !== undefined) socket.write(Buffer.from(reply, "latin1"));
      }
    });
  });
  await new Promise<void>((resolve) => server!.listen(path, resolve));
}

async function stop(): Promise<void> {
  for (const socket of sockets) socket.destroy();
  const closing = server;
  server = undefined;
  if (closing) await new Promise((resolve) => closing.close(resolve));
}

const ok = "\0\0\0\0";
const echo: Answer = (line) => (line === "enable" ? ok : `${line}!${ok}`);

test("replies come in the order of the commands, also of concurrent callers", async () => {
  await serve(echo);
  await vty.open();
  const [first, second] = await Promise.all([vty.run(["a", "b"]), vty.run(["c"])]);
  expect(first.map((reply) => reply.text)).toEqual(["a!", "b!"]);
  expect(second).toEqual([{ status: 0, text: "c!" }]);
});

test("a reply that comes byte by byte is one reply", async () => {
  await serve((line, socket) => {
    if (line === "enable") return ok;
    void (async () => {
      for (const byte of `text\0\0\0\x0d`) {
        socket.write(Buffer.from(byte, "latin1"));
        await sleep(2);
      }
    })();
    return undefined;
  });
  await vty.open();
  expect(await vty.run(["x"])).toEqual([{ status: 13, text: "text" }]);
});

test("configuration mode is left even if a line is refused, and the refusal is told with its line", async () => {
  const seen: string[] = [];
  await serve((line) => {
    seen.push(line);
    return line.startsWith("no network") ? "Can't find\n it.\n\0\0\0\x0d" : ok;
  });
  await vty.open();
  await expect(vty.configure(["router ospf", "no network 203.0.113.53/32 area 0"])).rejects.toMatchObject({
    code: "ERR_ROUTE_REFUSED",
    message: "ospfd refused `no network 203.0.113.53/32 area 0` (status 13): Can't find it.",
  });
  expect(seen.at(-1)).toBe("end");
});

test("a missing socket is told as such, and the connection is made once it appears", async () => {
  await vty.open();
  const missing = "no socket at PATH: ospfd is not running, or its sockets are in another directory";
  expect(events).toEqual([`down: ${missing}`]);
  await expect(vty.run(["a"])).rejects.toMatchObject({ code: "ERR_ROUTE_UNREACHABLE" });
  await serve(echo);
  await expect.poll(() => events.at(-1)).toBe("up");
  expect(await vty.run(["a"])).toHaveLength(1);
});

test("a socket without permission names the group", async () => {
  await serve(echo);
  // Root passes any mode: what it cannot pass is looked at with another effective user.
  await chmod(path, 0o600);
  await chmod(directory, 0o755);
  const user = process.geteuid!();
  if (user !== 0) return;
  process.seteuid!(65534);
  try {
    await vty.open();
  } finally {
    process.seteuid!(user);
  }
  expect(events[0]).toBe("down: no permission to use PATH: this user must be in the group frrvty (Quagga: quaggavty)");
});

test("a daemon that accepts and never answers counts as down after the timeout", async () => {
  await serve(() => undefined);
  await vty.open();
  expect(events).toEqual(["down: ospfd does not answer at PATH: `enable` took over 150 ms"]);
});

test("a command that hangs rejects all that wait, and the connection is opened anew", async () => {
  let [hang, hung] = [true, false];
  await serve((line, socket) => {
    hung = hang && (hung || line === "hang");
    return hung ? undefined : echo(line, socket);
  });
  await vty.open();
  const outcomes = await Promise.allSettled([vty.run(["hang", "a"]), vty.run(["b"])]);
  for (const outcome of outcomes) {
    expect(outcome).toMatchObject({ status: "rejected", reason: { code: "ERR_ROUTE_UNREACHABLE" } });
  }
  hang = false;
  await expect.poll(() => events).toEqual(["down: ospfd does not answer at PATH: `hang` took over 150 ms", "up"]);
  expect(await vty.run(["hang"])).toHaveLength(1);
});

test("a stall of this process is not a hanging daemon", async () => {
  await serve(echo);
  await vty.open();
  const running = vty.run(["a"]);
  await sleep(0);
  const untilMs = Date.now() + 400;
  while (Date.now() < untilMs);
  expect(await running).toHaveLength(1);
  expect(events).toEqual([]);
});

test("a connection closed in the middle of a command rejects it at once", async () => {
  await serve((line, socket) => {
    if (line === "die") socket.end("half a te");
    return line === "enable" ? ok : undefined;
  });
  await vty.open();
  await expect(vty.run(["die"])).rejects.toMatchObject({ message: `ospfd closed the connection at ${path}` });
  expect(events).toEqual(["down: ospfd closed the connection at PATH"]);
});

test("closing rejects what is in flight, reports nothing and does not reconnect", async () => {
  await serve((line) => (line === "enable" ? ok : undefined));
  await vty.open();
  const running = vty.run(["a"]);
  vty.close();
  vty.close();
  await expect(running).rejects.toMatchObject({ code: "ERR_ROUTE_UNREACHABLE", message: "closed here" });
  await sleep(100);
  expect(events).toEqual([]);
  expect(sockets).toHaveLength(1);
});

test("a server that speaks another protocol is no daemon", async () => {
  await serve(() => "\0HTTP/1.1");
  await vty.open();
  expect(events[0]).toBe("down: PATH does not speak the vty protocol");
});
