// The sizes of a watch: whatever is in flight has an id and a row.
import fc from "fast-check";
import { expect, it } from "vitest";
import { sizesFor } from "../../src/watch/sizing.js";

const targets = (count: number, address = "192.0.2.1") => Array.from({ length: count }, () => ({ address, port: 53 }));

it("has an id and a row for all probes of a timeout, for any pace that fits the engine", () => {
  const anyPace = fc.record({
    intervalMs: fc.integer({ min: 100, max: 10_000 }),
    timeoutMs: fc.integer({ min: 1, max: 5000 }),
    shards: fc.integer({ min: 1, max: 4 }),
    octets: fc.constantFrom(1232, 4096),
    whole: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 70_000 }), anyPace, (count, pace) => {
      const { ports, ringRows, answerOctets } = sizesFor(targets(count), pace);
      const inFlight = (count * pace.timeoutMs) / pace.intervalMs / pace.shards;
      expect(ports * 65_536).toBeGreaterThan(inFlight);
      expect(ringRows).toBeGreaterThan(inFlight);
      expect(Number.isInteger(Math.log2(ringRows))).toBe(true);
      if (pace.whole) expect(answerOctets).toBe(pace.octets);
      else expect(answerOctets === 256 || answerOctets * ringRows <= 64 << 20).toBe(true);
    }),
    { numRuns: 50 },
  );
});

it("is small for few targets, and keeps what is wanted of their answers", () => {
  const sizes = sizesFor(targets(10), { intervalMs: 1000, timeoutMs: 1000, shards: 1, octets: 1232, whole: false });
  expect(sizes).toEqual({ ports: 1, ringRows: 2048, answerOctets: 1232 });
});

it("counts the ports of the family that has more targets", () => {
  const both = [...targets(30_000), ...targets(40_000, "2001:db8::1")];
  const pace = { intervalMs: 1000, timeoutMs: 1000, shards: 1, octets: 1232, whole: false };
  expect(sizesFor(both, pace).ports).toBe(2);
});
