// The tables of the bench cannot drift from what was measured, nor its bars from what they say of each figure.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { median, missed } from "../../bench/experiment.js";
import { pages, saved, withTable } from "../../bench/table.js";

describe.each(Object.entries(pages))("%s", (page, render) => {
  it("has the table of the results that are kept", () => {
    const text = readFileSync(new URL(`../../${page}`, import.meta.url), "utf8");
    expect(withTable(text, render(saved()), page)).toBe(text);
  });

  it("finds each figure that it wants", () => {
    expect(render(saved())).not.toMatch(/undefined|NaN/);
  });
});

describe("the results that are kept", () => {
  it("tell where they come from", () => {
    for (const { environment } of saved()) {
      const told = ["commit", "kernel", "cpu", "cpus", "node", "command", "at"];
      expect(Object.keys(environment)).toEqual(expect.arrayContaining(told));
    }
  });
});

describe("missed", () => {
  it("has a sentence for each figure out of bounds, and for one that is missing or no number", () => {
    const bounds = { ratio: { least: 0.8 }, late_us: { most: 50 }, count: { least: 1, most: 2 }, gone: { most: 1 } };
    expect(missed({ ratio: 0.8, late_us: 50, count: 1, gone: 0 }, bounds)).toEqual([]);
    expect(missed({ ratio: 0.79, late_us: 51, count: 3, gone: Number.NaN }, bounds)).toEqual([
      "expected ratio >= 0.8, got 0.79",
      "expected late_us <= 50, got 51",
      "expected count >= 1 and <= 2, got 3",
      "expected gone <= 1, got NaN",
    ]);
    expect(missed({}, { gone: { most: 1 } })).toEqual(["expected gone <= 1, got undefined"]);
  });
});

describe("median", () => {
  it("is the middle of any order, or halfway between the two in the middle", () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([])).toBeNaN();
  });
});
