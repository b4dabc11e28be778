// What sweeps say of paths: tables of readings, and laws that hold however packets are lost and flows are moved.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Change, PathJudge, type Reading } from "../../src/watch/sweep-judge.js";

const tries = 3;
const [e1, e2, e3] = [2, 3, 4] as const;
const from = (site: number): Reading => ({ asked: tries, answered: tries, site, mixed: false });
const silence: Reading = { asked: tries, answered: 0, site: 0, mixed: false };
const nothing: Change = { lost: [], back: [], moved: [] };

/** A judge of 16 paths, each of which was answered by e1. */
function known(paths = 16): { judge: PathJudge; readings: Reading[] } {
  const judge = new PathJudge(paths);
  const readings = Array.from({ length: paths }, () => from(e1));
  expect(judge.judge(readings)).toEqual({ ...nothing, turned: "up" });
  return { judge, readings };
}

describe("a path that nobody answers on", () => {
  it("is lost after two sweeps, is told once, and is back after two with an answer", () => {
    const { judge, readings } = known();
    const broken = readings.with(5, silence);
    expect(judge.judge(broken)).toEqual(nothing);
    expect(judge.state(5)).toBe("suspect");
    expect(judge.judge(broken)).toEqual({ ...nothing, lost: [5] });
    expect(judge.judge(broken)).toEqual(nothing);
    expect(judge.state(5)).toBe("lost");
    const mended = readings.with(5, { ...from(e1), answered: 1 });
    expect([mended, broken, mended].map((sweep) => judge.judge(sweep))).toEqual([nothing, nothing, nothing]);
    expect(judge.judge(mended)).toEqual({ ...nothing, back: [5] });
  });

  it("is told with the others that are, where the fault begins or ends within a sweep", () => {
    const { judge, readings } = known();
    const some = readings.with(1, silence);
    const all = some.with(2, silence);
    expect([some, all, all, all].map((sweep) => judge.judge(sweep).lost)).toEqual([[], [], [1, 2], []]);
    const back = all.with(2, from(e1));
    expect([back, readings, readings].map((sweep) => judge.judge(sweep).back)).toEqual([[], [1, 2], []]);
  });

  it("is not kept waiting for longer than a sweep by others", () => {
    const { judge, readings } = known();
    const told = Array.from({ length: 4 }, (_, i) => judge.judge(readings.with(0, silence).with(1 + i, silence)).lost);
    expect(told).toEqual([[], [], [0], []]);
  });

  it("is lost too if nobody ever answered there, or all but one are", () => {
    const first = new PathJudge(16);
    const never = Array.from({ length: 16 }, () => from(e1)).with(0, silence);
    expect(first.judge(never).lost).toEqual([]);
    expect(first.judge(never).lost).toEqual([0]);
    const { judge, readings } = known();
    const alone = readings.map((reading, path) => (path === 3 ? reading : silence));
    const changes = Array.from({ length: 4 }, () => judge.judge(alone));
    expect(changes.flatMap(({ lost }) => lost)).toHaveLength(15);
    expect(judge.state(3)).toBe("answering");
  });

  it("is not lost for one silent sweep, for probes that say nothing, or with all the others", () => {
    const { judge, readings } = known();
    const allSilent = readings.map(() => silence);
    for (const sweep of [readings.with(1, silence), readings, readings.with(1, silence), allSilent, readings])
      expect(judge.judge(sweep)).toEqual(nothing);
    for (let i = 0; i < 5; i++) expect(judge.judge(readings.with(1, { ...silence, asked: 0 }))).toEqual(nothing);
    expect(judge.state(1)).toBe("answering");
    expect(Array.from({ length: 5 }, () => judge.judge(allSilent).lost).flat()).toEqual([]);
    expect(judge.state(1)).toBe("unknown");
  });

  it("takes more sweeps to be told from chance, the more the others lose", () => {
    const sweepsUntilLost = (answered: number) => {
      const judge = new PathJudge(16);
      const readings = Array.from({ length: 16 }, () => ({ ...from(e1), asked: 10, answered })).with(0, silence);
      for (let sweep = 1; sweep < 100; sweep++) if (judge.judge(readings).lost.length > 0) return sweep;
      return Number.POSITIVE_INFINITY;
    };
    expect([10, 9, 7, 5].map(sweepsUntilLost)).toEqual([2, 3, 5, 8]);
  });

  it("is not found in random loss of up to half of all packets, whatever the seed", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 0.5, noNaN: true }), fc.integer(), (loss, seed) => {
        const random = randomOf(seed);
        const judge = new PathJudge(16);
        const lost: number[] = [];
        for (let sweep = 0; sweep < 100; sweep++) {
          const readings = Array.from({ length: 16 }, () => {
            const answered = Array.from({ length: tries }, random).filter((value) => value >= loss).length;
            return { asked: tries, answered, site: answered > 0 ? e1 : 0, mixed: false };
          });
          lost.push(...judge.judge(readings).lost);
        }
        expect(lost).toEqual([]);
      }),
      { numRuns: 100, seed: 1 },
    );
  });
});

