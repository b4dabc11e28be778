import { defineConfig } from "vitest/config";

/** What measures rates and latencies, or takes all of the machine, has it to itself: one file after another. */
const alone = [
  "test/{bench,engine,load,native,page}/**/*.test.ts",
  "test/lab/{drain,flap,flood,objective,raw-sweep,stress}.test.ts",
  "test/cli/bench.test.ts",
  "test/library/package.test.ts",
  "test/run/{hint,own-health,selftest}.test.ts",
];

export default defineConfig({
  test: {
    pool: "forks",
    testTimeout: 30_000,
    hookTimeout: 120_000,
    projects: [
      {
        extends: true,
        // Nearly all of their time they wait: for routers' timers, and for the checks of a daemon.
        test: {
          name: "together",
          include: ["test/**/*.test.ts"],
          exclude: alone,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      { extends: true, test: { name: "alone", include: alone, maxWorkers: 1, sequence: { groupOrder: 1 } } },
    ],
  },
});
