import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Network } from "../../src/demo/network.js";
import { redistributeLine } from "../../src/demo/ospfd-conf.js";
import type { RouteMonitor } from "../../src/demo/route-monitor.js";
import type { Announcement, DriverEvent } from "../../src/route/driver.js";
import { FrrDriver } from "../../src/route/frr.js";
import { addressOf, type Prefix, prefixOf } from "../../src/route/prefix.js";
import { monotonicNs } from "../../src/units.js";
import { skipWithoutLab } from "../support/lab.js";
import { externalOf, operate, restartWith, running } from "../support/ospfd.js";

const first = prefixOf("203.0.113.53");
const second = prefixOf("203.0.113.54");
const both = [first, second];

let network: Network;
let monitor: RouteMonitor;
let driver: FrrDriver;
let events: DriverEvent[];

async function start(): Promise<void> {
  network = await Network.create({
    endpoints: 2,
    announce: "redistribute",
    timers: "tuned",
    prefixes: both,
    client: false,
  });
  monitor = await network.routeMonitor();
}

const open = async (changes = driver?.changes() ?? [], ways: ReturnType<FrrDriver["ways"]> = []) => {
  events = [];
  driver = new FrrDriver({ sockets: network.endpoints[0]!.router.sockets, timeoutMs: 500 });
  await driver.open(changes, (event) => events.push(event), ways);
};

/** Waits until the driver sees it, and R1's kernel says the same: that is the proof here, the acknowledgement takes a second more. */
async function settled(prefix: Prefix, announcement: Announcement): Promise<void> {
  const observe = async () => (await driver.observe(both)).get(prefix);
  await expect.poll(observe, { timeout: 20_000 }).toMatchObject({ announcement });
  const hops = () => network.nextHops(prefix).then((via) => via.length);
  await expect.poll(hops, { timeout: 20_000 }).toBe(announcement === "announced" ? 2 : 1);
}

const endpointGone = (hops: readonly string[]) => !hops.includes(network.endpoints[0]!.address);

