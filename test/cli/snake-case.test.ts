import { describe, expect, it } from "vitest";
import { snakeCase } from "../../src/cli/snake-case.js";

describe("snakeCase", () => {
  it("renames names, at any depth", () => {
    expect(snakeCase({ p50Ns: 1, list: [{ leftMs: null }], deep: { sinceNs: 2 } })).toEqual({
      p50_ns: 1,
      list: [{ left_ms: null }],
      deep: { since_ns: 2 },
    });
  });

  it("leaves keys that are no names of ours", () => {
    const causes = { SERVFAIL: 1, "port unreachable": 2, "rcode REFUSED": 3, "203.0.113.53/32": 4 };
    expect(snakeCase({ causes })).toEqual({ causes });
  });
});
