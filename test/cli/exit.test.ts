import { describe, expect, it } from "vitest";
import { exitCodeOf, UsageError } from "../../src/cli/exit.js";
import { ConfigError, EngineError, RouteError } from "../../src/errors.js";

describe("exitCodeOf", () => {
  const forbidden = Object.assign(new Error("connect EACCES"), { code: "EACCES" });
  it.each([
    [new ConfigError("ERR_CONFIG_INVALID", "x"), 78],
    [new ConfigError("ERR_CONFIG_READ", "x", [], { cause: forbidden }), 77],
    [new RouteError("ERR_ROUTE_UNREACHABLE", "x", "frr"), 69],
    [new RouteError("ERR_ROUTE_UNREACHABLE", "x", "frr", [], { cause: forbidden }), 77],
    [new EngineError("ERR_ENGINE_SYSCALL", "x", "EPERM", "socket"), 77],
    [new EngineError("ERR_ENGINE_SYSCALL", "x", "EMFILE", "socket"), 69],
    [new UsageError("x"), 64],
    [new TypeError("x"), 70],
    ["a string", 70],
  ])("gives %o the code %i", (error, code) => {
    expect(exitCodeOf(error)).toBe(code);
  });
});
