import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Announcement, announcements, type Driver } from "../../src/route/driver.js";
import { type Prefix, prefixOf } from "../../src/route/prefix.js";
import { Reconciler, type RouteEvent } from "../../src/route/reconcile.js";
import { MemoryRouter, type Mood } from "../support/memory-router.js";

const a = prefixOf("203.0.113.1");
const b = prefixOf("203.0.113.2");
const c = prefixOf("203.0.113.3");

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "hrtime"] });
});
afterEach(() => {
  vi.useRealTimers();
});

async function make(
  route: [Prefix, Driver[]][],
  {
    minGapMs = 0,
    announceGapMs = 0,
    respectManual = true,
  }: { minGapMs?: number; announceGapMs?: number; respectManual?: boolean } = {},
) {
  const events: RouteEvent[] = [];
  const reconciler = new Reconciler(new Map(route), {
    minGapMs,
    announceGapMs,
    respectManual: () => respectManual,
    onEvent: (event) => events.push(event),
  });
  await reconciler.open([]);
  const want = async (wants: [Prefix, Announcement][]) => {
    for (const [prefix, announcement] of wants) reconciler.want(prefix, announcement);
    reconciler.step();
    await vi.advanceTimersByTimeAsync(0);
  };
  const statusOf = (prefix: Prefix) => reconciler.status().find((status) => status.prefix === prefix)!;
  return { reconciler, events, want, statusOf };
}

