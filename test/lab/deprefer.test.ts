// The frr driver on real routers, along the whole ladder and back: what R1 holds and routes, what ospfd is left with, and how
// many LSAs it takes.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Network, type RoutedNode } from "../../src/demo/network.js";
import { redistributeLine } from "../../src/demo/ospfd-conf.js";
import { type Announcement, type Change, type DriverEvent, isRung, rungCosts } from "../../src/route/driver.js";
import { FrrDriver } from "../../src/route/frr.js";
import { lsasIn } from "../../src/route/lsdb.js";
import { readOspfConfig } from "../../src/route/ospf-config.js";
import { type Prefix, prefixOf } from "../../src/route/prefix.js";
import { Vty } from "../../src/route/vty.js";
import { skipWithoutLab } from "../support/lab.js";
import { suppresses } from "../support/ospfd.js";

const first = prefixOf("203.0.113.53");
const second = prefixOf("203.0.113.54");
const both = [first, second];
const e1Id = "198.18.255.11";

let network: Network;
let e1: RoutedNode;
let driver: FrrDriver;
let events: DriverEvent[];

async function start(announce: "network" | "redistribute"): Promise<void> {
  network = await Network.create({ endpoints: 2, announce, timers: "tuned", prefixes: both, client: false });
  e1 = network.endpoints[0]!;
}

async function open(changes: readonly Change[] = []): Promise<void> {
  events = [];
  driver = new FrrDriver({ sockets: e1.router.sockets });
  await driver.open(changes, (event) => events.push(event));
  await driver.observe(both);
}

async function at<T>({ router }: RoutedNode, act: (vty: Vty) => Promise<T>): Promise<T> {
  const vty = new Vty({ path: `${router.sockets}/ospfd.vty`, onDown: () => {}, onUp: () => {} });
  await vty.open();
  return act(vty).finally(() => vty.close());
}

const show = (node: RoutedNode, command: string) => at(node, async (vty) => (await vty.run([command]))[0]!.text);
const operate = (node: RoutedNode, ...lines: string[]) => at(node, (vty) => vty.configure(lines));

/** Without empty lines, with which ospfd is not always equally generous. */
const configuration = async () =>
  (await show(e1, "show running-config")).split("\n").filter((line) => !/^!?\s*$/.test(line));

/** Moves prefixes, waits until the neighbour has it, and tells whether R1's routes go via e1. */
async function moved(prefixes: readonly Prefix[], announcement: Announcement): Promise<boolean[]> {
  if (isRung(announcement)) await driver.deprefer(prefixes, announcement);
  else await driver[announcement === "announced" ? "announce" : "withdraw"](prefixes);
  return settled(prefixes, announcement);
}

async function settled(prefixes: readonly Prefix[], announcement: Announcement): Promise<boolean[]> {
  const verified = expect.objectContaining({ announcement, verified: true });
  await expect
    .poll(async () => [...(await driver.observe(both))].filter(([prefix]) => prefixes.includes(prefix)), {
      timeout: 20_000,
    })
    .toEqual(prefixes.map((prefix) => [prefix, verified]));
  const via = announcement === "announced";
  const routed = () => Promise.all(prefixes.map(async (prefix) => viaE1(prefix)));
  await expect.poll(routed, { timeout: 5000 }).toEqual(prefixes.map(() => via));
  return routed();
}

const viaE1 = async (prefix: Prefix) => (await network.nextHops(prefix)).includes(e1.address);

