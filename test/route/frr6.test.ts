import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Network } from "../../src/demo/network.js";
import { redistributeLine6 } from "../../src/demo/ospfd-conf.js";
import type { RouteMonitor } from "../../src/demo/route-monitor.js";
import type { Announcement, DriverEvent } from "../../src/route/driver.js";
import { Frr6Driver } from "../../src/route/frr6.js";
import { addressOf, type Prefix, prefixOf } from "../../src/route/prefix.js";
import { monotonicNs } from "../../src/units.js";
import { skipWithoutLab } from "../support/lab.js";
import { lsaOf6, metricOf6, operate6, restartWith6, running6 } from "../support/ospf6d.js";

const first = prefixOf("2001:db8::53");
const second = prefixOf("2001:db8::54");
const both = [first, second];

let network: Network;
let monitor: RouteMonitor;
let driver: Frr6Driver;
let events: DriverEvent[];

async function start(announce: "network" | "redistribute"): Promise<void> {
  network = await Network.create({
    endpoints: 2,
    announce,
    timers: "tuned",
    prefixes: both,
    client: false,
    ipv6: true,
  });
  monitor = await network.routeMonitor();
}

const open = async (changes = driver?.changes() ?? [], ways: ReturnType<Frr6Driver["ways"]> = []) => {
  events = [];
  driver = new Frr6Driver({ sockets: network.endpoints[0]!.router.sockets, timeoutMs: 500 });
  await driver.open(changes, (event) => events.push(event), ways);
};

/** An operator at vtysh. */
const operate = (...lines: string[]) => operate6(network.endpoints[0]!, ...lines);

/** The lines of the running configuration that are ours or touch a prefix-list. */
const traces = async () =>
  (await running6(network.endpoints[0]!))
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => /ANYPROBE|advertise|redistribute|^route-map/.test(line));

const sequenceOf = (prefix: Prefix) => lsaOf6(network.endpoints[0]!, prefix);

/** Waits until the driver sees it, and R1's kernel says the same. */
async function settled(prefix: Prefix, announcement: Announcement): Promise<void> {
  const observe = async () => (await driver.observe(both)).get(prefix)?.announcement;
  await expect.poll(observe, { timeout: 20_000 }).toBe(announcement);
  const hops = () => network.nextHops(prefix).then((via) => via.length);
  await expect.poll(hops, { timeout: 5000 }).toBe(announcement === "announced" ? 2 : 1);
}

/** Waits for the acknowledgement too, with which an ospf6d takes its time: 3 s. */
async function verified(prefix: Prefix): Promise<void> {
  await expect.poll(async () => (await driver.observe(both)).get(prefix)?.verified, { timeout: 20_000 }).toBe(true);
}

const endpointGone = (hops: readonly string[]) => hops.length > 0 && !hops.includes(network.endpoints[0]!.address6);
const endpointBack = (hops: readonly string[]) => hops.includes(network.endpoints[0]!.address6);

const options = { timeout: 60_000 };

