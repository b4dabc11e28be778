// The boundary: what both sides of the addon say of the layout is the same, and nothing given to it can harm it.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { loadAddon } from "../../src/engine/addon.js";
import { flag, makeBlock } from "../../src/engine/batch.js";
import { compilePlan } from "../../src/engine/compile.js";
import { Engine, type EngineOptions } from "../../src/engine/engine.js";
import { outcomes } from "../../src/probe/outcome.js";
import type { Plan } from "../../src/probe/plan.js";
import { question } from "../support/engine.js";

const addon = loadAddon();
const { layout } = addon;
const target = { address: "127.0.0.1", port: 9 };
const probes = [{ target, query: question }];
const plan: Plan = { probes, schedule: { intervalMs: 1000 }, timeoutMs: 500 };

describe("the layout", () => {
  test("has the outcomes of src/probe/outcome.ts, in their order", () => {
    expect(layout.outcomes).toEqual(outcomes);
  });

  test("has the flags of src/engine/batch.ts", () => {
    expect(layout.flags).toEqual(flag);
  });

  test("has a column for every key of a ResultBatch but its length and octets, widest first", () => {
    const { length, bytes, ...columns } = makeBlock(layout, 3, 10).batch;
    expect(length).toBe(0);
    expect(bytes).toHaveLength(10);
    expect(Object.keys(columns)).toEqual(layout.columns.map(({ name }) => name));
    expect(Object.keys(columns).sort()).toEqual(
      [
        "answerAt",
        "answerLength",
        "answerSize",
        "dueNs",
        "errno",
        "flags",
        "outcome",
        "probe",
        "rcode",
        "rttNs",
        "sentNs",
        "shard",
        "sourcePort",
      ].sort(),
    );
    const sizes = layout.columns.map(({ size }) => size);
    expect(sizes).toEqual(sizes.toSorted((a, b) => b - a));
  });

  test("has the counters that the engine gives", () => {
    const engine = new Engine({}, () => {});
    const counters = engine.counters();
    engine.close();
    expect(Object.keys(counters)).toEqual(layout.counters);
    expect(layout.counters).toEqual([
      ...["sent", "rows", "late", "foreign", "malformed", "skipped", "sendRetries", "trains", "trainsRefused"],
      ...["stampFallbacks", "tableFull", "ringFull", "receiveDrops", "wakeups", "stalls", "stalledNs"],
    ]);
  });
});