describe("reconcile", () => {
  it("withdraws at once and says so when it was read back", async () => {
    const router = new MemoryRouter("frr", [a]);
    const { want, statusOf, events } = await make([[a, [router]]]);
    await want([[a, "withdrawn"]]);
    expect(router.announced.size).toBe(0);
    expect(statusOf(a)).toMatchObject({ wanted: "withdrawn", observed: "withdrawn", verified: true });
    expect(events.map(({ kind }) => kind)).toEqual(["acted", "settled"]);
  });

  it("tells a router that cannot be read to withdraw all the same, and tells of the same failure once", async () => {
    const router = new MemoryRouter("frr", [a]);
    const { want, statusOf, events } = await make([[a, [router]]]);
    router.moods.push(...Array.from({ length: 100 }, (_, i): Mood => (i % 2 === 0 ? "refuse" : "mute")));
    await want([[a, "withdrawn"]]);
    await vi.advanceTimersByTimeAsync(3000);
    expect(router.calls.length).toBeGreaterThan(3);
    expect(statusOf(a)).toMatchObject({ wanted: "withdrawn" });
    expect(events.filter(({ kind }) => kind === "acted")).toHaveLength(1);
    router.moods.splice(0, Number.POSITIVE_INFINITY, "mute", "well");
    await vi.advanceTimersByTimeAsync(10_000);
    expect(statusOf(a)).toMatchObject({ observed: "withdrawn", verified: true });
  });

  it("announces nothing through a router that cannot be read", async () => {
    const router = new MemoryRouter("frr", [], Array<Mood>(1000).fill("mute"));
    const { want } = await make([[a, [router]]]);
    await want([[a, "announced"]]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(router.calls).toEqual([]);
  });

  it("keeps announcements apart at one router, also through several drivers, and lets those that leave together leave", async () => {
    const drivers = [a, b, c].map((prefix) =>
      Object.assign(new MemoryRouter("exec", []), { router: "handler", prefix }),
    );
    const { want } = await make(
      drivers.map((driver) => [driver.prefix, [driver]]),
      { announceGapMs: 10_000 },
    );
    await want([
      [a, "announced"],
      [b, "announced"],
    ]);
    expect(drivers.map(({ calls }) => calls.length)).toEqual([1, 1, 0]);
    await want([[c, "announced"]]);
    await vi.advanceTimersByTimeAsync(9000);
    expect(drivers[2]!.calls).toEqual([]);
    await vi.advanceTimersByTimeAsync(1500);
    expect(drivers[2]!.calls).toHaveLength(1);
  });

  it("changes prefixes that are wanted together in one action", async () => {
    const router = new MemoryRouter("frr", [a, b, c]);
    const { want } = await make([a, b, c].map((prefix) => [prefix, [router]]));
    await want([
      [a, "withdrawn"],
      [b, "withdrawn"],
    ]);
    expect(router.calls).toEqual([{ action: "withdraw", prefixes: [a, b] }]);
    expect([...router.announced]).toEqual([c]);
  });

  it("keeps the gap between changes that do not leave together", async () => {
    const router = new MemoryRouter("frr", [a, b]);
    const { want } = await make(
      [a, b].map((prefix) => [prefix, [router]]),
      { minGapMs: 1100 },
    );
    await want([[a, "withdrawn"]]);
    await want([[b, "withdrawn"]]);
    expect([...router.announced]).toEqual([b]);
    await vi.advanceTimersByTimeAsync(1050);
    expect([...router.announced]).toEqual([b]);
    await vi.advanceTimersByTimeAsync(60);
    expect([...router.announced]).toEqual([]);
  });

  it("is not settled before the neighbours hold the change", async () => {
    const router = new MemoryRouter("frr", [a], ["well", "well", "lagging", "lagging"]);
    const { want, statusOf, events } = await make([[a, [router]]]);
    await want([[a, "withdrawn"]]);
    expect(statusOf(a)).toMatchObject({ observed: "withdrawn", verified: false });
    await vi.advanceTimersByTimeAsync(200);
    expect(statusOf(a)).toMatchObject({ observed: "withdrawn", verified: true });
    expect(events.filter(({ kind }) => kind === "settled")).toHaveLength(1);
  });

  it("never claims what an action that was forgotten did not do", async () => {
    const router = new MemoryRouter("frr", [a], ["well", "forget"]);
    const { want, statusOf } = await make([[a, [router]]]);
    await want([[a, "withdrawn"]]);
    await vi.advanceTimersByTimeAsync(2000);
    expect(router.calls.length).toBeGreaterThan(1);
    expect(statusOf(a)).toMatchObject({ observed: "withdrawn", verified: true });
  });

  it("verifies nothing of a doubted prefix before it was read again", async () => {
    const router = new MemoryRouter("frr", [a]);
    const { reconciler, want, statusOf } = await make([[a, [router]]]);
    await want([[a, "announced"]]);
    reconciler.doubt(a);
    expect(statusOf(a)).toMatchObject({ observed: "announced", verified: false });
    await vi.advanceTimersByTimeAsync(100);
    // The router takes its time, and then does what it does.
    router.announced.delete(a);
    await vi.advanceTimersByTimeAsync(450);
    expect(statusOf(a)).toMatchObject({ observed: "announced", verified: true });
    expect(router.calls).toEqual([{ action: "announce", prefixes: [a] }]);
  });

  it("keeps one prefix's refusals from delaying another one's death", async () => {
    const router = new MemoryRouter("frr", [a, b]);
    const { want, reconciler } = await make([a, b].map((prefix) => [prefix, [router]]));
    router.stubborn.add(a);
    await want([[a, "withdrawn"]]);
    await vi.advanceTimersByTimeAsync(30_000);
    reconciler.want(b, "withdrawn");
    reconciler.step();
    await vi.advanceTimersByTimeAsync(0);
    expect([...router.announced]).toEqual([a]);
  });

  it("paces what comes up, and neither what goes down nor what gets worse beside it", async () => {
    const router = new MemoryRouter("frr", [a, b, c], [], announcements);
    const { want } = await make(
      [a, b, c].map((prefix) => [prefix, [router]]),
      { announceGapMs: 10_000 },
    );
    await want([[a, "withdrawn"]]);
    await want([[a, "announced"]]);
    await want([
      [a, "degraded"],
      [b, "dead"],
    ]);
    await want([
      [b, "degraded"],
      [c, "degraded"],
    ]);
    expect([a, b, c].map((prefix) => router.standing(prefix))).toEqual(["degraded", "dead", "degraded"]);
    await vi.advanceTimersByTimeAsync(9_000);
    expect(router.standing(b)).toBe("dead");
    await vi.advanceTimersByTimeAsync(2_000);
    expect(router.standing(b)).toBe("degraded");
  });

  it("lets a death go before an announcement that is ready at the same time", async () => {
    const router = new MemoryRouter("frr", [b]);
    const { want } = await make(
      [a, b].map((prefix) => [prefix, [router]]),
      { minGapMs: 1100 },
    );
    await want([
      [a, "announced"],
      [b, "withdrawn"],
    ]);
    expect([...router.announced]).toEqual([]);
    await vi.advanceTimersByTimeAsync(1200);
    expect([...router.announced]).toEqual([a]);
  });

  it("leaves a prefix at its cost where the router has lost the means to change it", async () => {
    const router = new MemoryRouter("frr", [a], [], announcements);
    const { want } = await make([[a, [router]]]);
    await want([[a, "dead"]]);
    router.noRung = "another announcer has type 1";
    await vi.advanceTimersByTimeAsync(1500);
    await want([[a, "degraded"]]);
    await vi.advanceTimersByTimeAsync(5000);
    expect(router.standing(a)).toBe("dead");
  });

  it("tells nothing more once it is closed", async () => {
    const router = new MemoryRouter("frr", [a]);
    const { reconciler, events } = await make([[a, [router]]]);
    reconciler.want(a, "withdrawn");
    reconciler.step();
    await reconciler.close();
    await vi.advanceTimersByTimeAsync(1000);
    expect(events).toEqual([]);
  });

  it("does not hammer a router that accepts everything and does nothing", async () => {
    const router = new MemoryRouter("frr", [a], Array<Mood>(10_000).fill("forget"));
    const { want } = await make([[a, [router]]]);
    await want([[a, "withdrawn"]]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(router.calls.length).toBeGreaterThan(3);
    expect(router.calls.length).toBeLessThan(20);
  });

  it("tries a refused step again and shows why until it worked", async () => {
    const router = new MemoryRouter("frr", [a], ["well", "refuse"]);
    const { want, statusOf } = await make([[a, [router]]]);
    await want([[a, "withdrawn"]]);
    expect(statusOf(a)).toMatchObject({ observed: "announced", wanted: "withdrawn", reason: "not today" });
    await vi.advanceTimersByTimeAsync(1000);
    expect(statusOf(a)).toMatchObject({ observed: "withdrawn" });
    expect(statusOf(a).reason).toBeUndefined();
  });

  it("withdraws the route first and the address after, and announces in reverse", async () => {
    const order: string[] = [];
    const [route, address] = [new MemoryRouter("frr", [a]), new MemoryRouter("address", [a])];
    const { want } = await make([[a, [route, address]]]);
    for (const router of [route, address]) {
      for (const action of ["withdraw", "announce"] as const) {
        const act = router[action].bind(router);
        router[action] = (prefixes) => {
          order.push(`${router.name} ${action}`);
          return act(prefixes);
        };
      }
    }
    await want([[a, "withdrawn"]]);
    await vi.advanceTimersByTimeAsync(500);
    await want([[a, "announced"]]);
    await vi.advanceTimersByTimeAsync(500);
    expect(order).toEqual(["frr withdraw", "address withdraw", "address announce", "frr announce"]);
  });

  it("goes on to the next driver when a router cannot be read, but announces nothing past it", async () => {
    const route = new MemoryRouter("frr", [a], Array<Mood>(1000).fill("mute"));
    const address = new MemoryRouter("address", [a]);
    const { want, statusOf } = await make([[a, [address, route]]]);
    await want([[a, "withdrawn"]]);
    await vi.advanceTimersByTimeAsync(100);
    expect(address.announced.size).toBe(0);
    expect(statusOf(a)).toMatchObject({ observed: "withdrawn" });
    await want([[a, "announced"]]);
    await vi.advanceTimersByTimeAsync(500);
    expect(address.announced.size).toBe(0);
  });

  it("does not let a router that hangs hold up another", async () => {
    const hung = new MemoryRouter("frr", [a]);
    hung.withdraw = () => new Promise(() => {});
    const other = new MemoryRouter("address", [b]);
    const { want } = await make([
      [a, [hung]],
      [b, [other]],
    ]);
    await want([[a, "withdrawn"]]);
    await want([[b, "withdrawn"]]);
    expect(other.announced.size).toBe(0);
  });

  it("leaves a prefix alone that somebody took away, until it appears again", async () => {
    const router = new MemoryRouter("address", [a]);
    const { want, statusOf, events } = await make([[a, [router]]]);
    await want([[a, "announced"]]);
    router.announced.delete(a);
    router.onEvent({ kind: "removed", prefix: a, by: "pid 7" });
    await vi.advanceTimersByTimeAsync(5000);
    expect(router.calls).toEqual([]);
    expect(statusOf(a)).toMatchObject({ observed: "withdrawn", manual: { by: "pid 7" } });
    router.announced.add(a);
    router.onEvent({ kind: "appeared", prefix: a, by: "pid 8" });
    await vi.advanceTimersByTimeAsync(50);
    expect(statusOf(a).manual).toBeUndefined();
    expect(events.map(({ kind }) => kind)).toContain("manual-ended");
    await want([[a, "withdrawn"]]);
    expect(router.announced.size).toBe(0);
  });

  it("puts a prefix back that somebody took away where orders are not respected", async () => {
    const router = new MemoryRouter("address", [a]);
    const { want } = await make([[a, [router]]], { respectManual: false });
    await want([[a, "announced"]]);
    router.announced.delete(a);
    router.onEvent({ kind: "removed", prefix: a, by: "pid 7" });
    await vi.advanceTimersByTimeAsync(50);
    expect([...router.announced]).toEqual([a]);
  });

  it("takes a prefix out again that appears while wanted withdrawn", async () => {
    const router = new MemoryRouter("frr", [a]);
    const { want, events } = await make([[a, [router]]]);
    await want([[a, "withdrawn"]]);
    router.announced.add(a);
    router.onEvent({ kind: "appeared", prefix: a, by: "a restart" });
    await vi.advanceTimersByTimeAsync(50);
    expect(router.announced.size).toBe(0);
    expect(events.map(({ kind }) => kind)).toContain("appeared");
  });

  it("ends an order where the prefix is there again, though nobody told of it", async () => {
    const router = new MemoryRouter("frr", [a]);
    const { want, statusOf } = await make([[a, [router]]]);
    await want([[a, "announced"]]);
    router.announced.delete(a);
    router.onEvent({ kind: "removed", prefix: a, by: "an operator at ospfd" });
    await vi.advanceTimersByTimeAsync(2000);
    expect(statusOf(a).manual).toBeDefined();
    router.announced.add(a);
    await vi.advanceTimersByTimeAsync(1100);
    expect(statusOf(a).manual).toBeUndefined();
    await want([[a, "withdrawn"]]);
    expect(router.announced.size).toBe(0);
  });

  it("keeps an order that the router has not carried out yet", async () => {
    const router = new MemoryRouter("frr", [a]);
    const { want, statusOf } = await make([[a, [router]]]);
    await want([[a, "announced"]]);
    router.onEvent({ kind: "removed", prefix: a, by: "an operator at ospfd" });
    await vi.advanceTimersByTimeAsync(3000);
    router.announced.delete(a);
    await vi.advanceTimersByTimeAsync(3000);
    expect(statusOf(a)).toMatchObject({ observed: "withdrawn", manual: { by: "an operator at ospfd" } });
    expect(router.calls).toEqual([]);
  });

  it("takes over an order of an earlier run, unless the prefix is there", async () => {
    const [away, back] = [new MemoryRouter("frr", []), new MemoryRouter("address", [b])];
    const order = { by: "pid 7", atNs: 0 };
    const reconciler = new Reconciler(
      new Map([
        [a, [away]],
        [b, [back]],
      ]),
      {
        minGapMs: 0,
        respectManual: () => true,
        onEvent: () => {},
        manual: new Map([
          [a, order],
          [b, order],
          [c, order],
        ]),
      },
    );
    await reconciler.open([]);
    expect([...reconciler.manual().keys()]).toEqual([a]);
  });

  it("looks at a router again where something happened during a look", async () => {
    const router = new MemoryRouter("frr", [a]);
    const { want, statusOf } = await make([[a, [router]]]);
    await want([[a, "withdrawn"]]);
    const observe = router.observe.bind(router);
    router.observe = async (prefixes) => {
      const seen = await observe(prefixes);
      router.observe = observe;
      router.announced.add(a);
      router.onEvent({ kind: "appeared", prefix: a, by: "pid 7" });
      return seen;
    };
    await vi.advanceTimersByTimeAsync(1000);
    expect(router.announced.size).toBe(0);
    expect(statusOf(a)).toMatchObject({ observed: "withdrawn" });
  });

  it("takes a driver that fails to observe for one that cannot be read, and asks it again", async () => {
    const router = new MemoryRouter("frr", [a]);
    const { want, statusOf } = await make([[a, [router]]]);
    const observe = router.observe;
    router.observe = () => Promise.reject(new Error("no idea"));
    await vi.advanceTimersByTimeAsync(1000);
    expect(statusOf(a)).toMatchObject({ observed: "unknown", verified: false, reason: "no idea" });
    router.observe = observe;
    await vi.advanceTimersByTimeAsync(1000);
    await want([[a, "withdrawn"]]);
    expect(statusOf(a)).toMatchObject({ observed: "withdrawn", verified: true });
  });

  it("asks other routers no more often because one refuses", async () => {
    const [refusing, other] = [
      new MemoryRouter("frr", [a], ["well", ...Array<Mood>(1000).fill("refuse")]),
      new MemoryRouter("address", [b]),
    ];
    refusing.observe = async () => new Map([[a, { announcement: "announced", verified: true }]]);
    let looks = 0;
    const observe = other.observe.bind(other);
    other.observe = (prefixes) => {
      looks++;
      return observe(prefixes);
    };
    const { want } = await make([
      [a, [refusing]],
      [b, [other]],
    ]);
    await want([[a, "withdrawn"]]);
    looks = 0;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(looks).toBeLessThan(40);
  });

  it("does nothing more once it is closed, whatever was under way", async () => {
    const router = new MemoryRouter("frr", [a], ["well", "refuse"]);
    const { reconciler, want } = await make([[a, [router]]]);
    reconciler.want(a, "withdrawn");
    reconciler.step();
    await reconciler.close();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(router.calls).toHaveLength(1);
    await want([[a, "announced"]]);
    expect(router.calls).toHaveLength(1);
  });

  it("lets all drivers go even if one of them cannot", async () => {
    const [bad, good] = [new MemoryRouter("frr", [a]), new MemoryRouter("address", [a])];
    bad.close = () => Promise.reject(new Error("stuck"));
    let closed = false;
    good.close = async () => {
      closed = true;
    };
    const { reconciler } = await make([[a, [bad, good]]]);
    await expect(reconciler.close()).rejects.toThrow("stuck");
    expect(closed).toBe(true);
  });

  it("gives each driver its own changes back, and keeps those that no driver here can undo", async () => {
    const [frr, address] = [new MemoryRouter("frr", [a]), new MemoryRouter("address", [b])];
    const adopted: unknown[] = [];
    for (const router of [frr, address]) router.open = async (changes: unknown) => void adopted.push(changes);
    const change = (driver: string, prefix: Prefix) => ({ driver, prefix, undo: {} });
    const reconciler = new Reconciler(
      new Map([
        [a, [frr]],
        [b, [address]],
      ]),
      { minGapMs: 0, respectManual: () => true, onEvent: () => {} },
    );
    await reconciler.open([change("frr", a), change("frr", c), change("bird", b)]);
    expect(adopted).toEqual([[change("frr", a)], []]);
    expect(reconciler.changes()).toEqual([change("frr", c), change("bird", b)]);
  });

  it("leaves a released prefix as it is", async () => {
    const router = new MemoryRouter("frr", [a]);
    const { reconciler, want } = await make([[a, [router]]]);
    await want([[a, "withdrawn"]]);
    reconciler.release(a);
    router.announced.add(a);
    await vi.advanceTimersByTimeAsync(5000);
    expect([...router.announced]).toEqual([a]);
  });

  it("brings observed to wanted after any sequence of failures, and touches nothing else", async () => {
    const mood = fc.constantFrom<Mood>("well", "refuse", "forget", "mute", "lagging");
    const wants = fc.array(
      fc.tuple(fc.constantFrom(a, b), fc.constantFrom<"announced" | "withdrawn">("announced", "withdrawn")),
      {
        minLength: 1,
        maxLength: 6,
      },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(mood, { maxLength: 30 }),
        fc.array(mood, { maxLength: 30 }),
        wants,
        async (m1, m2, sequence) => {
          const [route, address] = [new MemoryRouter("frr", [a, b, c], m1), new MemoryRouter("address", [a, b, c], m2)];
          const { reconciler, want, statusOf } = await make(
            [a, b, c].map((prefix) => [prefix, [route, address]]),
            { minGapMs: 100 },
          );
          for (const step of sequence) {
            await want([step]);
            await vi.advanceTimersByTimeAsync(300);
            for (const prefix of [a, b, c]) {
              const { observed, verified } = statusOf(prefix);
              const away = !route.announced.has(prefix) || !address.announced.has(prefix);
              if (observed === "withdrawn" && verified) expect(away).toBe(true);
            }
          }
          await vi.advanceTimersByTimeAsync(5 * 60_000);
          for (const [prefix, wanted] of new Map(sequence)) {
            expect(statusOf(prefix)).toMatchObject({ observed: wanted, verified: true });
            for (const router of [route, address]) expect(router.announced.has(prefix)).toBe(wanted === "announced");
          }
          for (const router of [route, address]) expect(router.announced.has(c)).toBe(true);
          await reconciler.close();
        },
      ),
      { numRuns: 100 },
    );
  });
});
