import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Network } from "../../src/demo/network.js";
import type { RouteMonitor } from "../../src/demo/route-monitor.js";
import type { Announcement, DriverEvent } from "../../src/route/driver.js";
import { FrrDriver } from "../../src/route/frr.js";
import { addressOf, type Prefix, prefixOf } from "../../src/route/prefix.js";
import { monotonicNs } from "../../src/units.js";
import { skipWithoutLab } from "../support/lab.js";
import { operate, suppresses } from "../support/ospfd.js";
import { withoutJson } from "../support/without-json.js";

const first = prefixOf("203.0.113.53");
const second = prefixOf("203.0.113.54");
const both = [first, second];

let network: Network;
let monitor: RouteMonitor;
let driver: FrrDriver;
let events: DriverEvent[];

async function start(): Promise<void> {
  network = await Network.create({ endpoints: 2, announce: "network", timers: "tuned", prefixes: both, client: false });
  monitor = await network.routeMonitor();
}

const open = async (changes = driver?.changes() ?? [], ways: ReturnType<FrrDriver["ways"]> = []) => {
  events = [];
  driver = new FrrDriver({ sockets: network.endpoints[0]!.router.sockets, timeoutMs: 500 });
  await driver.open(changes, (event) => events.push(event), ways);
};

/** Waits until the driver has verified it, and R1's kernel says the same. */
async function settled(prefix: Prefix, announcement: Announcement): Promise<void> {
  const observe = async () => (await driver.observe(both)).get(prefix);
  await expect.poll(observe, { timeout: 20_000 }).toMatchObject({ announcement, verified: true });
  const hops = () => network.nextHops(prefix).then((via) => via.length);
  await expect.poll(hops).toBe(announcement === "announced" ? 2 : 1);
}

const endpointGone = (hops: readonly string[]) => !hops.includes(network.endpoints[0]!.address);
const endpointBack = (hops: readonly string[]) => hops.includes(network.endpoints[0]!.address);

