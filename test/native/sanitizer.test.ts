// Builds the native tests with each sanitizer and runs them: what they find is printed, and fails.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { build, run } from "./build.js";

const here = fileURLToPath(new URL(".", import.meta.url));
const native = fileURLToPath(new URL("../../native/", import.meta.url));
let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "anyprobe-native-"));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** The engine's own sources: not the addon's, which need Node.js, and not netlink's. */
const sources = [
  ...[
    "batch",
    "engine",
    "packet_ring",
    "plan",
    "raw",
    "raw_packet",
    "run",
    "shard",
    "shard_receive",
    "shard_send",
    "socket",
    "turns",
  ].map((name) => `${native}${name}.cc`),
  ...readdirSync(here)
    .filter((name) => name.endsWith(".cc"))
    .map((name) => join(here, name)),
];

const toolchain = (sanitizer: string) => ({
  compiler: "g++",
  flags: ["-std=c++20", "-O1", "-g", "-fno-omit-frame-pointer", "-pthread", `-fsanitize=${sanitizer}`],
});

/** Why a sanitizer cannot be used on this host, in one sentence; undefined where it can. */
async function missing(sanitizer: string): Promise<string | undefined> {
  const source = join(directory, "empty.cc");
  const program = join(directory, "empty");
  writeFileSync(source, "int main() {}\n");
  if (spawnSync("g++", ["--version"]).error) return "g++ is not installed";
  if ((await build(toolchain(sanitizer), program, [source])) !== "")
    return `g++ has no runtime for -fsanitize=${sanitizer}`;
  return (await run(program, [])).status === 0
    ? undefined
    : `programs of -fsanitize=${sanitizer} do not run on this kernel`;
}

describe("the native engine has no fault that a sanitizer sees", () => {
  for (const sanitizer of ["address,undefined", "thread"]) {
    test(sanitizer, { timeout: 300_000 }, async ({ skip }) => {
      const reason = await missing(sanitizer);
      if (reason) skip(reason);
      const program = join(directory, sanitizer.replace(",", "-"));
      expect(await build(toolchain(sanitizer), program, sources)).toBe("");
      const env = {
        ...process.env,
        UBSAN_OPTIONS: "halt_on_error=1:print_stacktrace=1",
        TSAN_OPTIONS: "halt_on_error=1",
      };
      expect(await run(program, [], env)).toEqual({ status: 0, stdout: "all so\n", stderr: "" });
    });
  }
});
