import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    pool: "forks",
    testTimeout: 30_000,
    hookTimeout: 120_000,
    // Lab tests time real routers on two cores: files run one after another so that they do not disturb each other.
    fileParallelism: false,
  },
});