describe("a bad", () => {
  test.each<[string, Plan, string]>([
    ["list of probes", { ...plan, probes: [] }, "probes: expected one at least"],
    [
      "port",
      { ...plan, probes: [{ target: { ...target, port: 65_589 }, query: question }] },
      "probes[0].target.port: expected an integer of 1-65535, got 65589",
    ],
    [
      "port 0",
      { ...plan, probes: [{ target: { ...target, port: 0 }, query: question }] },
      "probes[0].target.port: expected an integer of 1-65535, got 0",
    ],
    [
      "address",
      { ...plan, probes: [{ target: { ...target, address: "localhost" }, query: question }] },
      'expected an IPv4 or IPv6 address, got "localhost"',
    ],
    [
      "rate of 0",
      { ...plan, schedule: { rateQps: 0 } },
      "schedule.rateQps: expected a number of 0.000001-1000000000, got 0",
    ],
    [
      "rate that is none",
      { ...plan, schedule: { rateQps: Number.NaN } },
      "schedule.rateQps: expected a number of 0.000001-1000000000, got NaN",
    ],
    [
      "rate that is endless",
      { ...plan, schedule: { rateQps: Number.POSITIVE_INFINITY } },
      "schedule.rateQps: expected a number of 0.000001-1000000000, got Infinity",
    ],
    [
      "interval",
      { ...plan, schedule: { intervalMs: -1 } },
      "schedule.intervalMs: expected a number of 0-1000000000000, got -1",
    ],
    [
      "interval of a probe",
      { ...plan, probes: [{ target, query: question, intervalMs: Number.NaN }] },
      "probes[0].intervalMs: expected a number of 0-1000000000000, got NaN",
    ],
    [
      "count",
      { ...plan, schedule: { rateQps: 1, count: 1.5 } },
      "schedule.count: expected an integer of 0-9007199254740991, got 1.5",
    ],
    [
      "start",
      { ...plan, schedule: { rateQps: 1, startNs: -1 } },
      "schedule.startNs: expected a number of 1-1000000000000000000, got -1",
    ],
    ["replay", { ...plan, schedule: { replay: false as true } }, "schedule.replay: expected true, got false"],
    [
      "time of a probe of a replay",
      { ...plan, schedule: { replay: true }, probes: [{ target, query: question, atNs: -1 }] },
      "probes[0].atNs: expected a number of 0-1000000000000000000, got -1",
    ],
    [
      "probe of a replay without a time",
      { ...plan, schedule: { replay: true } },
      "probes[0].atNs: expected a number of 0-1000000000000000000, got undefined",
    ],
    ["timeout", { ...plan, timeoutMs: 0 }, "timeoutMs: expected a number of 0.001-1000000000000, got 0"],
    ["mark", { ...plan, mark: 2 ** 32 }, "mark: expected an integer of 0-4294967295, got 4294967296"],
    ["source", { ...plan, source: { ipv4: "::1" } }, 'source: expected an IPv4 address, got "::1"'],
    ["transport", { ...plan, transport: "tcp" as "raw" }, 'transport: expected "socket" or "raw", got "tcp"'],
    ["first port without raw", { ...plan, firstPort: 4000 }, 'firstPort: expected transport "raw" with it'],
    [
      "first port",
      { ...plan, transport: "raw", ports: 64, firstPort: 65_473 },
      "firstPort: expected an integer of 1-65472, got 65473",
    ],
    [
      "train with raw",
      { ...plan, transport: "raw", train: 2 },
      "train: the raw transport sends none, expected 1, got 2",
    ],
    [
      "source of a probe without raw",
      { ...plan, probes: [{ target, query: question, source: "127.0.0.1" }] },
      'probes[0].source: expected transport "raw" with it',
    ],
    [
      "source of a probe",
      { ...plan, transport: "raw", probes: [{ target, query: question, source: "::1" }] },
      'probes[0].source: expected an IPv4 address, got "::1"',
    ],
    [
      "name",
      { ...plan, probes: [{ target, query: { name: "a..b", type: "A" } }] },
      'name "a..b": labels have 1-63 octets, got 0',
    ],
  ])("%s in a plan is refused, and says what was expected", (_, bad, message) => {
    const engine = new Engine({}, () => {});
    expect(() => engine.submit(bad)).toThrow(message);
    expect(engine.counters().sent).toBe(0);
    engine.close();
  });

  test.each<[EngineOptions, string]>([
    [{ shards: 0 }, "shards: expected an integer of 1-255, got 0"],
    [{ ringRows: 1000 }, "ringRows: expected a power of two, got 1000"],
    [{ ringRows: 0 }, "ringRows: expected an integer of 1-16777216, got 0"],
    [{ answerOctets: 5000 }, "answerOctets: expected an integer of 0-4096, got 5000"],
    [{ patienceMs: -1 }, "patienceMs: expected a number of 0-1000000000000, got -1"],
    [{ batchRows: 0 }, "batchRows: expected an integer of 1-1048576, got 0"],
  ])("option %j is refused, and says what was expected", (options, message) => {
    expect(() => new Engine(options, () => {})).toThrow(new RangeError(message));
  });

  test("index, interval or count to pace or burst is refused", () => {
    const engine = new Engine({}, () => {});
    const run = engine.submit(plan);
    expect(() => run.pace(1, 10)).toThrow("index: expected an integer of 0-0, got 1");
    expect(() => run.pace(0, -10)).toThrow("intervalMs: expected a number of 0-1000000000000, got -10");
    expect(() => run.burst(0, -1, 0)).toThrow("count: expected an integer of 0-4294967295, got -1");
    expect(() => run.burst(0, 1, Number.NaN)).toThrow("gapMs: expected a number of 0-1000000000000, got NaN");
    engine.close();
  });
});

