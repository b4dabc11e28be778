// Everything between a verdict and a router, together: real checks, decisions and reconciling, against routers in memory that
// fail by script, under any sequence of verdicts, failures, restarts, orders and a freeze.
import fc from "fast-check";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Sight } from "../../src/guard/guard.js";
import { Check } from "../../src/health/check.js";
import { Damping } from "../../src/health/damping.js";
import { wantedOf } from "../../src/health/service.js";
import { announcements } from "../../src/route/driver.js";
import { prefixOf } from "../../src/route/prefix.js";
import { Reconciler, type RouteEvent } from "../../src/route/reconcile.js";
import { Decision, type OrderKind } from "../../src/run/decision.js";
import { monotonicNs, nsPerMs } from "../../src/units.js";
import { MemoryRouter, type Mood } from "../support/memory-router.js";

const prefix = prefixOf("203.0.113.53");
const beatMs = 100;
const rules = { holdDownNs: 2e9, maxNs: 16e9, forgetNs: 60e9 };
const checkRules = { rise: 2, stableForNs: 0, fall: 3, confirmForNs: 0, unknownAfterNs: 1e9 };
/** fall x interval, the guard's two looks, the longest back-off of a lane and its reading: after that a death has to be done. */
const boundMs = 3 * beatMs + 2 * 3200 + 6250 + 2000;

/** World is one endpoint without its sockets: verdicts go in, routers are moved. */
class World {
  readonly frr: MemoryRouter;
  readonly address: MemoryRouter;
  readonly events: RouteEvent[] = [];
  check = new Check(checkRules);
  reconciler!: Reconciler;
  damping = new Damping(rules);
  decision!: Decision;
  order: { kind: OrderKind; force: boolean; because: string } | undefined;
  frozen = false;
  others = 1;

  constructor(moods: readonly Mood[]) {
    this.frr = new MemoryRouter("frr", [prefix], [...moods], announcements);
    this.address = new MemoryRouter("address", [prefix], [...moods].reverse());
  }

  async start(): Promise<void> {
    const nowNs = monotonicNs();
    this.damping = new Damping(rules, this.damping.record(nowNs), nowNs);
    this.check = new Check(checkRules);
    this.decision = new Decision({ others: 1, damping: this.damping, random: () => 0.5 });
    this.reconciler = new Reconciler(new Map([[prefix, [this.frr, this.address]]]), {
      minGapMs: 0,
      announceGapMs: 300,
      frozen: this.frozen,
      respectManual: () => true,
      onEvent: (event) => this.events.push(event),
    });
    await this.reconciler.open([]);
  }

  async restart(): Promise<void> {
    await this.reconciler.close();
    await this.start();
  }

  /** beat lets one probe be judged, and decides. */
  async beat(alive: boolean): Promise<void> {
    await vi.advanceTimersByTimeAsync(beatMs);
    const nowNs = monotonicNs();
    const verdict = alive ? ({ kind: "pass" } as const) : ({ kind: "fail", reason: "timeout" } as const);
    this.check.judge(verdict, nowNs - 1e6, 1e6, nowNs);
    const { observed } = this.reconciler.statusOf(prefix);
    const sight: Sight = {
      atNs: nowNs,
      announcers: {
        routerId: "192.0.2.1",
        others: Array.from({ length: this.others }, (_, i) => ({
          routerId: `192.0.2.${i + 2}`,
          kind: "stub",
          metric: 1,
        })),
      },
    };
    const { announcement } = this.decision.decide({
      nowNs,
      want: wantedOf([this.check], "all"),
      because: this.check.state,
      ...(this.order && { order: this.order }),
      observed,
      canDeprefer: this.reconciler.canDeprefer(prefix),
      sight,
    });
    if (announcement !== "hold") this.reconciler.want(prefix, announcement);
    this.reconciler.step();
    await vi.advanceTimersByTimeAsync(0);
  }

  /** What R1 would see: announced while both hold it, at the router's cost. */
  get really(): string {
    return this.address.announced.has(prefix) ? this.frr.standing(prefix) : "withdrawn";
  }
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "hrtime"] });
});
afterEach(() => {
  vi.useRealTimers();
});

