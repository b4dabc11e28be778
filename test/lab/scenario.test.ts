// Faults of servers, routers, operators and of anyprobe itself, in a real OSPF network: after each, R1's route is where it
// should be, the other endpoints answer, and recovery announces again.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { monotonicNs } from "../../src/units.js";
import { allUp, type DaemonProcess, prefixIn } from "../support/daemon.js";
import { anycastAddress, behave, spawnAnswerer } from "../support/host.js";
import { skipWithoutLab } from "../support/lab.js";
import { anycast, Lab, type LabEndpoint } from "./lab.js";
import { announced, expectOnly, expectRouted, manualOf, originations, runDaemon, withdrawn } from "./scenario.js";
import { serverMissing } from "./servers.js";

describe.skipIf(skipWithoutLab() || skipWithoutLab(serverMissing("unbound")))("in a network of three endpoints", () => {
  let lab: Lab;
  let e1: LabEndpoint;
  let e2: LabEndpoint;
  let e3: LabEndpoint;
  let all: LabEndpoint[];
  const daemons = new Map<LabEndpoint, DaemonProcess>();
  const othersOf = (endpoint: LabEndpoint) => all.filter((one) => one !== endpoint);
  const drivers = { e1: "address", e2: "frr", e3: "address" } as const;

  /** daemonOf gives the endpoint's daemon, started anew where an earlier scenario ended it or left it another config. */
  async function daemonOf(
    endpoint: LabEndpoint,
    options: Parameters<typeof runDaemon>[1] = {},
  ): Promise<DaemonProcess> {
    const running = daemons.get(endpoint);
    if (running?.child.exitCode === null) await running.stop();
    const daemon = runDaemon(endpoint, { driver: drivers[endpoint.node.name as "e1"], ...options });
    daemons.set(endpoint, daemon);
    await daemon.until((status) => allUp(status) && announced(status));
    return daemon;
  }

  beforeAll(async () => {
    lab = await Lab.create({ client: true });
    all = [...lab.endpoints];
    [e1, e2, e3] = lab.endpoints as [LabEndpoint, LabEndpoint, LabEndpoint];
    await Promise.all(all.map((endpoint) => daemonOf(endpoint)));
  });
  afterAll(() => lab?.close());

  const sickness = [
    ["is killed", "SIGKILL"],
    ["hangs", "SIGSTOP"],
  ] as const;
  describe.each(["e1", "e2"] as const)("%s", (name) => {
    const endpointOf = () => all.find(({ node }) => node.name === name)!;

    test.each(sickness)(`leaves when its server %s (${drivers[name]} driver), and comes back`, async (_, signal) => {
      const endpoint = endpointOf();
      const daemon = daemons.get(endpoint)!;
      endpoint.server!.signal(signal);
      await daemon.until(withdrawn);
      await expectOnly(lab, othersOf(endpoint), 1000);
      if (signal === "SIGSTOP") endpoint.server!.signal("SIGCONT");
      else await endpoint.restartServer();
      await daemon.until(announced);
      await expectOnly(lab, all, 1000);
    });
  });

  test("leaves when its server answers wrong, and comes back when it is right again", async () => {
    const daemon = daemons.get(e3)!;
    await e3.server!.stop();
    const manner = { mode: "normal", nsid: "e3" } as const;
    const answerer = await spawnAnswerer(e3.node.namespace, { address: anycastAddress, port: 53, ...manner });
    try {
      await daemon.until(announced);
      await expectOnly(lab, all);
      for (const [mode, reason] of [
        ["servfail", /^fail: .*SERVFAIL/],
        ["wrong", /^fail: .*198\.51\.100\.66/],
      ] as const) {
        await behave(answerer, { mode });
        await daemon.until(withdrawn);
        await expectOnly(lab, othersOf(e3), 1000);
        expect(prefixIn(await daemon.status(), anycast).checks[0]!.last).toMatch(reason);
        await behave(answerer, { mode: "normal" });
        await daemon.until(announced);
        await expectOnly(lab, all, 1000);
      }
      // Another endpoint's name in a good answer is no proof of this one.
      await behave(answerer, { nsid: "e1" });
      await daemon.until(withdrawn);
    } finally {
      answerer.kill("SIGKILL");
    }
    await e3.startServer();
    await daemon.until(announced);
  });

  test("stays away while an operator has taken the address, and is managed again once it is put back", async () => {
    const daemon = daemons.get(e1)!;
    await e1.node.namespace.ip("address", "del", anycast, "dev", "lo");
    await expectOnly(lab, [e2, e3]);
    await daemon.logged(({ event }) => event === "manual");
    await sleep(1500);
    expect(await manualOf(daemon)).toMatch(/^pid \d+$/);
    await expectRouted(lab, [e2, e3], 0);
    await e1.node.namespace.ip("address", "add", anycast, "dev", "lo", "label", "lo:0");
    await expectOnly(lab, all);
    expect(await manualOf(daemon)).toBeUndefined();
    e1.server!.signal("SIGKILL");
    await daemon.until(withdrawn);
    await expectOnly(lab, [e2, e3], 1000);
    // Put back by hand while the service is dead, it goes again.
    await e1.node.namespace.ip("address", "add", anycast, "dev", "lo", "label", "lo:0");
    await daemon.logged(({ event }) => event === "appeared");
    await daemon.until(withdrawn);
    await expectRouted(lab, [e2, e3], 1000);
    await e1.restartServer();
    await daemon.until(announced);
    await expectOnly(lab, all, 1000);
  });

  test("an operator's `no network` is left alone until the line is back (frr driver)", async () => {
    const daemon = daemons.get(e2)!;
    const vtysh = (line: string) =>
      lab.network.endpoints[1]!.namespace.exec(
        "vtysh",
        ...["--vty_socket", e2.node.router.sockets, "-c", "configure terminal", "-c", "router ospf", "-c", line],
      );
    await vtysh(`no network ${anycast} area 0`);
    await daemon.logged(({ event }) => event === "manual");
    await expectOnly(lab, [e1, e3]);
    await vtysh(`network ${anycast} area 0`);
    await daemon.logged(({ event }) => event === "manual-ended");
    await expectOnly(lab, all);
  });

  test("keeps its route when anyprobe is killed without a lease", async () => {
    await daemons.get(e3)!.kill();
    const sinceNs = monotonicNs();
    await sleep(2500);
    await expectOnly(lab, all, 0);
    const daemon = await daemonOf(e3);
    await expectRouted(lab, all, 0);
    expect(lab.monitor.events.filter(({ atNs }) => atNs > sinceNs)).toEqual([]);
    expect(daemon.routeLines()).toEqual([]);
  });

  test("loses its route when anyprobe is killed with a lease, and gets it back once it has proven itself", async () => {
    const leased = { address: { lease: "2s" } };
    const daemon = await daemonOf(e3, leased);
    await sleep(3000);
    await expectRouted(lab, all, 0);
    await daemon.kill();
    await expectOnly(lab, [e1, e2], 4500);
    e3.server!.signal("SIGSTOP");
    const next = runDaemon(e3, leased);
    daemons.set(e3, next);
    await next.until((status) => prefixIn(status, anycast).checks[0]!.state === "down");
    await expectRouted(lab, [e1, e2], 0);
    e3.server!.signal("SIGCONT");
    await next.until((status) => announced(status) && allUp(status));
    await expectOnly(lab, all, 1000);
    // A stall that outlives the lease: back on the first passes, without waiting to be stable.
    next.signal("SIGSTOP");
    await expectRouted(lab, [e1, e2], 4500);
    next.signal("SIGCONT");
    await next.logged(({ event }) => event === "expired");
    await expectOnly(lab, all, 1000);
    await daemonOf(e3);
  });

  test("does not come back with its router while the service is sick", async () => {
    const daemon = daemons.get(e2)!;
    e2.server!.signal("SIGKILL");
    await daemon.until(withdrawn);
    await e2.node.router.signalOspfd("SIGKILL");
    const lost = await daemon.until((status) => prefixIn(status, anycast).observed === "unknown");
    expect(prefixIn(lost, anycast)).toMatchObject({ verified: false, reason: /ospfd/ });
    const sinceNs = monotonicNs();
    await e2.node.router.startOspfd();
    await daemon.until((status) => prefixIn(status, anycast).observed === "withdrawn", 3000);
    await daemon.until(withdrawn, 30_000);
    await expectOnly(lab, [e1, e3]);
    const via = lab.monitor.events.filter(({ atNs, nextHops }) => atNs > sinceNs && nextHops.includes(e2.gateway));
    expect(via.filter(({ destination }) => destination === anycastAddress)).toEqual([]);
    await e2.restartServer();
    await daemon.until(announced);
    await expectOnly(lab, all);
  });

  test("withdraws nothing because an ospfd died", async () => {
    const daemon = daemons.get(e2)!;
    const before = daemon.routeLines().length;
    await e2.node.router.signalOspfd("SIGKILL");
    await daemon.until((status) => prefixIn(status, anycast).observed === "unknown");
    await sleep(1500);
    expect(allUp(await daemon.status())).toBe(true);
    await e2.node.router.startOspfd();
    await daemon.until(announced, 30_000);
    await expectOnly(lab, all, 30_000);
    expect(daemon.routeLines().slice(before)).toEqual([]);
  });

  test("puts back after a kill -9 what it took from its router", async () => {
    const daemon = daemons.get(e2)!;
    e2.server!.signal("SIGKILL");
    await daemon.until(withdrawn);
    await daemon.logged(({ action }) => action === "withdraw");
    await daemon.kill();
    await e2.restartServer();
    await sleep(1000);
    await expectOnly(lab, [e1, e3], 0);
    await daemonOf(e2);
    await expectOnly(lab, all);
  });

  test("starts while its router is away, and finds it when it comes", async () => {
    await daemons.get(e2)!.stop();
    await e2.node.router.signalOspfd("SIGKILL");
    const daemon = runDaemon(e2, { driver: "frr" });
    daemons.set(e2, daemon);
    const status = await daemon.until(allUp);
    expect(prefixIn(status, anycast)).toMatchObject({ observed: "unknown", verified: false, wanted: "announced" });
    await e2.node.router.startOspfd();
    await daemon.until(announced, 30_000);
    await expectOnly(lab, all, 30_000);
    expect(daemon.routeLines()).toEqual([]);
  });

  test("originates no LSA for a restart that confirm.for rides out", async () => {
    const daemon = await daemonOf(e1, { check: { confirm: { for: "1s" } } });
    await expectRouted(lab, all);
    const before = await originations(lab, e1);
    await e1.restartServer();
    await daemon.logged(({ event, to }) => event === "check" && to === "falling");
    await daemon.until(allUp);
    await sleep(1500);
    expect(daemon.routeLines()).toEqual([]);
    expect(await originations(lab, e1)).toBe(before);
    // A death that lasts is not ridden out.
    e1.server!.signal("SIGKILL");
    await daemon.until(withdrawn);
    expect(await originations(lab, e1)).not.toBe(before);
    await e1.restartServer();
    await daemon.until(announced);
  });
});