describe.skipIf(skipWithoutLab())("announced by ipv6 ospf6 area on lo", options, () => {
  beforeAll(() => start("network"));
  afterAll(() => network?.close());
  beforeEach(() => open([]));
  afterEach(async () => {
    await driver.announce(both).catch(() => {});
    await driver.close();
  });

  test("withdraw takes one prefix from the router's kernel table and leaves the other, announce leaves no trace", async () => {
    await settled(first, "announced");
    const before = await traces();
    const sinceNs = monotonicNs();
    await driver.withdraw([first]);
    const gone = await monitor.until(addressOf(first), endpointGone, sinceNs);
    expect(gone.atNs - sinceNs).toBeLessThan(1e9);
    const undo = { device: "lo", list: "ANYPROBE_lo" };
    expect(driver.changes()).toEqual([{ driver: "frr", prefix: first, undo }]);
    await settled(first, "withdrawn");
    await settled(second, "announced");
    expect((await driver.observe(both)).get(first)?.reason).toBe("not acknowledged by 198.18.255.1");
    await verified(first);
    const backNs = monotonicNs();
    await driver.announce([first]);
    await monitor.until(addressOf(first), endpointBack, backNs);
    await settled(first, "announced");
    expect(driver.changes()).toEqual([]);
    expect(await traces()).toEqual(before);
    expect(events).toEqual([]);
  });

  test("both leave in one change, and come back one after the other", async () => {
    await settled(first, "announced");
    const sinceNs = monotonicNs();
    await driver.withdraw(both);
    const gone = await Promise.all(both.map((prefix) => monitor.until(addressOf(prefix), endpointGone, sinceNs)));
    expect(Math.abs(gone[0]!.atNs - gone[1]!.atNs)).toBeLessThan(100e6);
    await driver.withdraw(both);
    await driver.announce([second]);
    await settled(second, "announced");
    await settled(first, "withdrawn");
    expect(driver.changes()).toHaveLength(1);
  });

  test("a list of the operator's keeps all but the entry that is ours while it stands", async () => {
    await operate(
      `ipv6 prefix-list OURS seq 5 permit ${second}`,
      "ipv6 prefix-list OURS seq 10 permit 2001:db8::/32 le 128",
      "interface lo",
      "ipv6 ospf6 advertise prefix-list OURS",
    );
    const list = async () => (await running6(network.endpoints[0]!)).match(/^ipv6 prefix-list .*$/gm);
    const before = await list();
    await driver.observe(both);
    await driver.withdraw([first]);
    expect(await list()).toContain(`ipv6 prefix-list OURS seq 9 deny ${first}`);
    await settled(first, "withdrawn");
    await settled(second, "announced");
    await driver.announce([first]);
    await settled(first, "announced");
    expect(await list()).toEqual(before);
    await operate("interface lo", "no ipv6 ospf6 advertise prefix-list OURS", "no ipv6 prefix-list OURS");
  });

  test("it has no rung, and says why", async () => {
    const observation = (await driver.observe(both)).get(first);
    expect(observation?.noRung).toMatch(/ospf6d has one cost for all addresses of lo/);
    expect(observation?.way).toMatch(/^prefix-list ANYPROBE_lo of lo/);
    await expect(driver.deprefer([first], "drained")).rejects.toMatchObject({
      code: "ERR_ROUTE_UNSUPPORTED",
      prefixes: [first],
    });
  });

  test("a daemon that knows nothing of an earlier change finds it by its name", async () => {
    await driver.withdraw([first]);
    await driver.close();
    await open([]);
    await settled(first, "withdrawn");
    expect(driver.changes()).toHaveLength(1);
    await driver.announce([first]);
    await settled(first, "announced");
    expect(driver.changes()).toEqual([]);
  });

  test("an operator's removal and return are told; a vanished address is neither", async () => {
    await settled(first, "announced");
    await operate("interface lo", "no ipv6 ospf6 area 0");
    await settled(first, "withdrawn");
    expect(events.map(({ kind }) => kind)).toEqual(["removed", "removed"]);
    await operate("interface lo", "ipv6 ospf6 area 0");
    await settled(first, "announced");
    expect(events.slice(2).map(({ kind }) => kind)).toEqual(["appeared", "appeared"]);
    await operate(
      `ipv6 prefix-list NOT seq 5 deny ${second}`,
      "ipv6 prefix-list NOT seq 10 permit any",
      "interface lo",
      "ipv6 ospf6 advertise prefix-list NOT",
    );
    await settled(second, "withdrawn");
    expect(events.slice(4)).toEqual([{ kind: "removed", prefix: second, by: "an operator at ospf6d" }]);
    await operate("interface lo", "no ipv6 ospf6 advertise prefix-list NOT", "no ipv6 prefix-list NOT");
    await settled(second, "announced");
    const { namespace } = network.endpoints[0]!;
    await namespace.ip("address", "del", first, "dev", "lo");
    await settled(first, "withdrawn");
    await namespace.ip("address", "add", first, "dev", "lo", "nodad");
    await settled(first, "announced");
    expect(events).toHaveLength(6);
    expect(driver.changes()).toEqual([]);
  });

  test("a killed ospf6d is lost and unknown; after its restart it is back, announced again", async () => {
    const { router } = network.endpoints[0]!;
    await driver.withdraw([first]);
    await settled(first, "withdrawn");
    await router.signalOspfd("SIGKILL", "ospf6d");
    await expect.poll(() => events.map((event) => event.kind), { interval: 5, timeout: 2000 }).toEqual(["lost"]);
    const observation = (await driver.observe([first])).get(first);
    expect(observation).toMatchObject({ announcement: "unknown", verified: false });
    expect(observation?.reason).toMatch(/ospf6d/);
    await expect(driver.withdraw([first])).rejects.toMatchObject({ code: "ERR_ROUTE_UNREACHABLE", prefixes: [first] });
    await router.startOspfd("ospf6d");
    await expect.poll(() => events.map((event) => event.kind), { timeout: 5000 }).toEqual(["lost", "back"]);
    await settled(first, "announced");
    expect(driver.changes()).toEqual([]);
    expect(events.filter((event) => event.kind === "removed")).toEqual([]);
  });

  test("an ospf6d that hangs is unknown, and known again when it goes on", async () => {
    const { router } = network.endpoints[0]!;
    await router.signalOspfd("SIGSTOP", "ospf6d");
    const reason = expect.stringMatching(/^ospf6d does not answer/);
    expect((await driver.observe([first])).get(first)).toEqual({ announcement: "unknown", verified: false, reason });
    await router.signalOspfd("SIGCONT", "ospf6d");
    await expect.poll(() => events.at(-1)?.kind, { timeout: 5000 }).toBe("back");
    await settled(first, "announced");
  });
});