describe("a target", () => {
  it("is down after two sweeps without an answer on any path, told once, and up with the first", () => {
    const { judge, readings } = known();
    const silent = readings.map(() => silence);
    const voided = readings.map(() => ({ ...silence, asked: 0 }));
    const sweeps = [silent, readings, silent, voided, silent, silent, readings, readings];
    expect(sweeps.map((sweep) => judge.judge(sweep).turned)).toEqual([
      ...[undefined, undefined, undefined, undefined],
      ...["down", undefined, "up", undefined],
    ]);
  });
});

describe("paths that lead to another site", () => {
  it("are told together, once the sweep after says so too", () => {
    const { judge, readings } = known();
    const moved = readings.with(2, from(e2)).with(7, from(e3));
    const move = (path: number, to: number) => ({ path, from: e1, to });
    expect(judge.judge(moved)).toEqual(nothing);
    expect(judge.judge(moved)).toEqual({ ...nothing, moved: [move(2, e2), move(7, e3)] });
    expect(judge.judge(moved)).toEqual(nothing);
  });

  it("are told in one, where they move over several sweeps and a sweep sees both sites", () => {
    const { judge, readings } = known();
    const half = readings.with(2, { ...from(e2), mixed: true });
    const most = readings.with(2, from(e2)).with(3, from(e2));
    const all = most.with(4, from(e2));
    const changes = [half, most, all, all, all].map((sweep) => judge.judge(sweep).moved.map(({ path }) => path));
    expect(changes).toEqual([[], [], [], [2, 3, 4], []]);
  });

  it("are told in the end, where others never come to rest", () => {
    const { judge, readings } = known();
    const told = Array.from({ length: 12 }, (_, sweep) =>
      judge.judge(readings.with(0, from(e2)).with(1, from(sweep % 2 ? e2 : e3))).moved.map(({ path }) => path),
    );
    expect(told.flat()).toContain(0);
    expect(told.filter((paths) => paths.length > 0).length).toBeLessThanOrEqual(3);
  });

  it("are unsteady, and no news, where a router goes by packet", () => {
    const random = randomOf(3);
    const { judge, readings } = known();
    const events = Array.from({ length: 200 }, () => {
      const sites = Array.from({ length: tries }, () => (random() < 0.5 ? e1 : e2));
      const mixed = new Set(sites).size > 1;
      return judge.judge(readings.with(0, { ...from(sites.at(-1)!), mixed })).moved.length;
    }).filter((moved) => moved > 0).length;
    expect(events).toBeLessThan(10);
    expect(judge.unsteady(0)).toBe(true);
    expect(judge.unsteady(1)).toBe(false);
  });

  it("are told at most once a sweep, and what was told adds up to where they lead", () => {
    const reading = fc.constantFrom(silence, from(e1), from(e2), from(e3));
    fc.assert(
      fc.property(fc.array(fc.array(reading, { minLength: 4, maxLength: 4 }), { maxLength: 40 }), (sweeps) => {
        const judge = new PathJudge(4);
        const sites = new Map<number, number>();
        for (const sweep of sweeps) {
          for (const [path] of sweep.entries()) sites.set(path, judge.site(path));
          for (const { path, from: before, to } of judge.judge(sweep).moved) {
            expect(sites.get(path)).toBe(before);
            expect(judge.site(path)).toBe(to);
            expect(to).not.toBe(before);
          }
        }
      }),
    );
  });
});

/** mulberry32: numbers from 0 to 1 that a seed decides. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