describe.skipIf(skipWithoutLab())("announced by network statements", () => {
  beforeAll(start);
  afterAll(() => network?.close());
  beforeEach(() => open([]));
  afterEach(async () => {
    await driver.announce(both).catch(() => {});
    await driver.close();
  });

  test("withdraw takes one prefix from the router's kernel table and leaves the other, announce brings it back", async () => {
    await settled(first, "announced");
    const sinceNs = monotonicNs();
    await driver.withdraw([first]);
    expect(driver.changes()).toEqual([{ driver: "frr", prefix: first, undo: { network: "0", device: "lo" } }]);
    await monitor.until(addressOf(first), endpointGone, sinceNs);
    await settled(first, "withdrawn");
    await settled(second, "announced");
    const backNs = monotonicNs();
    await driver.announce([first]);
    await monitor.until(addressOf(first), endpointBack, backNs);
    await settled(first, "announced");
    expect(driver.changes()).toEqual([]);
    expect(monitor.events.filter((event) => event.destination === addressOf(second))).toEqual([]);
    expect(events).toEqual([]);
  });

  test("two prefixes leave in one change", async () => {
    await settled(first, "announced");
    const sinceNs = monotonicNs();
    await driver.withdraw(both);
    const gone = await Promise.all(both.map((prefix) => monitor.until(addressOf(prefix), endpointGone, sinceNs)));
    expect(Math.abs(gone[0]!.atNs - gone[1]!.atNs)).toBeLessThan(100e6);
    await settled(second, "withdrawn");
  });

  test("withdrawing what is withdrawn and announcing what is announced changes nothing", async () => {
    await driver.withdraw([first]);
    await driver.withdraw([first]);
    expect(driver.changes()).toHaveLength(1);
    await driver.announce([first]);
    await driver.announce([first]);
    await settled(first, "announced");
  });

  test("a change is not verified before the neighbour has acknowledged it", async () => {
    await settled(first, "announced");
    await driver.withdraw([first]);
    const observation = (await driver.observe([first])).get(first);
    expect(observation).toMatchObject({ announcement: "withdrawn", verified: false });
    expect(observation?.reason).toBe("not acknowledged by 198.18.255.1");
  });

  test("a restarted daemon puts back what the one before took away", async () => {
    await driver.withdraw([first]);
    const changes = JSON.parse(JSON.stringify(driver.changes()));
    await driver.close();
    await open(changes);
    await settled(first, "withdrawn");
    await driver.announce([first]);
    await settled(first, "announced");
    expect(driver.changes()).toEqual([]);
  });

  test("a daemon that is killed before it has written down its change still knows the way back", async () => {
    await settled(first, "announced");
    const ways = JSON.parse(JSON.stringify(driver.ways()));
    await driver.withdraw([first]);
    await driver.close();
    await open([], ways);
    await settled(first, "withdrawn");
    await driver.announce([first]);
    await settled(first, "announced");
  });

  test("an operator's removal and return are told; a vanished address is neither", async () => {
    await driver.observe(both);
    await operate(network.endpoints[0]!, "router ospf", `no network ${first} area 0`);
    await settled(first, "withdrawn");
    expect(events).toEqual([{ kind: "removed", prefix: first, by: "an operator at ospfd" }]);
    await operate(network.endpoints[0]!, "router ospf", `network ${first} area 0`);
    await settled(first, "announced");
    expect(events.slice(1)).toEqual([{ kind: "appeared", prefix: first, by: "an operator at ospfd" }]);
    const { namespace } = network.endpoints[0]!;
    await namespace.ip("address", "del", first, "dev", "lo");
    await settled(first, "withdrawn");
    await namespace.ip("address", "add", first, "dev", "lo");
    await settled(first, "announced");
    expect(events).toHaveLength(2);
    expect(driver.changes()).toEqual([]);
  });

  describe("under a wider network statement", () => {
    const wider = "network 203.0.113.52/31 area 0";
    beforeEach(() => operate(network.endpoints[0]!, "router ospf", `no network ${first} area 0`, wider));
    afterEach(async () => {
      await driver.announce([first]);
      await operate(network.endpoints[0]!, "router ospf", `no ${wider}`, `network ${first} area 0`);
    });

    test("it can deprefer", async () => {
      await driver.deprefer([first], "drained");
      await expect.poll(async () => (await driver.observe(both)).get(first)?.announcement).toBe("drained");
    });

    if (suppresses)
      test("it withdraws by suppressing the address, and leaves the other", async () => {
        await driver.withdraw([first]);
        await settled(first, "withdrawn");
        await settled(second, "announced");
        await driver.announce([first]);
        await settled(first, "announced");
        expect(driver.changes()).toEqual([]);
      });
    else
      test("it refuses to withdraw, and says what to use instead", async () => {
        await expect(driver.withdraw([first])).rejects.toMatchObject({
          code: "ERR_ROUTE_UNSUPPORTED",
          message: expect.stringMatching(
            /`network 203\.0\.113\.52\/31 area 0`.*FRR 9\.1.*`network 203\.0\.113\.53\/32 area …`/,
          ),
          prefixes: [first],
        });
      });
  });

  test("no adjacency is no verification", async () => {
    const { namespace } = network.endpoints[0]!;
    await namespace.ip("link", "set", "up0", "down");
    await expect
      .poll(async () => (await driver.observe([first])).get(first))
      .toMatchObject({ announcement: "announced", verified: false, reason: "no adjacency" });
    await namespace.ip("link", "set", "up0", "up");
    await network.settled();
  });

  test("a killed ospfd is lost at once and unknown; after its restart it is back, announced again", async () => {
    const { router } = network.endpoints[0]!;
    await driver.withdraw([first]);
    await settled(first, "withdrawn");
    await router.signalOspfd("SIGKILL");
    await expect.poll(() => events.map((event) => event.kind), { interval: 5, timeout: 200 }).toEqual(["lost"]);
    const observation = (await driver.observe([first])).get(first);
    expect(observation).toMatchObject({ announcement: "unknown", verified: false });
    expect(observation?.reason).toMatch(/ospfd.vty/);
    await expect(driver.withdraw([first])).rejects.toMatchObject({ code: "ERR_ROUTE_UNREACHABLE", prefixes: [first] });
    await router.startOspfd();
    await expect.poll(() => events.map((event) => event.kind), { timeout: 5000 }).toEqual(["lost", "back"]);
    // The file's configuration is in force again: the change is lost, and no operator did it.
    await settled(first, "announced");
    expect(driver.changes()).toEqual([]);
    await driver.withdraw([first]);
    await settled(first, "withdrawn");
    expect(events.filter((event) => event.kind === "removed")).toEqual([]);
  });

  test("an ospfd that hangs is unknown, and known again when it goes on", async () => {
    const { router } = network.endpoints[0]!;
    await router.signalOspfd("SIGSTOP");
    const reason = expect.stringMatching(/does not answer/);
    expect((await driver.observe([first])).get(first)).toEqual({ announcement: "unknown", verified: false, reason });
    await router.signalOspfd("SIGCONT");
    await expect.poll(() => events.at(-1)?.kind, { timeout: 5000 }).toBe("back");
    await settled(first, "announced");
  });

  test("a daemon that knows no json, as Quagga, is read by its text", async () => {
    const directory = await mkdtemp(join(tmpdir(), "anyprobe-quagga-"));
    const real = join(network.endpoints[0]!.router.sockets, "ospfd.vty");
    const proxy = await withoutJson(join(directory, "ospfd.vty"), real);
    await driver.close();
    driver = new FrrDriver({ sockets: directory });
    await driver.open([], (event) => events.push(event));
    await settled(first, "announced");
    await driver.withdraw([first]);
    expect((await driver.observe([first])).get(first)?.reason).toBe("not acknowledged by 198.18.255.1");
    await settled(first, "withdrawn");
    await driver.announce([first]);
    await settled(first, "announced");
    await driver.close();
    await proxy.close();
    await rm(directory, { recursive: true });
    await open([]);
  });

  test("an IPv6 prefix is none of ospfd's", async () => {
    const prefix = prefixOf("2001:db8::53");
    expect((await driver.observe([prefix])).get(prefix)?.announcement).toBe("unknown");
    await expect(driver.withdraw([prefix, first])).rejects.toMatchObject({ prefixes: [prefix] });
    await settled(first, "withdrawn");
  });
});
