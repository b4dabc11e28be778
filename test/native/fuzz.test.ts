// Feeds all that reads packets what nobody would send: libFuzzer under ASan and UBSan, for ANYPROBE_FUZZ_SECONDS in all (60
// where the lab is required, else 4). A finding fails, and is printed with the input that shows it.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { skipWithoutLab } from "../support/lab.js";
import { corpus } from "./fuzz/corpus.js";

const here = fileURLToPath(new URL("fuzz/", import.meta.url));
const native = fileURLToPath(new URL("../../native/", import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "anyprobe-fuzz-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** What each program is built with beside itself. */
const programs: Readonly<Record<string, { readonly sources: readonly string[] }>> = {
  plan: { sources: ["plan"] },
  question: { sources: [] },
  raw_packet: { sources: ["raw_packet"] },
  train: { sources: ["batch"] },
};

const seconds = Number(process.env["ANYPROBE_FUZZ_SECONDS"] ?? (process.env["ANYPROBE_LAB"] === "required" ? 60 : 4));
const shareSeconds = Math.ceil(seconds / Object.keys(programs).length);

const compiler = ["clang++-14", "clang++"].find((name) => !spawnSync(name, ["--version"]).error);
const flags = [
  ...["-std=c++20", "-O1", "-g", "-fno-omit-frame-pointer", "-pthread"],
  ...["-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all"],
];

function build(program: string, files: readonly string[]) {
  return spawnSync(compiler!, [...flags, ...files, "-o", program], { encoding: "utf8" });
}

/** Why nothing can be fuzzed on this host, in one sentence; undefined where it can. */
function missing(): string | undefined {
  if (!compiler) return "clang is not installed";
  const source = join(directory, "empty.cc");
  writeFileSync(source, 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }\n');
  const { status } = build(join(directory, "empty"), [source]);
  return status === 0 ? undefined : `${compiler} has no runtime for -fsanitize=fuzzer (libclang-rt-14-dev)`;
}

test("every program is run, with a corpus", () => {
  const sources = readdirSync(here)
    .filter((name) => name.endsWith(".cc"))
    .map((name) => basename(name, ".cc"));
  expect(Object.keys(programs).sort()).toEqual(sources.sort());
  expect(Object.keys(corpus).sort()).toEqual(sources);
});

describe.skipIf(skipWithoutLab(missing()))("no octets do harm to what reads them:", () => {
  test.each(Object.entries(programs))("%s", { timeout: shareSeconds * 1000 + 120_000 }, async (name, made) => {
    const program = join(directory, name);
    const sources = [join(here, `${name}.cc`), ...made.sources.map((source) => `${native}${source}.cc`)];
    expect(build(program, sources).stderr).toBe("");
    const inputs = join(directory, `${name}-corpus`);
    mkdirSync(inputs);
    for (const [i, input] of corpus[name]!().entries()) writeFileSync(join(inputs, `seed-${i}`), input);

    // A single input takes microseconds; one that takes seconds is a finding too.
    const options = [`-max_total_time=${shareSeconds}`, "-timeout=5", `-artifact_prefix=${directory}/`];
    const report = ["-print_final_stats=1", "-verbosity=1", "-print_funcs=0"];
    const fuzzer = spawn(program, [...options, ...report, inputs], { stdio: ["ignore", "ignore", "pipe"] });
    const [said, [status]] = await Promise.all([text(fuzzer.stderr), once(fuzzer, "close")]);
    // From the first complaint on; before it stand the inputs that were new.
    const finding = said.slice(Math.max(0, said.search(/runtime error|ERROR|not so/) - 200));
    expect({ status, finding: status === 0 ? "" : finding }).toEqual({ status: 0, finding: "" });
    expect(Number(/number_of_executed_units: (\d+)/.exec(said)?.[1])).toBeGreaterThan(1000);
  });
});
