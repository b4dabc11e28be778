// Compiling a plan: 65,536 probes into the two buffers that the addon reads, with one query for all and with many.
import { loadAddon } from "../../src/engine/addon.js";
import { compilePlan } from "../../src/engine/compile.js";
import type { Query } from "../../src/index.js";
import { nsEach, type Race } from "./race.js";

const probes = 65_536;

function compiling(queries: readonly Query[]) {
  const plan = {
    probes: Array.from({ length: probes }, (_, i) => ({
      target: { address: `198.18.${i >> 8}.${i & 255}`, port: 53 },
      query: queries[i % queries.length]!,
    })),
    schedule: { rateQps: 100_000 },
    timeoutMs: 1000,
  };
  const { layout } = loadAddon();
  return (seconds: number) => nsEach(1, seconds, () => compilePlan(plan, 0, layout)) / 1e6;
}

const queryOf = (_: unknown, i: number): Query => ({ name: `host-${i}.example.com`, type: "A" });

export const race: Race = {
  summary: "compiling a plan of 65,536 probes: ms, with one query and with 4,096",
  headline: "65,536 probes compiled in {one_query_ms} ms",
  runners: {
    one: (seconds) => ({ one_query_ms: compiling([queryOf(undefined, 0)])(seconds) }),
    many: (seconds) => ({ many_queries_ms: compiling(Array.from({ length: 4096 }, queryOf))(seconds) }),
  },
  bounds: { one_query_ms: { most: 1000 } },
};
