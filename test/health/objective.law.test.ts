// An objective against one that keeps every sample and works all of it out anew, whatever comes in whatever order.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type BurnFigures, Objective, type ObjectiveRules, type Sample } from "../../src/health/objective.js";
import { Windows } from "../../src/health/window.js";

/** Bounds in whole thousandths, so that the oracle needs no fractions. */
interface Terms {
  readonly latency: readonly { readonly permille: number; readonly limitNs: number }[];
  readonly loss: number | undefined;
  readonly rcodes: readonly (readonly [number, number])[];
  readonly windowNs: number;
  readonly fastWindowNs: number;
  readonly fastBurn: number;
  readonly minSamples: number;
}

const rulesOf = ({ latency, loss, rcodes, ...rest }: Terms): ObjectiveRules => ({
  ...rest,
  latency: latency.map(({ permille, limitNs }) => ({ percentile: permille / 10, limitNs })),
  loss: loss === undefined ? undefined : loss / 1000,
  rcodes: new Map(rcodes.map(([rcode, permille]) => [rcode, permille / 1000])),
});

const anyTerms: fc.Arbitrary<Terms> = fc
  .record({
    latency: fc.array(
      fc.record({
        permille: fc.oneof(fc.constantFrom(500, 900, 990, 999, 1000), fc.integer({ min: 1, max: 1000 })),
        limitNs: fc.constantFrom(10, 1000, 50_000),
      }),
      { maxLength: 3 },
    ),
    loss: fc.option(fc.constantFrom(0, 5, 100, 300), { nil: undefined }),
    rcodes: fc.uniqueArray(fc.tuple(fc.constantFrom(2, 5), fc.constantFrom(0, 10, 250)), {
      selector: ([rcode]) => rcode,
    }),
    windowNs: fc.integer({ min: 1, max: 40 }),
    fast: fc.integer({ min: 1, max: 40 }),
    fastBurn: fc.constantFrom(1, 2, 10, 14.4),
    minSamples: fc.integer({ min: 1, max: 12 }),
  })
  .map(({ fast, ...terms }) => ({ ...terms, fastWindowNs: Math.min(fast, terms.windowNs) }));

interface Step {
  readonly waitNs: number;
  readonly samples: readonly Sample[];
  readonly look: boolean;
}

/** Samples of now, of long ago, twice, and even of soon; gaps in which all is forgotten. */
const anySteps: fc.Arbitrary<Step[]> = fc
  .array(
    fc.record({
      waitNs: fc.oneof({ weight: 12, arbitrary: fc.integer({ min: 0, max: 6 }) }, fc.constantFrom(39, 41, 1e6)),
      ages: fc.array(fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: -4, max: 45 })), { maxLength: 4 }),
      rttNs: fc.option(fc.oneof(fc.constantFrom(10, 11, 1000, 50_000, 50_001), fc.integer({ min: 1, max: 3e9 })), {
        nil: undefined,
        freq: 4,
      }),
      rcode: fc.constantFrom(0, 0, 2, 5),
      repeat: fc.integer({ min: 1, max: 6 }),
      look: fc.boolean(),
    }),
    { maxLength: 40 },
  )
  .map((parts) => {
    let nowNs = 1000;
    return parts.map(({ waitNs, ages, rttNs, rcode, repeat, look }) => {
      nowNs += waitNs;
      const samples = ages.flatMap((ageNs) =>
        Array.from({ length: repeat }, () => ({
          sentNs: nowNs - ageNs,
          rttNs,
          rcode: rttNs === undefined ? undefined : rcode,
        })),
      );
      return { waitNs, samples, look };
    });
  });

/** What one bound comes to in one window, by sorting and in whole numbers. */
interface Truth {
  readonly bad: number;
  /** ns, Infinity for a probe without an answer; or the fraction. Undefined: no samples. */
  readonly value: number | undefined;
  readonly slow: boolean;
  readonly fast: boolean;
}

function truths(terms: Terms, samples: readonly Sample[]): Truth[] {
  const count = samples.length;
  const judged = count >= terms.minSamples;
  const collapses = (bad: number, permille: number) =>
    judged && bad > 0 && (bad === count || bad * 1000 >= terms.fastBurn * permille * count - 1e-6);
  const sorted = samples.map(({ rttNs }) => rttNs ?? Number.POSITIVE_INFINITY).sort((a, b) => a - b);
  const share = (isBad: (sample: Sample) => boolean, permille: number): Truth => {
    const bad = samples.filter(isBad).length;
    const slow = judged && bad * 1000 > permille * count;
    return { bad, value: count === 0 ? undefined : bad / count, slow, fast: collapses(bad, permille) };
  };
  return [
    ...terms.latency.map(({ permille, limitNs }): Truth => {
      const value = sorted[Math.ceil((permille * count) / 1000) - 1];
      const bad = sorted.filter((ns) => ns > limitNs).length;
      return { bad, value, slow: judged && value! > limitNs, fast: collapses(bad, 1000 - permille) };
    }),
    ...(terms.loss === undefined ? [] : [share(({ rttNs }) => rttNs === undefined, terms.loss)]),
    ...terms.rcodes.map(([number, permille]) => share(({ rcode }) => rcode === number, permille)),
  ];
}

