// What is found out about the host that a target is on: how it is reached, whether it may be loaded, and by whom it is served.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { afterEach, describe, expect, test } from "vitest";
import { answererProgram } from "../../bench/build.js";
import { ended } from "../../src/demo/frr.js";
import { Engine } from "../../src/engine/engine.js";
import { anycastAmong } from "../../src/load/refusal.js";
import { watchServer } from "../../src/load/server-process.js";
import { freePort } from "../support/answerer.js";
import { question } from "../support/engine.js";
import { inNamespace } from "../support/namespace.js";

const run = (name: string, asked: readonly string[]) =>
  inNamespace(new URL("./fixtures/target-host.ts", import.meta.url), name, { argument: asked.join() });

const local = ["127.0.0.1", "127.1.2.3", "::1", "203.0.113.53", "2001:db8::53", "203.0.113.99"];
const away = ["198.18.1.2", "203.0.113.55", "2001:db8::54", "198.18.3.1"];

test("the path is loopback to what this host has or is given, in every spelling, and a device to all else", async () => {
  const asked = [...local, "2001:0DB8:0::53", "198.18.1.1", "198.18.0.7", "0.0.0.0", "::", ...away];
  const paths = await run("path", asked);
  expect(Object.fromEntries(asked.map((address, i) => [address, paths[i]]))).toEqual(
    Object.fromEntries(asked.map((address) => [address, away.includes(address) ? "device" : "loopback"])),
  );
});

test("host addresses on lo are refused, unless it is forced; no other is", async () => {
  const anycast = ["203.0.113.53", "2001:db8:0::53"];
  const harmless = ["127.0.0.1", "127.1.2.3", "::1", "198.18.0.7", "198.18.1.1", "198.18.2.1", "203.0.113.99", ...away];
  const { refused, forced, sentence } = await run("refusal", [...anycast, ...harmless]);
  expect(refused).toEqual(anycast);
  expect(forced).toEqual([]);
  expect(sentence).toBe(
    "203.0.113.53/32 on lo looks like an anycast address that this host announces, and the load would hit its clients: drain it first, ask another address of the server, or say --force",
  );
});

test("host addresses on dummy devices are anycast too, those of other devices are not", () => {
  const links = ["lo", "dummy", "veth", "bridge", ""].map((kind, i) => ({
    ...{ ifindex: i + 1, name: `${kind}0`, kind: kind === "lo" ? "" : kind, up: true, loopback: kind === "lo" },
  }));
  const anycast = (device: string, address: string, prefixLength: number) =>
    anycastAmong(address, [{ device, address, prefixLength }], links) !== undefined;
  expect(links.map(({ name }) => anycast(name, "203.0.113.53", 32))).toEqual([true, true, false, false, false]);
  expect(links.map(({ name }) => anycast(name, "2001:db8::53", 128))).toEqual([true, true, false, false, false]);
  expect(anycast("dummy0", "203.0.113.53", 24)).toBe(false);
  expect(anycast("dummy0", "2001:db8::53", 64)).toBe(false);
  expect(anycast("lo0", "127.0.0.1", 32)).toBe(false);
  expect(anycast("lo0", "::1", 128)).toBe(false);
});

