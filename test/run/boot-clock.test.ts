import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BootClock, type Moment, remainingMs } from "../../src/run/boot-clock.js";
import { nsPerMs, nsPerSecond } from "../../src/units.js";

describe("the boot clock", () => {
  test("tells this boot, the time since it began, and the time of day", () => {
    const clock = new BootClock();
    const uptimeNs = () => Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]) * nsPerSecond;
    const before = { uptimeNs: uptimeNs(), wallMs: Date.now() };
    const now = clock.now();
    const after = { uptimeNs: uptimeNs(), wallMs: Date.now() };

    expect(now.bootId).toBe(readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim());
    // /proc/uptime has hundredths of a second, cut off.
    expect(now.bootNs).toBeGreaterThanOrEqual(before.uptimeNs);
    expect(now.bootNs).toBeLessThanOrEqual(after.uptimeNs + 0.01 * nsPerSecond);
    expect(now.wallMs).toBeGreaterThanOrEqual(before.wallMs);
    expect(now.wallMs).toBeLessThanOrEqual(after.wallMs);
    expect(clock.now().bootNs).toBeGreaterThan(now.bootNs);
  });

  test("counts suspension, of which CLOCK_MONOTONIC knows nothing", () => {
    // No test can suspend this host; a time namespace moves the one clock and not the other, as suspension does.
    const program = `const { BootClock } = await import(${JSON.stringify(import.meta.resolve("../../src/run/boot-clock.ts"))});
      const { monotonicNs } = await import(${JSON.stringify(import.meta.resolve("../../src/units.ts"))});
      console.log(new BootClock().now().bootNs - monotonicNs());`;
    const user = process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"];
    const node = [process.execPath, "--import", import.meta.resolve("tsx"), "--input-type=module", "-e", program];
    const aheadNs = (s: number) => {
      const argv = [...user, "--time", "--boottime", String(s), "--fork", ...node];
      const { stdout, stderr } = spawnSync("unshare", argv, { encoding: "utf8" });
      expect(stderr).toBe("");
      return Number(stdout);
    };
    const suspendedS = 100_000;
    // Between the two readings of a program pass some ms at most; a minute is more than any machine is that busy.
    const movedS = (aheadNs(suspendedS) - aheadNs(0)) / nsPerSecond;
    expect(Math.abs(movedS - suspendedS)).toBeLessThan(60);
  });
});

describe("what is left of a time", () => {
  const hourMs = 3600e3;
  const anyMoment: fc.Arbitrary<Moment> = fc.record({
    bootId: fc.constantFrom("a", "b"),
    bootNs: fc.integer({ min: 0, max: 400 * 24 * hourMs }).map((ms) => ms * nsPerMs),
    wallMs: fc.integer({ min: 0, max: 4e12 }),
  });
  const anyForMs = fc.integer({ min: 0, max: 400 * 24 * hourMs });

  test("is never negative and never more than all of it", () => {
    fc.assert(
      fc.property(anyMoment, anyForMs, anyMoment, (since, forMs, now) => {
        const left = remainingMs(since, forMs, now);
        expect(left).toBeGreaterThanOrEqual(0);
        expect(left).toBeLessThanOrEqual(forMs);
        expect(remainingMs(since, forMs, since)).toBe(forMs);
      }),
    );
  });

  test("within one boot is told by the time since it began: a step of the wall clock changes nothing", () => {
    const anyStepMs = fc.oneof(fc.constantFrom(hourMs, -hourMs), fc.integer({ min: -4e12, max: 4e12 }));
    const anyPassedMs = fc.integer({ min: 0, max: 2 * hourMs });
    fc.assert(
      fc.property(anyMoment, anyPassedMs, anyStepMs, (since, passedMs, stepMs) => {
        const bootNs = since.bootNs + passedMs * nsPerMs;
        const now = { ...since, bootNs, wallMs: since.wallMs + passedMs + stepMs };
        // Whole ms are exact in ns up to 2^53, and off by some ns beyond.
        expect(remainingMs(since, hourMs, now)).toBeCloseTo(Math.max(0, hourMs - passedMs), 3);
      }),
    );
  });

  test("across boots is told by the wall clock, whatever the new boot counts", () => {
    fc.assert(
      fc.property(anyMoment, anyMoment, (since, other) => {
        const now = { ...other, bootId: `not ${since.bootId}` };
        const passedMs = Math.min(hourMs, Math.max(0, now.wallMs - since.wallMs));
        expect(remainingMs(since, hourMs, now)).toBe(hourMs - passedMs);
      }),
    );
    const since = { bootId: "a", bootNs: 50 * nsPerSecond, wallMs: 1_000_000 };
    expect(remainingMs(since, hourMs, { bootId: "b", bootNs: 0, wallMs: 1_000_000 + 20 * 60e3 })).toBe(40 * 60e3);
    // A clock that was set back over the boot: the time begins anew, and no more than that.
    expect(remainingMs(since, hourMs, { bootId: "b", bootNs: 0, wallMs: 0 })).toBe(hourMs);
  });
});
