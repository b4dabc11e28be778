// A connection that is lost after any line of a change of one of two redistributed prefixes: whatever of it ospf6d follows then,
// the other prefix stays, and the next try ends what was begun.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Network } from "../../src/demo/network.js";
import { redistributeLine6 } from "../../src/demo/ospfd-conf.js";
import { Frr6Driver } from "../../src/route/frr6.js";
import { prefixOf } from "../../src/route/prefix.js";
import { skipWithoutLab } from "../support/lab.js";
import { lsaOf6, metricOf6, operate6, running6 } from "../support/ospf6d.js";
import { type Fate, type VtyProxy, vtyProxy } from "../support/vty-proxy.js";

const first = prefixOf("2001:db8::53");
const second = prefixOf("2001:db8::54");
const both = [first, second];

describe.skipIf(skipWithoutLab())("a connection to ospf6d that is lost halfway", { timeout: 60_000 }, () => {
  let network: Network;
  let directory: string;
  let proxy: VtyProxy;
  let driver: Frr6Driver;
  let fateOf: (line: string) => Fate;

  const endpoint = () => network.endpoints[0]!;

  beforeAll(async () => {
    const shape = { endpoints: 1, client: false, ipv6: true } as const;
    network = await Network.create({ ...shape, announce: "redistribute", timers: "tuned", prefixes: both });
  });
  afterAll(() => network?.close());

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "anyprobe-fault6-"));
    fateOf = () => undefined;
    const path = join(directory, "ospf6d.vty");
    proxy = await vtyProxy(path, join(endpoint().router.sockets, "ospf6d.vty"), (line) => fateOf(line));
    driver = new Frr6Driver({ sockets: directory, timeoutMs: 2000 });
    await driver.open([], () => {});
  });
  afterEach(async () => {
    fateOf = () => undefined;
    await driver.close();
    await proxy.close();
    await rm(directory, { recursive: true });
  });

  /**
   * ospf6d follows a route-map 5 s late, but what the line does it does at once, by the route-map as it stands. Gives whether
   * the first is announced then; the second must be. ospf6d is told of them in their order.
   */
  async function follow(why = ""): Promise<boolean> {
    const standsAt = (metric: number) =>
      expect.poll(() => metricOf6(endpoint(), second), { message: why, timeout: 2000, interval: 5 }).toBe(metric);
    await operate6(endpoint(), "router ospf6", redistributeLine6.replace("metric 20", "metric 21"));
    try {
      await standsAt(21);
      return (await metricOf6(endpoint(), first)) !== undefined;
    } finally {
      await operate6(endpoint(), "router ospf6", redistributeLine6);
      await standsAt(20);
    }
  }

  /** The connection ends after so many lines of what is configured from now on; gives whether it did. */
  function loseAfter(lines: number): () => boolean {
    let left = lines;
    let configuring = false;
    let lost = false;
    fateOf = (line) => {
      configuring ||= line === "configure terminal";
      if (!configuring || lost) return undefined;
      if (line === "end") configuring = false;
      left -= 1;
      lost = left === 0;
      return lost ? "close after" : undefined;
    };
    return () => lost;
  }

  /** Until the driver has its connection back. */
  async function again(act: () => Promise<void>): Promise<void> {
    const accepted = () =>
      act().then(
        () => true,
        () => false,
      );
    await expect.poll(accepted, { timeout: 5000, interval: 20 }).toBe(true);
  }

  test("what takes the second can be seen: an entry that matches everything", async () => {
    await operate6(endpoint(), "route-map ANYCAST6 deny 1");
    await expect(follow("taken")).rejects.toThrow("taken");
    await operate6(endpoint(), "no route-map ANYCAST6 deny 1");
    expect(await follow()).toBe(true);
  });

  test("after each line of a withdrawal, and of the announcement after it, the other prefix stays", async () => {
    const config = await running6(endpoint());
    const act = async (lines: number, move: () => Promise<void>) => {
      const lost = loseAfter(lines);
      await move().catch(() => {});
      await follow(`lost after line ${lines}`);
      await again(move);
      return lost();
    };
    let lines = 1;
    for (let cut = true; cut; lines += 1) {
      const withdrawal = await act(lines, () => driver.withdraw([first]));
      expect(await follow()).toBe(false);
      expect(driver.changes()).toMatchObject([{ prefix: first, undo: { listed: "withdrawn" } }]);
      const announcement = await act(lines, () => driver.announce([first]));
      expect(await follow()).toBe(true);
      await driver.observe(both);
      expect(await running6(endpoint())).toBe(config);
      expect(driver.changes()).toEqual([]);
      cut = withdrawal || announcement;
    }
    // It was lost everywhere: our map, its call, what follows and the list.
    expect(lines).toBeGreaterThan(25);
  });

  test("and where ospf6d follows by itself, the other's LSA is not touched", async () => {
    await expect.poll(async () => (await network.nextHops(second)).length, { timeout: 5000 }).toBe(1);
    const before = await lsaOf6(endpoint(), second);
    // Between the head of an entry in the operator's map and what it matches by.
    let lost = false;
    fateOf = (line) => {
      if (lost || line !== "route-map ANYCAST6 deny 65501") return undefined;
      lost = true;
      return "close after";
    };
    await expect(driver.withdraw([first])).rejects.toMatchObject({ code: "ERR_ROUTE_UNREACHABLE" });
    expect(await running6(endpoint())).toMatch(/^route-map ANYCAST6 deny 65501\nexit/m);
    // By what leaves it can be seen when the whole map is followed.
    await operate6(endpoint(), `no ipv6 prefix-list ANYCAST6 seq 5 permit ${first}`);
    await expect.poll(() => metricOf6(endpoint(), first), { timeout: 10_000 }).toBeUndefined();
    expect(await lsaOf6(endpoint(), second)).toEqual(before);
    expect(await network.nextHops(second)).toHaveLength(1);
  });
});
