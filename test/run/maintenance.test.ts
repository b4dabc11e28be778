// Orders and the freeze on a real daemon in a namespace of its own, through its control socket: what they do, what ends them,
// and that neither a restart nor a crash forgets them.
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { call, follow } from "../../src/run/control.js";
import type { Receipt } from "../../src/run/order-desk.js";
import type { Status } from "../../src/run/status.js";
import { allUp, prefixIn, stands } from "../support/daemon.js";
import { anycast, anycastAddress, type HostConfig, hostMissing } from "../support/host.js";
import { skipWithoutLab } from "../support/lab.js";
import { makeHost, makeWell } from "../support/well-host.js";

const withdrawn = stands("withdrawn", anycast);
const announced = stands("announced", anycast);

/** A host that is well, and orders for its prefix. */
async function makeOrdered(config?: HostConfig) {
  const well = await makeWell(config);
  const order = (verb: string, args: Readonly<Record<string, unknown>> = {}) =>
    call(well.host.control, verb, { what: anycast, ...args }) as Promise<Receipt>;
  return { ...well, order };
}

const orderOf = (status: Status) => prefixIn(status, anycast).order;

describe.skipIf(skipWithoutLab(hostMissing()))("an order", () => {
  test("to drain takes the prefix away, says who and why, and undrain hands it back", async () => {
    const { host, daemon, order } = await makeOrdered();
    expect(await order("drain", { what: "resolver", reason: "new kernel" })).toMatchObject({ prefixes: [anycast] });
    const status = await daemon.until(withdrawn);
    expect(orderOf(status)).toMatchObject({
      kind: "drain",
      by: `root (pid ${process.pid})`,
      reason: "new kernel",
      leftMs: null,
    });
    await order("undrain", { what: anycastAddress });
    expect(orderOf(await daemon.until(announced))).toBeNull();
    expect(await host.hasAddress()).toBe(true);
  });

  test("outlives a restart and a crash, and the restart itself changes nothing", async () => {
    const { host, daemon, order } = await makeOrdered();
    await order("withdraw", { for_ms: 3600e3 });
    await daemon.until(withdrawn);
    await daemon.stop();
    const second = host.run();
    await second.until(allUp);
    await sleep(500);
    expect(await host.hasAddress()).toBe(false);
    await second.kill();
    const third = host.run();
    const status = await third.until((status) => allUp(status) && orderOf(status) !== null);
    expect(orderOf(status)?.leftMs).toBeLessThan(3600e3);
    expect(await host.hasAddress()).toBe(false);
    expect(second.routeLines()).toEqual([]);
    expect(third.routeLines()).toEqual([]);
  });

  test("ends by itself, and its prefix is its checks' again", async () => {
    const { daemon, order } = await makeOrdered();
    await order("withdraw", { for_ms: 1500 });
    await daemon.until(withdrawn);
    const status = await daemon.until(announced);
    expect(orderOf(status)).toBeNull();
    await daemon.logged(({ event, msg }) => event === "order" && /expired|is over|ended/.test(msg));
  });

  test("that ends waits for a pass, and says so", async () => {
    // Its silence is no failure before the timeout: until then the check is as it was, and up.
    const { server, daemon, order } = await makeOrdered({ check: { timeout: "20s" } });
    await order("withdraw");
    await daemon.until(withdrawn);
    server.kill("SIGSTOP");
    await order("undrain");
    const { because, checks } = prefixIn(await daemon.until((status) => orderOf(status) === null), anycast);
    expect([because, checks[0]!.state]).toEqual(["no pass has been seen since its order or lease ended", "up"]);
    server.kill("SIGCONT");
    await daemon.until(announced);
  });

  test("that ends does not announce what is dead", async () => {
    const { host, server, daemon, order } = await makeOrdered();
    await order("withdraw");
    await daemon.until(withdrawn);
    server.kill("SIGKILL");
    await daemon.until((status) => prefixIn(status, anycast).checks[0]!.state === "down");
    await order("undrain");
    await sleep(1500);
    expect(await host.hasAddress()).toBe(false);
  });

  test("to announce, by force only, beats the checks until it ends", async () => {
    const { host, server, daemon, order } = await makeOrdered();
    server.kill("SIGKILL");
    await daemon.until(withdrawn);
    await expect(order("announce")).rejects.toThrow(/--force/);
    await order("announce", { force: true });
    await daemon.until(announced);
    await order("undrain");
    await daemon.until(withdrawn);
    expect(await host.hasAddress()).toBe(false);
  });

  test("to hold is for what is withdrawn, and ends when somebody puts it back", async () => {
    const { host, daemon, order } = await makeOrdered();
    await expect(order("hold")).rejects.toThrow(/is announced: say `withdraw/);
    await order("withdraw");
    await daemon.until(withdrawn);
    await order("hold", { reason: "bad disk" });
    await order("undrain").catch(() => {});
    await order("withdraw");
    await order("undrain");
    await daemon.until(announced);
    await host.deleteAddress();
    await daemon.until((status) => orderOf(status)?.kind === "manual");
    await order("undrain");
    await daemon.until(announced);
  });

  test("for a service that shares its prefix names the others, and wants force", async () => {
    const host = await makeHost();
    await host.answer();
    const config = host.config();
    const { services } = config as { services: Record<string, unknown> };
    const daemon = host.run({ ...config, services: { ...services, other: services["resolver"] } });
    await daemon.until(allUp);
    const what = "resolver";
    await expect(call(host.control, "drain", { what })).rejects.toThrow(/also serves other/);
    await call(host.control, "drain", { what, force: true });
    await daemon.until(withdrawn);
  });

  test.each([
    [{ what: "nobody" }, /expected a service or a prefix of resolver, 203\.0\.113\.53\/32, got "nobody"/],
    [{ for_ms: -1 }, /for_ms: expected more than 0/],
    [{ for_ms: "1h" }, /for_ms: expected/],
    [{ reason: 7 }, /reason: expected text/],
    [{ force: "yes" }, /force: expected true or false/],
  ])("that makes no sense, as %j, is refused and changes nothing", async (args, message) => {
    const { daemon, order } = await makeOrdered();
    await expect(order("withdraw", args)).rejects.toThrow(message);
    expect(orderOf(await daemon.status())).toBeNull();
  });
});

describe.skipIf(skipWithoutLab(hostMissing()))("a freeze", () => {
  test("touches nothing while the service dies, over a restart, and unfreeze catches up", async () => {
    const { host, server, daemon, order } = await makeOrdered();
    await order("freeze", { reason: "incident 7" });
    server.kill("SIGKILL");
    await daemon.until((status) => prefixIn(status, anycast).checks[0]!.state === "down");
    await daemon.stop();
    const second = host.run();
    await second.until((status) => prefixIn(status, anycast).checks[0]!.state === "down");
    expect((await second.status()).frozen).toMatchObject({ by: `root (pid ${process.pid})`, reason: "incident 7" });
    await sleep(1200);
    expect(await host.hasAddress()).toBe(true);
    expect([...daemon.routeLines(), ...second.routeLines()]).toEqual([]);
    await order("unfreeze");
    await second.until(withdrawn);
  });

  test("holds a lease open though nothing is judged, and ends by itself", async () => {
    const { host, server, daemon, order } = await makeOrdered({ address: { lease: "2s" } });
    await order("freeze", { for_ms: 5000 });
    server.kill("SIGKILL");
    await sleep(4000);
    expect(await host.hasAddress()).toBe(true);
    await daemon.until(withdrawn);
    expect((await daemon.status()).frozen).toBeNull();
  });

  test("keeps on_exit: withdraw from withdrawing", async () => {
    const { host, daemon, order } = await makeOrdered({ service: { on_exit: "withdraw" } });
    await order("freeze");
    expect(await daemon.stop()).toBe(0);
    expect(await host.hasAddress()).toBe(true);
  });
});

describe.skipIf(skipWithoutLab(hostMissing()))("the journal", () => {
  test("tells why, also what is told from now on", async () => {
    const { host, server, daemon, order } = await makeOrdered();
    const kinds: string[] = [];
    const following = (async () => {
      for await (const event of follow(host.control, "events", { follow: true })) {
        const { kind, message } = event as { kind: string; message: string };
        kinds.push(kind);
        if (kind === "route" && message.includes("withdrawn")) return;
      }
    })();
    await sleep(200);
    server.kill("SIGKILL");
    await daemon.until(withdrawn);
    await following;
    expect(kinds).toEqual(expect.arrayContaining(["check", "decision", "action", "route"]));
    const why = (await order("why")) as unknown as { events: { message: string }[] };
    expect(why.events.map(({ message }) => message).join("\n")).toMatch(/withdrawn wanted: .* is down/);
  });
});

describe.skipIf(skipWithoutLab(hostMissing()))("an absence", () => {
  test("that began while no daemon ran is an order after a clean stop, and none after a crash", async () => {
    const { host, daemon } = await makeOrdered();
    await daemon.stop();
    await host.deleteAddress();
    const second = host.run();
    const status = await second.until((status) => orderOf(status) !== null);
    expect(orderOf(status)).toMatchObject({ kind: "manual", by: "somebody while anyprobe was not running" });
    await host.addAddress();
    await second.until((status) => announced(status) && orderOf(status) === null);
    await second.kill();
    await host.deleteAddress();
    await host.run().until(announced, 15_000);
  });
});

describe.skipIf(skipWithoutLab(hostMissing()))("damping", () => {
  test("delays the return, twice as long each time, and never a withdrawal, also over a restart", async () => {
    const damping = { hold_down: "2s", max: "1m", forget: "10m" };
    const { host, server, daemon } = await makeOrdered({ service: { damping } });
    server.kill("SIGKILL");
    await daemon.until(withdrawn);
    const again = await host.answer();
    const held = await daemon.until((status) => allUp(status) && prefixIn(status, anycast).holdDownMs > 0);
    expect(prefixIn(held, anycast).holdDownMs).toBeLessThanOrEqual(2000);
    await daemon.until(announced);
    again.kill("SIGKILL");
    await daemon.until(withdrawn);
    await daemon.stop();
    await host.answer();
    const second = host.run(host.config({ service: { damping } }));
    const longer = await second.until((status) => allUp(status) && prefixIn(status, anycast).holdDownMs > 0);
    expect(prefixIn(longer, anycast).holdDownMs).toBeLessThanOrEqual(4000);
    await second.until(announced);
  });
});