describe.skipIf(skipWithoutLab())("announced by redistribution in ospf6d", options, () => {
  beforeAll(() => start("redistribute"));
  afterAll(() => network?.close());
  beforeEach(() => open([]));
  afterEach(async () => {
    await driver.announce(both).catch(() => {});
    await driver.close();
  });

  test("what goes the same way goes by the line, at once, down the ladder and up", async () => {
    await settled(first, "announced");
    const before = await traces();
    for (const target of ["dead", "withdrawn", "drained"] as const) {
      const sinceNs = monotonicNs();
      if (target === "withdrawn") await driver.withdraw(both);
      else await driver.deprefer(both, target);
      if (target === "dead") {
        const gone = await monitor.until(addressOf(first), endpointGone, sinceNs);
        expect(gone.atNs - sinceNs).toBeLessThan(1e9);
      }
      await settled(first, target);
      await settled(second, target);
      expect(driver.changes().map(({ undo }) => undo["redistribute"])).toEqual([redistributeLine6, redistributeLine6]);
    }
    await driver.announce(both);
    await settled(first, "announced");
    expect(await traces()).toEqual(before);
    expect(driver.changes()).toEqual([]);
    expect(events).toEqual([]);
  });

  test("one of several goes by the route-map, and the LSA of the other does not move", async () => {
    await settled(first, "announced");
    const [before, sequence] = [await traces(), await sequenceOf(second)];
    await driver.deprefer([first], "degraded");
    await settled(first, "degraded");
    expect(driver.changes()).toEqual([
      { driver: "frr", prefix: first, undo: { listed: "degraded", rung: "degraded" } },
    ]);
    // A daemon of another life finds it all by its names.
    await driver.close();
    await open([]);
    await settled(first, "degraded");
    expect((await driver.observe(both)).get(first)?.way).toBe(
      `prefix-lists that its route-map calls, 5 s late: ${second} stays`,
    );
    await driver.announce([first]);
    await settled(first, "announced");
    expect(await sequenceOf(second)).toEqual(sequence);
    expect(await traces()).toEqual(before);
    expect(events).toEqual([]);
  });

  test("of those that left by the line one comes back alone", async () => {
    await settled(first, "announced");
    await driver.withdraw(both);
    await settled(second, "withdrawn");
    const sinceNs = monotonicNs();
    await driver.announce([first]);
    await monitor.until(addressOf(first), endpointBack, sinceNs);
    await settled(first, "announced");
    await settled(second, "withdrawn");
    await driver.announce([second]);
    await settled(second, "announced");
    expect(driver.changes()).toEqual([]);
  });

  test("what an operator's `write memory` saved of ours is known by the next run of both daemons, and undone", async () => {
    await settled(first, "announced");
    const node = network.endpoints[0]!;
    await driver.withdraw([first]);
    await driver.close();
    await restartWith6(node, await running6(node));
    await open([]);
    await settled(first, "withdrawn");
    await settled(second, "announced");
    expect(driver.changes()).toEqual([{ driver: "frr", prefix: first, undo: { listed: "withdrawn" } }]);
    await driver.announce([first]);
    await settled(first, "announced");
    expect(await running6(node)).not.toContain("ANYPROBE");
  });

  test("an operator who takes one out of the prefix-list, or the line away, has removed it", async () => {
    await settled(first, "announced");
    await operate("no ipv6 prefix-list ANYCAST6 seq 5");
    await driver.observe(both);
    expect(events).toEqual([{ kind: "removed", prefix: first, by: "an operator at ospf6d" }]);
    // Before ospf6d has followed.
    await operate(`ipv6 prefix-list ANYCAST6 seq 5 permit ${first}`);
    await driver.observe(both);
    expect(events.slice(1).map(({ kind }) => kind)).toEqual(["appeared"]);
    await operate("router ospf6", "no redistribute connected");
    await settled(first, "withdrawn");
    expect(events.slice(2).map(({ kind }) => kind)).toEqual(["removed", "removed"]);
    await operate("router ospf6", redistributeLine6);
    await settled(first, "announced");
  });

  test("without a route-map one of several is refused", async () => {
    await settled(first, "announced");
    await operate("router ospf6", "redistribute connected metric 20 metric-type 1");
    // It lets go of both and announces them anew.
    await expect.poll(() => metricOf6(network.endpoints[0]!, second), { timeout: 5000 }).toBe(20);
    await expect(driver.withdraw([first])).rejects.toMatchObject({
      code: "ERR_ROUTE_UNSUPPORTED",
      message: expect.stringMatching(/has no route-map/),
    });
    await operate("router ospf6", redistributeLine6);
    await settled(first, "announced");
  });
});
