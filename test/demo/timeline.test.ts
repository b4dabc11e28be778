import { describe, expect, test } from "vitest";
import { type EventName, faultsOf, rulesOf, type Step, withinMs } from "../../src/demo/timeline.js";

const plot = { address: true, route: true, told: true };
const rules = rulesOf(plot);
/** All that must happen, 100 ms apart. */
const whole: readonly Step[] = rules.map(({ event }, index) => ({ event, atMs: 100 * index, detail: "" }));
const at = (event: EventName) => whole.findIndex((step) => step.event === event);

describe("a timeline", () => {
  test("in which everything happened has no fault", () => {
    expect(faultsOf(whole, rules)).toEqual([]);
  });

  test.each(rules.map(({ event }) => event))("without %s has a fault", (event) => {
    expect(faultsOf(whole.toSpliced(at(event), 1), rules)).toHaveLength(1);
  });

  test("that ends with the kill names what did not follow, and no more", () => {
    expect(faultsOf(whole.slice(0, at("killed") + 1), rules)).toEqual([
      "expected the kernel to tell that the answerer's socket is gone within 10 s, got none",
      "expected the check to be down within 10 s, got none",
    ]);
  });

  test("in which the address went before the decision has a fault", () => {
    const early = whole.with(at("address-gone"), { ...whole[at("address-gone")]!, atMs: whole[at("down")]!.atMs - 5 });
    expect(faultsOf(early, rules)).toEqual([
      "expected the anycast address to be gone from lo after down, got it 5.0 ms before",
    ]);
  });

  test("in which the address came back too late, or twice, has a fault", () => {
    const atMs = whole[at("stable")]!.atMs + withinMs + 1;
    const late = whole.with(at("address-back"), { ...whole[at("address-back")]!, atMs });
    expect(faultsOf(late, rules)).toEqual([expect.stringMatching(/within 10 s of stable, got it 10001 ms after$/)]);
    expect(faultsOf([...whole, whole[at("address-gone")]!], rules)).toEqual([
      expect.stringMatching(/once, got it 2 times$/),
    ]);
  });

  test("needs no route where there is no neighbour, and no hint where the kernel gives none", () => {
    const names = rulesOf({ address: true, route: false, told: false }).map(({ event }) => event);
    expect(names).not.toContain("route-gone");
    expect(names).not.toContain("told");
    expect(names).toContain("address-gone");
  });
});