describe.skipIf(skipWithoutLab())("announced by network statements", () => {
  beforeAll(() => start("network"));
  afterAll(() => network?.close());
  beforeEach(() => open());
  afterEach(async () => {
    await moved(both, "announced");
    await driver.close();
  });

  /** What R1 holds of e1: the metric of each host stub, and how often e1 has originated. */
  async function heldAtR1() {
    const text = await show(network.r1, `show ip ospf database router adv-router ${e1Id} json`);
    const [lsa] = [...lsasIn(JSON.parse(text), "router-LSA")];
    const links = Object.values(lsa!["routerLinks"] as Record<string, Record<string, unknown>>);
    const metricOf = (prefix: Prefix) =>
      links.find((link) => `${link["networkAddress"]}/32` === prefix && link["networkMask"] === "255.255.255.255")?.[
        "tos0Metric"
      ];
    return { metrics: both.map(metricOf), sequence: Number.parseInt(String(lsa!["lsaSeqNumber"]), 16) };
  }

  test("each step from rung to rung is one LSA, moves no other prefix, and ends where it began", async () => {
    const before = await configuration();
    const { stub: degraded } = rungCosts.degraded;
    const steps: [Announcement, number | undefined][] = [
      ["degraded", degraded],
      ["drained", 40_000],
      ["dead", 65_535],
      ["withdrawn", undefined],
      ["announced", 0],
      ["dead", 65_535],
      ["degraded", degraded],
      ["withdrawn", undefined],
      ["drained", 40_000],
      ["announced", 0],
    ];
    for (const [announcement, metric] of steps) {
      const { sequence } = await heldAtR1();
      await moved([first], announcement);
      expect([announcement, await heldAtR1()]).toEqual([
        announcement,
        { metrics: [metric, 0], sequence: sequence + 1 },
      ]);
      expect(await viaE1(second)).toBe(true);
    }
    expect(await configuration()).toEqual(before);
    expect(driver.changes()).toEqual([]);
    expect(events).toEqual([]);
  });

  test("a depreferred prefix is routed to again when nobody else announces it", async () => {
    await moved([first], "dead");
    await operate(network.endpoints[1]!, "router ospf", `no network ${first} area 0`);
    await expect.poll(() => network.nextHops(first), { timeout: 5000 }).toEqual([e1.address]);
    await operate(network.endpoints[1]!, "router ospf", `network ${first} area 0`);
    await expect.poll(() => network.nextHops(first), { timeout: 5000 }).toEqual([network.endpoints[1]!.address]);
  });

  test("a configured cost comes back, from a rung and from withdrawn", async () => {
    await operate(e1, "interface lo", "ip ospf cost 3", `ip ospf cost 7 203.0.113.53`);
    try {
      const before = await configuration();
      for (const through of [["drained"], ["drained", "withdrawn"], ["withdrawn", "dead"]] as const) {
        for (const announcement of through) await moved([first], announcement);
        // E2 at 0 is preferred to 7.
        await driver.announce([first]);
        await expect.poll(async () => (await heldAtR1()).metrics).toEqual([7, 3]);
        expect(await configuration()).toEqual(before);
      }
    } finally {
      await operate(e1, "interface lo", "no ip ospf cost 3", "no ip ospf cost 7 203.0.113.53");
    }
  });

  test("a restarted daemon knows what the one before had changed, and how it was", async () => {
    const before = await configuration();
    for (const away of ["drained", "withdrawn"] as const) {
      await moved([first], "degraded");
      await moved([first], away);
      const changes = JSON.parse(JSON.stringify(driver.changes()));
      await driver.close();
      await open(changes);
      await settled([first], away);
      expect(driver.changes()).toEqual(changes);
      await moved([first], "dead");
      await moved([first], "announced");
      expect(await configuration()).toEqual(before);
      expect(events).toEqual([]);
    }
  });

  test("a restarted ospfd has forgotten the cost: it is seen, and set again", async () => {
    await moved([first], "dead");
    await e1.router.signalOspfd("SIGKILL");
    await e1.router.startOspfd();
    await expect.poll(() => events.map(({ kind }) => kind), { timeout: 5000 }).toEqual(["lost", "back"]);
    await settled(both, "announced");
    expect(driver.changes()).toEqual([]);
    await moved([first], "dead");
    expect(driver.changes().map(({ undo }) => undo)).toEqual([{ device: "lo", cost: 0, rung: "dead" }]);
    expect(events).toHaveLength(2);
  });

  test("an operator who takes away the statement of a depreferred prefix has removed it", async () => {
    await moved([first], "drained");
    await operate(e1, "router ospf", `no network ${first} area 0`);
    await settled([first], "withdrawn");
    expect(events.map(({ kind }) => kind)).toEqual(["removed"]);
    await operate(e1, "router ospf", `network ${first} area 0`);
    await settled([first], "drained");
    expect(events.map(({ kind }) => kind)).toEqual(["removed", "appeared"]);
  });

  test("an interface in an area by itself has rungs, and before FRR 9.1 no way to withdraw one prefix", async () => {
    const { networks: statements } = readOspfConfig(await show(e1, "show running-config"));
    const networks = statements.map(({ prefix, area }) => `network ${prefix} area ${area}`);
    // ospfd takes no area on an interface beside network statements.
    await operate(e1, "router ospf", ...networks.map((line) => `no ${line}`), "interface lo", "ip ospf area 0");
    await driver.close();
    await open();
    await expect
      .poll(async () => (await driver.observe([first])).get(first))
      .toMatchObject({ announcement: "announced" });
    if (!suppresses) {
      await expect(driver.withdraw([first])).rejects.toMatchObject({
        code: "ERR_ROUTE_UNSUPPORTED",
        message: expect.stringMatching(/by `ip ospf area` on lo.*FRR 9\.1/),
      });
    }
    const steps = ["dead", ...(suppresses ? (["withdrawn"] as const) : []), "announced"] as const;
    for (const announcement of steps) {
      if (announcement === "dead") await driver.deprefer([first], announcement);
      else await driver[announcement === "announced" ? "announce" : "withdraw"]([first]);
      await expect.poll(async () => (await driver.observe([first])).get(first)).toMatchObject({ announcement });
    }
    await operate(e1, "interface lo", "no ip ospf area 0", "router ospf", ...networks);
    await network.settled();
  });
});

