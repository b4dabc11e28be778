// The daemon as a process in a network namespace of its own, without routers: what it takes, keeps, refuses and gives back.
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { allUp, type DaemonProcess, prefixIn, stands, within } from "../support/daemon.js";
import { anycast, type Host, hostMissing, uplinkAddress } from "../support/host.js";
import { skipWithoutLab } from "../support/lab.js";
import { makeHost, makeWell } from "../support/well-host.js";

const withdrawn = stands("withdrawn", anycast);
const announced = stands("announced", anycast);

const reloaded = (daemon: DaemonProcess) => daemon.logged(({ event }) => event === "reload");
const stateOf = (host: Host) => JSON.parse(readFileSync(host.stateFile, "utf8"));

describe.skipIf(skipWithoutLab(hostMissing()))("the daemon", () => {
  describe("alone in its namespace", () => {
    test("refuses to be the second one, and leaves the first alone", async () => {
      const { host, daemon } = await makeWell();
      const second = host.run(host.config({ top: { control: join(host.directory, "other.sock") } }));
      expect(await second.exit()).toBe(69);
      expect(second.stderr).toMatch(/^anyprobe: expected to be the only anyprobe daemon of this network namespace/);
      expect(announced(await daemon.status())).toBe(true);
    });

    test("takes no notice of one in another namespace", async () => {
      await makeWell();
      const { daemon } = await makeWell();
      expect(await daemon.stop()).toBe(0);
    });

    test("starts again after the last one was killed", async () => {
      const { host, daemon } = await makeWell();
      await daemon.kill();
      expect(existsSync(host.control)).toBe(true);
      await host.run().until(allUp);
    });
  });

  describe("at its control socket", () => {
    test("answers, with the mode 0660, and removes it at the end", async () => {
      const { host, daemon } = await makeWell();
      expect(statSync(host.control).mode & 0o777).toBe(0o660);
      expect(await daemon.status()).toMatchObject({
        sources: [{ family: 4, address: uplinkAddress }],
        markRule: { on: true },
        hints: { on: true },
      });
      await daemon.stop();
      expect(existsSync(host.control)).toBe(false);
    });

    test("survives garbage, a flood, and clients that stay", async () => {
      const { host, daemon } = await makeWell();
      const say = async (text: string | Buffer) => {
        const client = connect(host.control);
        client.on("error", () => {});
        let heard = "";
        client.setEncoding("utf8").on("data", (data) => {
          heard += data;
        });
        client.write(text);
        await Promise.race([new Promise((resolve) => client.once("close", resolve)), sleep(200)]);
        client.destroy();
        return heard;
      };
      expect(await say("\n")).toMatch(/^\{"error":/);
      expect(await say("null\n")).toMatch(/^\{"error":/);
      expect(await say('{"verb":"__proto__"}\n')).toMatch(/expected a verb of status/);
      await say(Buffer.alloc(1 << 20, 0xff));
      const greedy = connect(host.control);
      greedy.on("error", () => {}).pause();
      for (let i = 0; i < 2000; i++) greedy.write('{"verb":"status"}\n'.repeat(100));
      await sleep(500);
      expect((await daemon.status()).residentOctets).toBeLessThan(250 << 20);
      const idle = connect(host.control);
      await once(idle, "connect");
      expect(await daemon.stop()).toBe(0);
      greedy.destroy();
    });

    test("puts its socket in the place of no other file", async () => {
      const host = await makeHost();
      writeFileSync(host.control, "precious");
      const daemon = host.run();
      expect(await daemon.exit()).toBe(78);
      expect(daemon.stderr).toMatch(/control: expected a socket or nothing at .*, found another file/);
      expect(readFileSync(host.control, "utf8")).toBe("precious");
    });
  });

  describe("at SIGTERM", () => {
    test("keeps what is announced by default, and leaves no rule or anchor behind", async () => {
      const { host, daemon } = await makeWell();
      expect(await daemon.stop()).toBe(0);
      expect(await host.hasAddress()).toBe(true);
      expect(await host.ip("rule")).not.toContain("fwmark");
      expect(await host.ip("route", "show", "table", "local")).not.toContain("metric 1024");
      expect(daemon.routeLines()).toEqual([]);
    });

    test("makes a lease last for ever", async () => {
      const { host, daemon } = await makeWell({ address: { lease: "3s" } });
      expect(await host.ip("address", "show", "dev", "lo")).toMatch(/valid_lft [123]sec/);
      await daemon.stop();
      expect(await host.ip("address", "show", "dev", "lo")).not.toMatch(/valid_lft \d/);
    });

    test("withdraws where on_exit says so, and the next one announces again", async () => {
      const { host, daemon } = await makeWell({ service: { on_exit: "withdraw" } });
      expect(await daemon.stop()).toBe(0);
      expect(await host.hasAddress()).toBe(false);
      const next = host.run();
      await next.until(announced);
      expect(await host.ip("address", "show", "label", "lo:0")).toContain(anycast);
    });

    test("says what it leaves changed", async () => {
      const { daemon, server } = await makeWell();
      server.kill("SIGKILL");
      await daemon.until(withdrawn);
      await daemon.stop();
      const left = daemon.lines.filter(({ event }) => event === "left");
      expect(left).toMatchObject([{ prefix: anycast, driver: "address", undo: { label: "lo:0" } }]);
    });

    test("does not withdraw on exit what another service wants to keep", async () => {
      const host = await makeHost();
      await host.answer();
      const { services, ...top } = host.config() as { services: { resolver: object } };
      const leaving = { ...services.resolver, on_exit: "withdraw" };
      const daemon = host.run({ ...top, services: { leaving, staying: services.resolver } });
      await daemon.until(allUp);
      await daemon.stop();
      expect(await host.hasAddress()).toBe(true);
    });
  });

  describe("at SIGHUP", () => {
    test("keeps the state of its checks and moves nothing", async () => {
      const { host, daemon } = await makeWell();
      // By their own time: a status can come before the lines about what it tells have been read from the pipe.
      const wellMs = Date.now();
      host.writeConfig(host.config({ top: { min_gap: "100ms", log_level: "debug" } }));
      daemon.signal("SIGHUP");
      await reloaded(daemon);
      expect(allUp(await daemon.status())).toBe(true);
      await sleep(300);
      const since = daemon.lines.filter(({ time }) => Date.parse(time) > wellMs);
      expect(since.map(({ event }) => event)).toContain("reload");
      expect(since.filter(({ event }) => event === "check" || event === "action")).toEqual([]);
    });

    test("keeps the old config where the new one is bad, and says what is wrong with it", async () => {
      const { host, daemon, server } = await makeWell();
      host.writeConfig("services: {}\n");
      daemon.signal("SIGHUP");
      expect(await reloaded(daemon)).toMatchObject({ level: "error", error: expect.stringContaining("services") });
      server.kill("SIGKILL");
      await daemon.until(withdrawn);
    });

    test("keeps the old config where the kernel or a driver refuses the new one", async () => {
      const { host, daemon, server } = await makeWell();
      host.writeConfig(host.config({ address: { device: "eth99", label: "eth99" } }));
      daemon.signal("SIGHUP");
      expect(await reloaded(daemon)).toMatchObject({ error: "there is no device eth99" });
      host.writeConfig(host.config({ top: { source: "198.18.0.99" } }));
      daemon.signal("SIGHUP");
      await daemon.logged(({ error }) => String(error).includes("198.18.0.99"));
      expect(allUp(await daemon.status())).toBe(true);
      server.kill("SIGKILL");
      await daemon.until(withdrawn);
    });

    test("takes in a new prefix and lets go of one that is gone, as it stands", async () => {
      const second = "203.0.113.54/32";
      const host = await makeHost([anycast, second]);
      await host.answer();
      const daemon = host.run(host.config({ prefixes: [anycast] }));
      await daemon.until(allUp);
      host.writeConfig(host.config());
      daemon.signal("SIGHUP");
      await daemon.until((status) => stands("withdrawn", second)(status) && announced(status));
      host.writeConfig(host.config({ prefixes: [anycast] }));
      daemon.signal("SIGHUP");
      await daemon.logged(({ event, prefix }) => event === "orphan" && prefix === second);
      expect(await host.hasAddress(second)).toBe(false);
      await host.answer({ address: "203.0.113.54" });
      host.writeConfig(host.config());
      daemon.signal("SIGHUP");
      await daemon.until(stands("announced", second));
      expect(stateOf(host).changes).toEqual([]);
    });

    test("keeps a withdrawn prefix withdrawn, also on a disk that takes no state", async () => {
      const { host, daemon, server } = await makeWell({ top: { state: "/dev/null/state.json" } });
      server.kill("SIGKILL");
      await daemon.until(withdrawn);
      host.writeConfig(host.config({ top: { state: "/dev/null/state.json", min_gap: "10ms" } }));
      daemon.signal("SIGHUP");
      await reloaded(daemon);
      expect(withdrawn(await daemon.status())).toBe(true);
      await host.answer();
      await daemon.until(announced);
      expect(daemon.lines.filter(({ msg }) => msg.includes("cannot be written"))).toHaveLength(1);
    });
  });

  describe("by its state file", () => {
    test("restores after a kill -9 what it took away, with its label", async () => {
      const { host, daemon, server } = await makeWell();
      server.kill("SIGKILL");
      await daemon.until(withdrawn);
      await daemon.logged(({ event }) => event === "action");
      await daemon.kill();
      expect(stateOf(host).changes).toMatchObject([{ driver: "address", prefix: anycast }]);
      await host.answer();
      const next = host.run(host.config({ address: { label: "lo" } }));
      await next.until(announced);
      expect(await host.ip("address", "show", "label", "lo:0")).toContain(anycast);
    });

    test("remembers over a restart that an operator took a prefix away", async () => {
      const { host, daemon } = await makeWell();
      await host.deleteAddress();
      await daemon.logged(({ event }) => event === "manual");
      await daemon.stop();
      const next = host.run();
      await next.until(allUp);
      await sleep(500);
      const status = await next.status();
      expect(prefixIn(status, anycast)).toMatchObject({ observed: "withdrawn", manual: { by: /^pid / } });
      await host.addAddress();
      await next.until((status) => prefixIn(status, anycast).manual === undefined && announced(status));
    });

    test("sets a bad one aside", async () => {
      const host = await makeHost();
      await host.answer();
      writeFileSync(host.stateFile, '{"version": 1, "changes": [');
      const daemon = host.run();
      await daemon.until(allUp);
      await daemon.logged(({ event, msg }) => event === "state" && msg.includes("is kept as"));
      expect(readFileSync(`${host.stateFile}.bad`, "utf8")).toBe('{"version": 1, "changes": [');
      expect(stateOf(host)).toMatchObject({ version: 2, changes: [], manual: [], orders: [], freeze: null });
    });

    test("forgets nothing in a start that fails or in a dry run", async () => {
      const { host, daemon, server } = await makeWell();
      server.kill("SIGKILL");
      await daemon.until(withdrawn);
      await daemon.stop();
      const kept = readFileSync(host.stateFile, "utf8");
      const { changes } = stateOf(host);
      expect(changes).toHaveLength(1);
      expect(await host.run(host.config({ address: { device: "eth99", label: "eth99" } })).exit()).toBe(69);
      expect(readFileSync(host.stateFile, "utf8")).toBe(kept);
      const dry = host.run(host.config(), { argv: ["-c", host.configFile, "--dry-run"] });
      await dry.logged(({ event }) => event === "start");
      await dry.stop();
      expect(stateOf(host)).toMatchObject({ changes, announced: [] });
      expect(await host.ip("rule")).not.toContain("fwmark");
    });
  });

  describe("to the service manager", () => {
    test("says READY, STATUS, WATCHDOG and STOPPING", async () => {
      const host = await makeHost();
      const server = await host.answer();
      const manager = await listen(host);
      const daemon = host.run(host.config(), { env: { NOTIFY_SOCKET: manager.path, WATCHDOG_USEC: "200000" } });
      await daemon.until(allUp);
      await manager.heard("READY=1");
      await manager.heard("WATCHDOG=1");
      server.kill("SIGKILL");
      await manager.heard(`STATUS=${anycast} withdrawn`);
      host.writeConfig(host.config({ top: { min_gap: "10ms" } }));
      daemon.signal("SIGHUP");
      await manager.heard("RELOADING=1");
      await reloaded(daemon);
      await daemon.stop();
      await manager.heard("STOPPING=1");
    });

    test("gives signs of life while it waits for a slow reload or exit, and crashes in neither", async () => {
      const host = await makeHost();
      await host.answer();
      const manager = await listen(host);
      const sockets = join(host.directory, "frr");
      mkdirSync(sockets);
      // A router that takes connections and says nothing.
      host.spawn("python3", ["-c", silentRouter, join(sockets, "ospfd.vty")]);
      await within(5000, async () => (existsSync(join(sockets, "ospfd.vty")) ? true : undefined));
      const service = { route: [{ frr: { sockets } }], on_exit: "withdraw" };
      const env = { NOTIFY_SOCKET: manager.path, WATCHDOG_USEC: "100000" };
      const daemon = host.run(host.config({ service }), { env });
      await daemon.until(allUp);
      host.writeConfig(host.config({ service, top: { min_gap: "10ms" } }));
      daemon.signal("SIGHUP");
      await sleep(200);
      expect(allUp(await daemon.status())).toBe(true);
      await reloaded(daemon);
      // What could not be withdrawn is said, and told by the exit code.
      expect(await daemon.stop()).toBe(69);
      expect(daemon.stderr).toBe("");
      expect(daemon.lines.map(({ event }) => event)).toContain("exit");
    });
  });

  describe("in trouble of its own", () => {
    test("withdraws nothing after it was stopped for 3 s", async () => {
      const { host, daemon } = await makeWell({ service: { when_unknown: "withdraw" } });
      daemon.signal("SIGSTOP");
      await sleep(3000);
      daemon.signal("SIGCONT");
      await sleep(1500);
      expect(allUp(await daemon.status())).toBe(true);
      expect(await host.hasAddress()).toBe(true);
      expect(daemon.routeLines()).toEqual([]);
    });

    test("knows nothing and holds when its source is gone", async () => {
      const { host, daemon } = await makeWell();
      await host.ip("address", "del", `${uplinkAddress}/24`, "dev", "up0");
      const status = await daemon.until((status) => !allUp(status) && prefixIn(status, anycast).want === "hold");
      expect(prefixIn(status, anycast)).toMatchObject({ observed: "announced", checks: [{ state: "unknown" }] });
      expect(await host.hasAddress()).toBe(true);
      await host.ip("address", "add", `${uplinkAddress}/24`, "dev", "up0");
      await daemon.until(allUp);
      expect(daemon.routeLines()).toEqual([]);
    });

    test("starts without ospfd, says so, and tries again", async () => {
      const host = await makeHost();
      const server = await host.answer();
      const daemon = host.run(host.config({ service: { route: [{ frr: { sockets: host.directory } }] } }));
      await daemon.until(allUp);
      const report = prefixIn(await daemon.status(), anycast);
      expect(report).toMatchObject({ observed: "unknown", verified: false, wanted: "announced" });
      expect(report.reason).toMatch(/no socket at .*ospfd\.vty: ospfd is not running/);
      server.kill("SIGKILL");
      await daemon.until((status) => prefixIn(status, anycast).wanted === "withdrawn");
      expect(prefixIn(await daemon.status(), anycast).observed).toBe("unknown");
      expect(await daemon.stop()).toBe(0);
    });

    test("ends with 77 where it lacks a capability that it cannot do without", async () => {
      const host = await makeHost();
      const daemon = host.run(host.config(), { wrapper: withoutNetAdmin });
      expect(await daemon.exit()).toBe(77);
      expect(daemon.stderr).toMatch(/^anyprobe: .*EPERM/);
      expect(await host.hasAddress()).toBe(true);
    });

    test("says which guards are off without the capability, and goes on with the others", async () => {
      const host = await makeHost();
      await host.answer();
      const config = host.config({ service: { route: ["none"] } });
      const daemon = host.run(config, { wrapper: withoutNetAdmin });
      await daemon.until(allUp);
      const status = await daemon.status();
      expect(status.markRule).toMatchObject({ on: false, reason: expect.stringContaining("EPERM") });
      await daemon.logged(({ event }) => event === "mark");
      // Local routes still guard: without the address nothing is believed.
      await host.deleteAddress();
      await daemon.until((status) => prefixIn(status, anycast).checks[0]!.last === "unknown: not local");
    });
  });

  test("refuses a source that is anycast", async () => {
    const host = await makeHost();
    const daemon = host.run(host.config({ top: { source: "203.0.113.53" } }));
    expect(await daemon.exit()).toBe(78);
    expect(daemon.stderr).toMatch(/source.*anycast/);
    expect(await host.ip("rule")).not.toContain("fwmark");
  });

  test("ends with 78 where the config file is missing", async () => {
    const host = await makeHost();
    const daemon = host.run(host.config(), { argv: ["-c", join(host.directory, "nowhere.yaml")] });
    expect(await daemon.exit()).toBe(78);
    expect(daemon.stderr).toMatch(/nowhere\.yaml: expected a readable file, got ENOENT/);
  });

  test("moves nothing in a dry run", async () => {
    const host = await makeHost();
    const server = await host.answer();
    const daemon = host.run(host.config(), { argv: ["-c", host.configFile, "--dry-run"] });
    await daemon.until(allUp);
    server.kill("SIGKILL");
    await daemon.logged(({ msg }) => msg === `dry run: would withdraw ${anycast}`);
    expect(await host.hasAddress()).toBe(true);
    expect(await host.ip("route", "show", "table", "local")).not.toContain("metric 1024");
    await daemon.stop();
  });
});

const withoutNetAdmin = ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin", "--"];

const silentRouter = `import socket,sys,time
s=socket.socket(socket.AF_UNIX);s.bind(sys.argv[1]);s.listen(9)
k=[]
while True:k.append(s.accept())`;

/** A service manager: every datagram that comes, as Node.js has no such sockets. */
async function listen(host: Host) {
  const path = join(host.directory, "notify");
  const program = `import socket,sys
s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM);s.bind(sys.argv[1]);print("bound",flush=True)
while True:print(s.recv(9999).decode(),flush=True)`;
  const child = host.spawn("python3", ["-c", program, path]);
  let text = "";
  child.stdout!.setEncoding("utf8").on("data", (data: string) => {
    text += data;
  });
  await once(child.stdout!, "data");
  const heard = async (line: string) => {
    const found = await within(10_000, async () => (text.includes(line) ? true : undefined));
    if (!found) throw new Error(`the manager did not hear ${line}: ${text}`);
  };
  return { path, heard };
}