const mood = fc.constantFrom<Mood>("well", "well", "refuse", "forget", "mute", "lagging");
const act = fc.oneof(
  { weight: 8, arbitrary: fc.record({ act: fc.constant("live" as const), beats: fc.integer({ min: 1, max: 30 }) }) },
  { weight: 8, arbitrary: fc.record({ act: fc.constant("die" as const), beats: fc.integer({ min: 1, max: 30 }) }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant("restart" as const), beats: fc.constant(0) }) },
  {
    weight: 2,
    arbitrary: fc.record({ act: fc.constantFrom("drain", "withdraw", "announce", "undrain"), beats: fc.constant(1) }),
  },
  { weight: 1, arbitrary: fc.record({ act: fc.constantFrom("freeze", "unfreeze"), beats: fc.constant(1) }) },
);

async function play(world: World, acts: readonly { readonly act: string; readonly beats: number }[], each: () => void) {
  let alive = true;
  for (const { act, beats } of acts) {
    if (act === "live" || act === "die") alive = act === "live";
    else if (act === "restart") await world.restart();
    else if (act === "undrain") world.order = undefined;
    else if (act === "freeze" || act === "unfreeze") {
      world.frozen = act === "freeze";
      if (!world.frozen) world.decision.startOver();
      world.reconciler.freeze(world.frozen);
    } else world.order = { kind: act as OrderKind, force: act === "announce", because: act };
    for (let beat = 0; beat < beats; beat++) {
      await world.beat(alive);
      each();
    }
  }
}

it("whatever happened: once drivers work and nobody orders otherwise, the dead are withdrawn within the bound", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 12 }), fc.array(mood, { maxLength: 60 }), async (acts, moods) => {
      const world = new World(moods);
      await world.start();
      await play(world, acts, () => {
        const { observed, verified } = world.reconciler.statusOf(prefix);
        // Withdrawn is said only of what was read back as withdrawn.
        if (observed === "withdrawn" && verified) expect(world.really).toBe("withdrawn");
      });
      world.frr.moods.length = 0;
      world.address.moods.length = 0;
      await play(
        world,
        [
          { act: "undrain", beats: 1 },
          { act: "unfreeze", beats: 1 },
          { act: "die", beats: boundMs / beatMs },
        ],
        () => {},
      );
      expect(world.really).toBe("withdrawn");
      expect(world.reconciler.statusOf(prefix)).toMatchObject({ wanted: "withdrawn", observed: "withdrawn" });
      // And the living come back.
      const backMs = rules.maxNs / nsPerMs + boundMs;
      await play(world, [{ act: "live", beats: backMs / beatMs }], () => {});
      expect(world.really).toBe("announced");
      await world.reconciler.close();
    }),
    { numRuns: 40 },
  );
});

it("the last endpoint is never taken away, whatever happens to it, but by force", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 20 }), fc.array(mood, { maxLength: 40 }), async (acts, moods) => {
      const world = new World(moods);
      world.others = 0;
      await world.start();
      await play(world, acts, () => expect(world.really).not.toBe("withdrawn"));
      await world.reconciler.close();
    }),
    { numRuns: 40 },
  );
});

it("a router that takes nothing is never called withdrawn, and the refusal is told", async () => {
  const world = new World([]);
  world.frr.moods.push(...Array<Mood>(5000).fill("refuse"));
  world.address.moods.push(...Array<Mood>(5000).fill("refuse"));
  await world.start();
  await play(
    world,
    [
      { act: "live", beats: 5 },
      { act: "die", beats: 200 },
    ],
    () => {
      expect(world.reconciler.statusOf(prefix).observed).not.toBe("withdrawn");
    },
  );
  expect(world.reconciler.statusOf(prefix)).toMatchObject({ wanted: "withdrawn", reason: "not today" });
  // Each router is tried again and again, and says its one reason once.
  const refused = world.events.flatMap((event) => (event.kind === "acted" && event.error ? event.driver : []));
  expect(refused.sort()).toEqual(["address", "frr"]);
  for (const router of [world.frr, world.address]) expect(router.calls.length).toBeGreaterThan(3);
  await world.reconciler.close();
});

it("a freeze moves nothing, whatever happens under it", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 20 }), async (acts) => {
      const world = new World([]);
      world.frozen = true;
      await world.start();
      const under = acts.filter(({ act }) => act !== "unfreeze");
      await play(world, under, () => {});
      expect([...world.frr.calls, ...world.address.calls]).toEqual([]);
      await world.reconciler.close();
    }),
    { numRuns: 30 },
  );
});