function expectFigures({ bad, value }: BurnFigures, truth: Truth, unit: "ns" | "fraction", limit: number) {
  expect(bad).toBe(truth.bad);
  if (unit === "fraction" || truth.value === undefined || truth.value === Number.POSITIVE_INFINITY) {
    expect(value).toBe(Number.isFinite(truth.value ?? Number.NaN) ? truth.value : null);
    return;
  }
  expect(value).toBeGreaterThanOrEqual(truth.value);
  expect(value).toBeLessThanOrEqual(truth.value * (1 + 1 / 128));
  expect(value! > limit).toBe(truth.value > limit);
}

describe("an objective, whatever the samples and their order", () => {
  it("says of every window what sorting all samples that were sent in it says", () => {
    fc.assert(
      fc.property(anyTerms, anySteps, (terms, steps) => {
        const objective = new Objective(rulesOf(terms));
        const all: Sample[] = [];
        let nowNs = 1000;
        for (const { waitNs, samples, look } of steps) {
          nowNs += waitNs;
          for (const sample of samples) objective.record(sample);
          all.push(...samples);
          if (!look) continue;
          const sentWithin = (ns: number) => all.filter(({ sentNs }) => sentNs > nowNs - ns && sentNs <= nowNs);
          const [long, short] = [sentWithin(terms.windowNs), sentWithin(terms.fastWindowNs)];
          const [slow, fast] = [truths(terms, long), truths(terms, short)];
          const report = objective.report(nowNs);
          expect(report.samples).toBe(long.length);
          expect(report.figures).toHaveLength(slow.length);
          for (const [index, figures] of report.figures.entries()) {
            expect([figures.slow.samples, figures.fast.samples]).toEqual([long.length, short.length]);
            expectFigures(figures.slow, slow[index]!, figures.unit, figures.limit);
            expectFigures(figures.fast, fast[index]!, figures.unit, figures.limit);
            expect([figures.slow.burns, figures.fast.burns]).toEqual([slow[index]!.slow, fast[index]!.fast]);
          }
          const burning = slow.filter((truth, index) => truth.slow || fast[index]!.fast).length;
          expect(report.breached).toBe(burning > 0);
          const silent = burning === 0 && long.length < terms.minSamples;
          expect(report.reasons).toHaveLength(silent ? 1 : burning);
        }
      }),
      { numRuns: 3000 },
    );
  });
});

describe("windows that are full", () => {
  it("hold the newest by when they were sent, and count them right", () => {
    const anySample = fc.record({ ageNs: fc.integer({ min: -3, max: 30 }), bits: fc.integer({ min: 0, max: 7 }) });
    const anyRound = fc.record({
      waitNs: fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 0, max: 3 }) }, fc.constant(50)),
      samples: fc.array(anySample, { maxLength: 12 }),
    });
    const capacity = 8;
    fc.assert(
      fc.property(fc.array(anyRound, { maxLength: 100 }), (rounds) => {
        const windows = new Windows(20, 6, 3, capacity);
        let kept: { readonly sentNs: number; readonly bits: number }[] = [];
        let nowNs = 100;
        windows.advance(nowNs);
        for (const { waitNs, samples } of rounds) {
          for (const { ageNs, bits } of samples) {
            const sentNs = nowNs - ageNs;
            windows.record(sentNs, bits, 1);
            if (sentNs > nowNs - 20) kept.push({ sentNs, bits });
            kept = kept.sort((a, b) => a.sentNs - b.sentNs).slice(-capacity);
          }
          nowNs += waitNs;
          windows.advance(nowNs);
          kept = kept.filter(({ sentNs }) => sentNs > nowNs - 20);
          for (const [tally, ns] of [
            [windows.long, 20],
            [windows.short, 6],
          ] as const) {
            const held = kept.filter(({ sentNs }) => sentNs > nowNs - ns && sentNs <= nowNs);
            const broke = [0, 1, 2].map((bound) => held.filter(({ bits }) => bits & (1 << bound)).length);
            expect([tally.samples, ...[0, 1, 2].map((bound) => tally.broke(bound))]).toEqual([held.length, ...broke]);
          }
        }
      }),
      { numRuns: 2000 },
    );
  });
});