describe("the server's processes", () => {
  const children: ChildProcess[] = [];
  afterEach(async () => {
    for (const child of children) child.kill("SIGKILL");
    await Promise.all(children.splice(0).map(ended));
  });

  async function start(file: string, argv: readonly string[], count = 1) {
    const child = spawn(file, argv, { stdio: ["ignore", "pipe", "inherit"] });
    children.push(child);
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const said: string[] = [];
    while (said.length < count) said.push((await lines.next()).value);
    return { pid: child.pid!, said };
  }

  async function answerer(...argv: string[]) {
    const { pid, said } = await start(answererProgram(), argv);
    return { pid, port: Number(said[0]!.replace("ready ", "")) };
  }

  /** Asks so many times, as fast as the answers come, or with all of them at once. */
  async function ask(target: { address: string; port: number }, count: number, inflight: number, timeoutMs = 1000) {
    let rows = 0;
    await new Promise<void>((resolve) => {
      const engine = new Engine({}, (batch) => {
        rows += batch.length;
        if (rows < count) return;
        engine.close();
        resolve();
      });
      engine.submit({ probes: [{ target, query: question }], schedule: { inflight, count }, timeoutMs });
    });
  }

  test("are found by their address, by the wildcard, and by the wildcard of the other family", async () => {
    for (const [listen, address] of [
      ["127.0.0.1", "127.0.0.1"],
      ["0.0.0.0", "127.1.2.3"],
      ["::1", "::1"],
      ["::", "::1"],
    ] as const) {
      const { pid, port } = await answerer("--address", listen);
      expect(watchServer({ address, port })?.pids).toEqual([pid]);
    }
    const dual = `const s = require("node:dgram").createSocket("udp6").bind(0, () => console.log(s.address().port))`;
    const { pid, said } = await start(process.execPath, ["-e", dual]);
    expect(watchServer({ address: "127.0.0.1", port: Number(said[0]) })?.pids).toEqual([pid]);
  });

  test("are preferred by their own address", async () => {
    const wildcard = await answerer("--address", "0.0.0.0");
    const own = await answerer("--address", "127.0.0.5", "--port", String(wildcard.port));
    expect(watchServer({ address: "127.0.0.5", port: own.port })?.pids).toEqual([own.pid]);
    expect(watchServer({ address: "127.0.0.6", port: own.port })?.pids).toEqual([wildcard.pid]);
  });

  test("are none where nobody listens, or elsewhere", async () => {
    expect(watchServer({ address: "127.0.0.1", port: await freePort() })).toBeUndefined();
    expect(watchServer({ address: "203.0.113.53", port: 53 })).toBeUndefined();
  });

  test("tell the CPU that they use, their sockets, and no drops where there are none", async () => {
    const { port } = await answerer("--reuseport", "4");
    const target = { address: "127.0.0.1", port };
    const watch = watchServer(target)!;
    watch.begin();
    const before = watch.end();
    watch.begin();
    await ask(target, 1_000_000, 4096);
    const { cpuCores, ...rest } = watch.end();
    expect(rest).toEqual({ sockets: 4, dropsPerSocket: [0, 0, 0, 0], notes: [] });
    expect(before.cpuCores).not.toBeNull();
    expect(cpuCores).toBeGreaterThan(0.05);
    expect(cpuCores).toBeLessThan(4);
  });

  test("are counted together where several share the socket", async () => {
    const forked = `import os, socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 0))
child = os.fork()
if child:
    print(s.getsockname()[1], flush=True)
    print(child, flush=True)
    time.sleep(60)
else:
    end = time.monotonic() + 60
    while time.monotonic() < end and os.getppid() != 1: pass
`;
    const { pid, said } = await start("python3", ["-c", forked], 2);
    const [port = 0, worker = 0] = said.map(Number);
    try {
      const watch = watchServer({ address: "127.0.0.1", port })!;
      expect(watch.pids.toSorted()).toEqual([pid, worker].toSorted());
      watch.begin();
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect(watch.end().cpuCores).toBeGreaterThan(0.1);
    } finally {
      process.kill(worker, "SIGKILL");
    }
  });

  test("tell what their receive queue dropped and what waits in it", async () => {
    const deaf = `import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
time.sleep(60)
`;
    const { said } = await start("python3", ["-c", deaf]);
    const target = { address: "127.0.0.1", port: Number(said[0]) };
    const watch = watchServer(target)!;
    watch.begin();
    await ask(target, 1000, 1000, 200);
    expect(watch.queuedOctets()).toBeGreaterThan(0);
    const { dropsPerSocket, notes } = watch.end();
    expect(dropsPerSocket[0]).toBeGreaterThan(900);
    expect(notes).toEqual([
      `the server's own receive queues dropped ${dropsPerSocket[0]!.toLocaleString("en")} packets: it did not read fast enough`,
    ]);
    watch.begin();
    expect(watch.end().dropsPerSocket).toEqual([0]);
  });

  test("of another user are seen by their sockets alone", async () => {
    expect(await run("stranger", [])).toEqual({
      cpuCores: null,
      sockets: 1,
      dropsPerSocket: [0],
      notes: ["whose the server's sockets are cannot be seen without root: its CPU time is not known"],
    });
  });

  test("that end during a trial have no CPU time to tell", async () => {
    const { port } = await answerer();
    const watch = watchServer({ address: "127.0.0.1", port })!;
    watch.begin();
    const child = children.at(-1)!;
    child.kill("SIGKILL");
    await once(child, "exit");
    const { cpuCores, notes } = watch.end();
    expect(cpuCores).toBeNull();
    expect(notes).toEqual(["a process of the server ended during the trial: its CPU time is not known"]);
  });
});
