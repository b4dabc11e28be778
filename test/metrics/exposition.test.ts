// The text format: what promtool cannot see is wrong.
import { expect, it, describe as suite } from "vitest";
import { LatencyHistogram } from "../../src/measure/histogram.js";
import { cumulate, durationBoundsNs, histogramOf } from "../../src/metrics/duration.js";
import { Collection, describe, expose, numberOf, sampleOf } from "../../src/metrics/exposition.js";
import { Exposed } from "../support/prometheus.js";

const state = describe("gauge", "test_state", ["name", "state"], "A state.");
const size = describe("gauge", "test_size", [], "A size.");
const duration = describe("histogram", "test_duration_seconds", ["name"], "A duration.");

const text = async (families: Parameters<typeof expose>[0]) => {
  let all = "";
  for await (const slice of expose(families)) all += slice;
  return all;
};

suite("the exposition", () => {
  it("writes families in one piece each, whatever the order in which they were added, without those that are empty", async () => {
    const to = new Collection();
    to.oneHot(state, ["a"], ["up", "down"], "down");
    to.add(size, [], 1.5);
    to.oneHot(state, ["b"], ["up", "down"], "up");
    expect(await text([...to.families(), { metric: duration, samples: [] }])).toBe(`# HELP test_state A state.
# TYPE test_state gauge
test_state{name="a",state="up"} 0
test_state{name="a",state="down"} 1
test_state{name="b",state="up"} 1
test_state{name="b",state="down"} 0
# HELP test_size A size.
# TYPE test_size gauge
test_size 1.5
`);
  });

  it("keeps a stranger's words within their quotes", () => {
    const name = 'a"} 1\ntest_state{name="b\\';
    const line = sampleOf(state, [name, "up"], 1);
    expect(line.trimEnd()).not.toContain("\n");
    expect(new Exposed(line).samples).toEqual([{ name: "test_state", labels: { name, state: "up" }, value: 1 }]);
  });

  it.each([
    [0, "0"],
    [1e-7, "1e-7"],
    [2 ** 53, "9007199254740992"],
    [Number.NaN, "NaN"],
    [Number.POSITIVE_INFINITY, "+Inf"],
    [Number.NEGATIVE_INFINITY, "-Inf"],
  ])("writes %d as %s", (value, written) => {
    expect(numberOf(value)).toBe(written);
  });
});

suite("a histogram", () => {
  it("has cumulative counts, none too good, and a sum that never falls", () => {
    const histograms = [new LatencyHistogram(), new LatencyHistogram()];
    let before = 0;
    for (let i = 0; i < 5000; i++) {
      // Falling, as nothing else makes a clamped mean fall.
      histograms[i % 2]!.record(30_000_000 - i * 5000);
      const { sumNs, count } = cumulate(histograms);
      expect(sumNs).toBeGreaterThan(before);
      expect(count).toBe(i + 1);
      before = sumNs;
    }
    const { below, count, sumNs } = cumulate(histograms);
    const exact = durationBoundsNs.map((bound) => {
      let most = 0;
      for (let i = 0; i < 5000; i++) if (30_000_000 - i * 5000 <= bound) most++;
      return most;
    });
    for (const [i, most] of exact.entries()) {
      expect(below[i]).toBeLessThanOrEqual(most);
      expect(below[i]).toBeGreaterThanOrEqual(most * 0.9);
    }
    expect(Math.abs(sumNs / count / (30_000_000 - 2499.5 * 5000) - 1)).toBeLessThan(0.008);
    const { samples } = new Exposed(histogramOf(duration, ["a"], { below, count, sumNs }));
    expect(samples).toHaveLength(durationBoundsNs.length + 3);
    expect(samples.map(({ labels }) => labels["le"]).slice(0, 3)).toEqual(["0.00005", "0.0001", "0.0002"]);
  });

  it("is all zeros where there is nothing", () => {
    const { samples } = new Exposed(histogramOf(duration, ["a"], cumulate([])));
    expect(samples.map(({ value }) => value)).toEqual(Array(durationBoundsNs.length + 3).fill(0));
  });
});
