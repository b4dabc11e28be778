import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { load, loadAddon } from "../../src/engine/addon.js";
import { outcomes } from "../../src/probe/outcome.js";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "anyprobe-addon-"));
});

afterEach(() => rmSync(directory, { recursive: true }));

test("the addon is loaded once", () => {
  expect(loadAddon()).toBe(loadAddon());
});

test("its outcomes are those of TypeScript, in the same order", () => {
  expect(loadAddon().layout.outcomes).toEqual(outcomes);
});

test("a missing binary is an error that names the command which builds it", () => {
  expect(() => load(directory)).toThrow(expect.objectContaining({ code: "ERR_ENGINE_ADDON", name: "EngineError" }));
  expect(() => load(directory)).toThrow("`npm run build`");
});

test("so is a broken one, with the loader's reason", () => {
  mkdirSync(join(directory, "build/Release"), { recursive: true });
  writeFileSync(join(directory, "build/Release/anyprobe.node"), "no shared object");
  expect(() => load(directory)).toThrow(/could not be loaded; build it with `npm run build` .*anyprobe\.node/);
});
