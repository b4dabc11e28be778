// Builds the native tests with each sanitizer and runs them: what they find is printed, and fails.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

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

function compile(sanitizer: string, files: readonly string[], program: string) {
  const flags = ["-std=c++20", "-O1", "-g", "-fno-omit-frame-pointer", "-pthread"];
  return spawnSync("g++", [...flags, `-fsanitize=${sanitizer}`, ...files, "-o", program], { encoding: "utf8" });
}

/** Why a sanitizer cannot be used on this host, in one sentence; undefined where it can. */
function missing(sanitizer: string): string | undefined {
  const source = join(directory, "empty.cc");
  const program = join(directory, "empty");
  writeFileSync(source, "int main() {}\n");
  const { error, status } = compile(sanitizer, [source], program);
  if (error) return "g++ is not installed";
  if (status !== 0) return `g++ has no runtime for -fsanitize=${sanitizer}`;
  return spawnSync(program).status === 0 ? undefined : `programs of -fsanitize=${sanitizer} do not run on this kernel`;
}

describe("the native engine has no fault that a sanitizer sees", () => {
  for (const sanitizer of ["address,undefined", "thread"]) {
    test(sanitizer, { timeout: 300_000 }, ({ skip }) => {
      const reason = missing(sanitizer);
      if (reason) skip(reason);
      const program = join(directory, sanitizer.replace(",", "-"));
      expect(compile(sanitizer, sources, program).stderr).toBe("");
      const env = {
        ...process.env,
        UBSAN_OPTIONS: "halt_on_error=1:print_stacktrace=1",
        TSAN_OPTIONS: "halt_on_error=1",
      };
      const { status, stdout, stderr } = spawnSync(program, { encoding: "utf8", env });
      expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: "all so\n", stderr: "" });
    });
  }
});
