// Whatever goes wrong between the driver and its ospfd: what is wanted and observed never lie, a step that failed is tried
// again, no other prefix is touched, and the status says what is wrong.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Network } from "../../src/demo/network.js";
import type { Announcement } from "../../src/route/driver.js";
import { FrrDriver } from "../../src/route/frr.js";
import { type Prefix, prefixOf } from "../../src/route/prefix.js";
import { Reconciler, type RouteEvent } from "../../src/route/reconcile.js";
import { skipWithoutLab } from "../support/lab.js";
import { externalOf, operate, running, withVty } from "../support/ospfd.js";
import { type Fate, type VtyProxy, vtyProxy } from "../support/vty-proxy.js";

const first = prefixOf("203.0.113.53");
const second = prefixOf("203.0.113.54");

describe.skipIf(skipWithoutLab())("faults of ospfd and of the way to it", () => {
  let network: Network;
  let directory: string;
  let proxy: VtyProxy | undefined;
  let fateOf: (line: string) => Fate;
  let reconciler: Reconciler;
  let events: RouteEvent[];

  const endpoint = () => network.endpoints[0]!;
  const status = () => reconciler.statusOf(first);

  const reachable = async () => {
    const real = join(endpoint().router.sockets, "ospfd.vty");
    proxy = await vtyProxy(join(directory, "ospfd.vty"), real, (line) => fateOf(line));
  };

  const want = (announcement: Announcement, prefix: Prefix = first) => {
    reconciler.want(prefix, announcement);
    reconciler.step();
  };

  /** As wanted, and in R1's kernel too: that is the proof here, the acknowledgement takes a second more. */
  const settled = async (announcement: Announcement) => {
    await expect.poll(status, { timeout: 20_000 }).toMatchObject({ observed: announcement });
    const hops = announcement === "announced" ? 2 : 1;
    await expect.poll(async () => (await network.nextHops(first)).length, { timeout: 20_000 }).toBe(hops);
  };

  /** The prefix beside it has the same instance of its LSA at the end. */
  const untouched = async (act: () => Promise<void>) => {
    const before = await externalOf(endpoint(), second);
    await act();
    expect(await externalOf(endpoint(), second)).toEqual(before);
  };

  beforeAll(async () => {
    const prefixes = [first, second];
    network = await Network.create({
      endpoints: 2,
      announce: "redistribute",
      timers: "tuned",
      prefixes,
      client: false,
    });
  });
  afterAll(() => network?.close());

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "anyprobe-fault-"));
    fateOf = () => undefined;
    events = [];
    const driver = new FrrDriver({ sockets: directory, timeoutMs: 500 });
    reconciler = new Reconciler(new Map([first, second].map((prefix) => [prefix, [driver]])), {
      minGapMs: 0,
      refreshMs: 100,
      respectManual: () => true,
      onEvent: (event) => events.push(event),
    });
  });

  afterEach(async () => {
    fateOf = () => undefined;
    want("announced");
    await settled("announced");
    await reconciler.close();
    await proxy?.close();
    proxy = undefined;
    await rm(directory, { recursive: true });
  });

  test("a socket that is missing: unknown until it is there, then as wanted", async () => {
    await reconciler.open([]);
    want("withdrawn");
    const reason = expect.stringMatching(/no socket at .*ospfd.vty: ospfd is not running/);
    expect(status()).toMatchObject({ wanted: "withdrawn", observed: "unknown", verified: false, reason });
    await untouched(async () => {
      await reachable();
      await settled("withdrawn");
    });
  });

  test("a router that another has locked: refused, said so, tried again", async () => {
    await reachable();
    await reconciler.open([]);
    let locked = 3;
    fateOf = (line) => {
      if (line !== "configure terminal" || locked === 0) return undefined;
      locked -= 1;
      return "VTY configuration is locked by other VTY\n\0\0\0\x01";
    };
    await untouched(async () => {
      want("withdrawn");
      const reason = expect.stringContaining("refused `configure terminal` (status 1): VTY configuration is locked");
      await expect.poll(status).toMatchObject({ wanted: "withdrawn", observed: "announced", reason });
      await settled("withdrawn");
    });
    expect(locked).toBe(0);
    // Three times in vain, and told once.
    expect(events.filter((event) => event.kind === "acted" && event.error !== undefined)).toHaveLength(1);
  });

  test("an operator who sits in configuration mode is in nobody's way", async () => {
    await reachable();
    await reconciler.open([]);
    await withVty(endpoint(), async (vty) => {
      await vty.run(["configure terminal", "router ospf"]);
      await untouched(async () => {
        want("withdrawn");
        await settled("withdrawn");
      });
    });
  });

  // Of a withdrawal by our lists: while our route-map is built, while it is called, and as the prefix is put in a list.
  test.each<[string, Fate]>([
    ["route-map ANYPROBE permit 30", "close before"],
    ["match ip address prefix-list ANYPROBE-DEAD", "% Configuration failed.\n\0\0\0\x0d"],
    ["call ANYPROBE", "close before"],
    ["call ANYPROBE", "close after"],
    [`ip prefix-list ANYPROBE-WITHDRAWN permit ${first}`, "close after"],
    [`no ip prefix-list ANYPROBE-WITHDRAWN permit ${first}`, "close before"],
    ["no route-map ANYPROBE", "% Configuration failed.\n\0\0\0\x0d"],
  ])("halfway through a change, at `%s`: %j", async (halfway, fate) => {
    await reachable();
    await reconciler.open([]);
    const config = await running(endpoint());
    let times = 0;
    fateOf = (line) => {
      if (line !== halfway || times === 1) return undefined;
      times += 1;
      return fate;
    };
    await untouched(async () => {
      want("withdrawn");
      await settled("withdrawn");
      expect(reconciler.changes()).toEqual([{ driver: "frr", prefix: first, undo: { listed: "withdrawn" } }]);
      want("announced");
      await settled("announced");
    });
    expect(times).toBe(1);
    expect(reconciler.changes()).toEqual([]);
    // What moves nothing any more stays until something moves.
    await untouched(async () => {
      want("drained");
      await settled("drained");
      want("announced");
      await settled("announced");
    });
    expect(await running(endpoint())).toBe(config);
  });

  test("an ospfd that hangs: unknown, and as wanted once it goes on", async () => {
    await reachable();
    await reconciler.open([]);
    await endpoint().router.signalOspfd("SIGSTOP");
    want("withdrawn");
    const reason = expect.stringMatching(/ospfd does not answer at/);
    await expect.poll(status, { timeout: 3000 }).toMatchObject({ observed: "unknown", verified: false, reason });
    await endpoint().router.signalOspfd("SIGCONT");
    await settled("withdrawn");
  });

  test("an ospfd killed and started by hand forgets what is withdrawn: it is withdrawn again, and nobody ordered it", async () => {
    await reachable();
    await reconciler.open([]);
    want("withdrawn");
    await settled("withdrawn");
    await endpoint().router.signalOspfd("SIGKILL");
    await expect.poll(status).toMatchObject({ observed: "unknown", verified: false });
    await endpoint().router.startOspfd();
    await expect.poll(async () => (await externalOf(endpoint(), second))?.metric, { timeout: 20_000 }).toBe(20);
    await settled("withdrawn");
    expect(status().manual).toBeUndefined();
    want("announced");
    await network.settled();
  });

  test("a prefix that an operator takes out of the configuration is left alone, until it is back", async () => {
    await reachable();
    await reconciler.open([]);
    want("announced");
    await settled("announced");
    await untouched(async () => {
      await operate(endpoint(), `no ip prefix-list ANYCAST permit ${first}`);
      await expect.poll(status).toMatchObject({ observed: "withdrawn", manual: { by: "an operator at ospfd" } });
      const acted = events.filter(({ kind }) => kind === "acted").length;
      want("drained");
      await settled("withdrawn");
      expect(events.filter(({ kind }) => kind === "acted")).toHaveLength(acted);
      want("announced");
      await operate(endpoint(), `ip prefix-list ANYCAST permit ${first}`);
      await settled("announced");
    });
    expect(status().manual).toBeUndefined();
  });
});