describe("the addon itself", () => {
  /** Runs what is given to a native engine; an exception is fine, a crash is not. */
  function withNative(use: (native: InstanceType<typeof addon.Engine>) => void) {
    const native = new addon.Engine({ shards: 2, ringRows: 64, answerOctets: 16, patienceNs: 0, cpus: [] }, () => {});
    try {
      use(native);
    } catch (error) {
      expect(error).toBeInstanceOf(Error);
    } finally {
      native.close();
    }
  }
  const compiled = compilePlan({ ...plan, schedule: { rateQps: 100, count: 3 } }, 0, layout);
  const odd = fc.oneof(fc.double(), fc.integer(), fc.maxSafeInteger(), fc.constant(undefined as never));
  const scribbled = (octets: Uint8Array) =>
    fc
      .tuple(
        fc.array(fc.tuple(fc.nat({ max: octets.length - 1 }), fc.nat({ max: 255 })), { maxLength: 8 }),
        fc.nat({ max: octets.length }),
      )
      .map(([changes, cut]) => {
        const changed = Uint8Array.from(octets);
        for (const [at, to] of changes) changed[at] = to;
        return cut % 3 === 0 ? changed.subarray(0, cut) : changed;
      });

  test("takes any templates, table and schedule without harm", () => {
    fc.assert(
      fc.property(
        fc.oneof(scribbled(compiled.templates), fc.uint8Array({ maxLength: 200 })),
        fc.oneof(scribbled(compiled.table), fc.uint8Array({ maxLength: 200 })),
        fc.record({
          rateQps: odd,
          poisson: fc.boolean(),
          inflight: odd,
          replay: fc.boolean(),
          startNs: odd,
          count: odd,
          timeoutNs: odd,
          ports: fc.oneof(odd, fc.integer({ min: 0, max: 8 })),
          train: odd,
          trainNs: odd,
          transmitStamps: fc.boolean(),
          raw: fc.boolean(),
          firstPort: fc.oneof(odd, fc.integer({ min: 0, max: 65_535 })),
          mark: fc.constant(0),
          localOnly: fc.boolean(),
        }),
        (templates, table, schedule) =>
          withNative((native) => {
            // Some schedules may stand as they are, that the buffers are read at all.
            const given = table.length % 2 ? { ...compiled.schedule, ...schedule } : compiled.schedule;
            const id = native.submit(templates, table, given);
            native.pace(id, 0, 1e6, 0);
            native.burst(id, 0, 2, 0);
            native.stop();
            const block = makeBlock(layout, 8, 200);
            while (native.drain(block.octets, block.rows) > 0) {}
            const counters = new Float64Array(layout.counters.length);
            native.counters(counters);
            expect(counters[1]).toBe(counters[0]);
          }),
      ),
      { numRuns: 500 },
    );
  });

  test("takes any number to pace, burst and cancel without harm", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(odd, odd, odd, odd), { maxLength: 10 }), (calls) =>
        withNative((native) => {
          const id = native.submit(compiled.templates, compiled.table, { ...compiled.schedule, rateQps: 0 });
          for (const [a, b, c, d] of calls) {
            try {
              native.pace(a, b, c, d);
              native.pace(id, 0, c, d);
              native.burst(a, b, c, d);
              native.burst(id, 0, 3, d);
              native.cancel(a);
            } catch (error) {
              expect(error).toBeInstanceOf(Error);
            }
          }
        }),
      ),
      { numRuns: 100 },
    );
  });

  test("refuses memory that is not what it says", () => {
    const native = new addon.Engine({ shards: 1, ringRows: 64, answerOctets: 0, patienceNs: 0, cpus: [] }, () => {});
    const any = native as unknown as Record<string, (...args: unknown[]) => unknown>;
    const { templates, table, schedule } = compiled;
    expect(() => any["drain"]!(new Uint8Array(10), 100)).toThrow(RangeError);
    expect(() => any["drain"]!(new Uint8Array(1001).subarray(1), 10)).toThrow(RangeError);
    expect(() => any["drain"]!(new Float64Array(1000), 10)).toThrow(TypeError);
    expect(() => any["drain"]!("text", 10)).toThrow(TypeError);
    expect(() => any["counters"]!(new Float64Array(3))).toThrow(RangeError);
    expect(() => any["counters"]!(new Uint8Array(100))).toThrow(TypeError);
    expect(() => any["submit"]!({}, table, schedule)).toThrow(TypeError);
    expect(() => any["submit"]!(templates, table, undefined)).toThrow();
    expect(() => any["submit"]!(templates, table, { ...schedule, source4: new Uint8Array(5) })).toThrow(RangeError);
    expect(() => any["submit"]!()).toThrow();
    native.close();
    expect(() => native.submit(templates, table, schedule)).toThrow("the engine is closed");
    native.close();
  });
});