describe.skipIf(skipWithoutLab())("announced by redistribution", () => {
  beforeAll(start);
  afterAll(() => network?.close());
  beforeEach(() => open([]));
  afterEach(async () => {
    await driver.announce([first]).catch(() => {});
    await driver.announce([second]).catch(() => {});
    await driver.close();
  });

  test("all prefixes of the router leave together and come back with the configured line", async () => {
    await settled(first, "announced");
    const sinceNs = monotonicNs();
    await driver.withdraw(both);
    expect(driver.changes().map((change) => change.undo)).toEqual([
      { redistribute: redistributeLine },
      { redistribute: redistributeLine },
    ]);
    await monitor.until(addressOf(first), endpointGone, sinceNs);
    await settled(first, "withdrawn");
    await settled(second, "withdrawn");
    await driver.announce(both);
    await settled(first, "announced");
    await settled(second, "announced");
    expect(events).toEqual([]);
    expect(driver.changes()).toEqual([]);
  });

  test.each([
    ["as it is", [], { tag: 0 }],
    // What beats the line, and matches by something else than a list.
    ["one that sets the metric", ["match interface lo", "set metric 20", "set tag 7"], { tag: 7 }],
  ] as const)(
    "one of two goes down the ladder and back by lists of ours, through the operator's route-map %s",
    async (_, lines, own) => {
      await settled(first, "announced");
      const entry = "route-map ANYCAST permit 10";
      if (lines.length > 0) await operate(network.endpoints[0]!, entry, ...lines);
      await expect.poll(async () => (await externalOf(network.endpoints[0]!, first))?.tag).toBe(own.tag);
      const [config, other] = [await running(network.endpoints[0]!), await externalOf(network.endpoints[0]!, second)];
      for (const [rung, metric] of [
        ["dead", 16_777_214],
        ["degraded", 20_000],
      ] as const) {
        await driver.deprefer([first], rung);
        await settled(first, rung);
        expect(await externalOf(network.endpoints[0]!, first)).toMatchObject({ metric, ...own });
        expect(driver.changes()).toEqual([{ driver: "frr", prefix: first, undo: { listed: rung, rung } }]);
      }
      await driver.withdraw([first]);
      await settled(first, "withdrawn");
      expect((await driver.observe(both)).get(first)?.way).toBe(
        `prefix-lists that its route-map calls: ${second} stays`,
      );
      await driver.announce([first]);
      await settled(first, "announced");
      expect(await externalOf(network.endpoints[0]!, first)).toMatchObject({ metric: 20, ...own });
      expect(await externalOf(network.endpoints[0]!, second)).toEqual(other);
      expect(await running(network.endpoints[0]!)).toBe(config);
      expect(events).toEqual([]);
      if (lines.length > 0) await operate(network.endpoints[0]!, entry, ...lines.map((line) => `no ${line}`));
    },
  );

  test("of two that left by the line, one comes back and the other stays away", async () => {
    await settled(first, "announced");
    await driver.withdraw(both);
    await settled(first, "withdrawn");
    await driver.announce([first]);
    await settled(first, "announced");
    await settled(second, "withdrawn");
    await driver.announce([second]);
    await settled(second, "announced");
    expect(driver.changes()).toEqual([]);
  });

  test("what an operator's `write memory` saved of ours is known by the next run of both daemons, and undone", async () => {
    await settled(first, "announced");
    const config = await running(network.endpoints[0]!);
    await driver.withdraw([first]);
    await settled(first, "withdrawn");
    await driver.close();
    await restartWith(network.endpoints[0]!, await running(network.endpoints[0]!));
    await open([]);
    await settled(first, "withdrawn");
    expect(driver.changes()).toEqual([{ driver: "frr", prefix: first, undo: { listed: "withdrawn" } }]);
    await driver.announce([first]);
    await settled(first, "announced");
    expect(await running(network.endpoints[0]!)).toBe(config);
    // Of the other prefix it had an LSA of the run before to outdo.
    await network.settled();
  });

  test("what was interrupted while our route-map was built is built anew before anything calls it", async () => {
    await settled(first, "announced");
    const other = await externalOf(network.endpoints[0]!, second);
    await operate(
      network.endpoints[0]!,
      `ip prefix-list ANYPROBE-WITHDRAWN permit ${second}`,
      "route-map ANYPROBE deny 10",
    );
    const left = await running(network.endpoints[0]!);
    await driver.observe(both);
    // Another process may be building it: to look writes nothing.
    expect(await running(network.endpoints[0]!)).toBe(left);
    await driver.withdraw([first]);
    await settled(first, "withdrawn");
    expect(await externalOf(network.endpoints[0]!, second)).toEqual(other);
    await driver.announce([first]);
    await settled(first, "announced");
    expect(await running(network.endpoints[0]!)).not.toContain("ANYPROBE");
  });

  test("a route-map of ours that somebody changed while it is called is refused, not made worse", async () => {
    await settled(first, "announced");
    await driver.withdraw([first]);
    await settled(first, "withdrawn");
    await operate(network.endpoints[0]!, "route-map ANYPROBE permit 50", "set tag 7");
    await expect(driver.deprefer([first], "dead")).rejects.toThrow(/route-map ANYPROBE is not as anyprobe writes it/);
    await settled(first, "withdrawn");
    await operate(network.endpoints[0]!, "route-map ANYPROBE permit 50", "no set tag");
  });

  test("an operator who takes a prefix out of the route-map's prefix-list removes that one", async () => {
    await settled(first, "announced");
    await operate(network.endpoints[0]!, `no ip prefix-list ANYCAST permit ${first}`);
    await settled(first, "withdrawn");
    await operate(network.endpoints[0]!, `ip prefix-list ANYCAST permit ${first}`);
    await settled(first, "announced");
    expect(events).toEqual([
      { kind: "removed", prefix: first, by: "an operator at ospfd" },
      { kind: "appeared", prefix: first, by: "an operator at ospfd" },
    ]);
  });

  test("a prefix that gets its address back while another is withdrawn is announced again", async () => {
    const { namespace } = network.endpoints[0]!;
    await namespace.ip("address", "del", second, "dev", "lo");
    await expect.poll(async () => (await driver.observe(both)).get(second)?.announcement).toBe("withdrawn");
    await driver.withdraw([first]);
    await settled(first, "withdrawn");
    await namespace.ip("address", "add", second, "dev", "lo");
    await settled(second, "announced");
    await settled(first, "withdrawn");
    expect(events).toEqual([]);
  });

  test("an operator who takes the redistribution away removes both", async () => {
    await settled(first, "announced");
    await operate(network.endpoints[0]!, "router ospf", "no redistribute connected");
    await settled(first, "withdrawn");
    expect(events.map((event) => event.kind)).toEqual(["removed", "removed"]);
    await operate(network.endpoints[0]!, "router ospf", redistributeLine);
    await settled(first, "announced");
    expect(events.map((event) => event.kind)).toEqual(["removed", "removed", "appeared", "appeared"]);
  });

  test("of two that an operator has taken away, the one that is announced brings no other along", async () => {
    await settled(first, "announced");
    await operate(network.endpoints[0]!, "router ospf", "no redistribute connected");
    await settled(first, "withdrawn");
    await driver.announce([first]);
    await settled(first, "announced");
    await settled(second, "withdrawn");
    await driver.announce([second]);
    await settled(second, "announced");
    expect(await running(network.endpoints[0]!)).not.toContain("ANYPROBE");
  });
});