describe.skipIf(skipWithoutLab())("announced by redistribution", () => {
  beforeAll(() => start("redistribute"));
  afterAll(() => network?.close());
  beforeEach(() => open());
  afterEach(async () => {
    await moved(both, "announced");
    await driver.close();
  });

  /** What R1 holds of e1's externals: metric and type. */
  async function heldAtR1(): Promise<unknown[]> {
    const text = await show(network.r1, `show ip ospf database external adv-router ${e1Id} json`);
    const lsas = [...lsasIn(JSON.parse(text), "AS-external-LSA")];
    return lsas.map((lsa) => [lsa["metric"], lsa["metricType"]]);
  }

  test("all prefixes of the line go from rung to rung together and end where they began", async () => {
    const before = await configuration();
    const steps: [Announcement, number | undefined][] = [
      ["degraded", 20_000],
      ["drained", 40_000],
      ["dead", 16_777_214],
      ["withdrawn", undefined],
      ["announced", 20],
      ["degraded", 20_000],
      ["withdrawn", undefined],
      ["drained", 40_000],
      ["announced", 20],
    ];
    for (const [announcement, metric] of steps) {
      await moved(both, announcement);
      const lsa = [metric, "E1"];
      expect([announcement, await heldAtR1()]).toEqual([announcement, metric === undefined ? [] : [lsa, lsa]]);
    }
    expect(await configuration()).toEqual(before);
    expect(driver.changes()).toEqual([]);
    expect(events).toEqual([]);
  });

  test("a restarted daemon knows the line as it was", async () => {
    await moved(both, "drained");
    const changes = JSON.parse(JSON.stringify(driver.changes()));
    const undo = { redistribute: redistributeLine, rung: "drained" };
    expect(changes.map((change: Change) => change.undo)).toEqual([undo, undo]);
    await driver.close();
    await open(changes);
    await settled(both, "drained");
    await moved(both, "withdrawn");
    await moved(both, "announced");
    expect(await configuration()).toContain(` ${redistributeLine}`);
    expect(events).toEqual([]);
  });

  test("another router's metric-type, or a route-map that sets the metric and calls another, leaves no rung", async () => {
    const e2 = network.endpoints[1]!;
    const noRung = async () => (await driver.observe(both)).get(first)?.noRung;
    await operate(e2, "router ospf", redistributeLine.replace("metric-type 1", "metric-type 2"));
    const clash = /198\.18\.255\.12 announces 203\.0\.113\.53\/32 with metric-type 2, this router with 1/;
    await expect.poll(noRung, { timeout: 5000 }).toMatch(clash);
    await expect(driver.deprefer(both, "drained")).rejects.toMatchObject({ message: expect.stringMatching(clash) });
    await operate(e2, "router ospf", redistributeLine);
    await expect.poll(noRung, { timeout: 5000 }).toBeUndefined();
    await operate(e1, "route-map ANYCAST permit 10", "set metric 30", "call OTHER");
    await expect.poll(noRung).toMatch(/a `set metric` beats that of .*has a `call OTHER`/);
    await operate(e1, "route-map ANYCAST permit 10", "no set metric", "no call");
    await expect.poll(noRung).toBeUndefined();
    // The route-map's edit is heeded some seconds later; the next test is to start from the old metric.
    await expect.poll(heldAtR1, { timeout: 10_000 }).toEqual([
      [20, "E1"],
      [20, "E1"],
    ]);
  });
});
