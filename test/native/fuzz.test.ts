// Feeds all that reads packets what nobody would send: libFuzzer under ASan and UBSan, for ANYPROBE_FUZZ_SECONDS in all (60
// where the lab is required, else 4). A finding fails, and is printed with the input that shows it.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { skipWithoutLab } from "../support/lab.js";
import { build, run } from "./build.js";
import { corpus } from "./fuzz/corpus.js";

const here = fileURLToPath(new URL("fuzz/", import.meta.url));
const native = fileURLToPath(new URL("../../native/", import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "anyprobe-fuzz-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** The sources in a directory, without their `.cc`. */
function names(of: string): string[] {
  const files = readdirSync(of).filter((name) => name.endsWith(".cc"));
  return files.map((name) => basename(name, ".cc"));
}

interface Program {
  /** What of native/ it is built with. */
  readonly sources: readonly string[];
  /** System calls that it makes up itself. */
  readonly calls?: readonly string[];
}

const programs: Readonly<Record<string, Program>> = {
  netlink: { sources: ["netlink", "netlink_channel", "netlink_watch"], calls: ["sendto", "recvfrom"] },
  plan: { sources: ["plan"] },
  question: { sources: [] },
  raw_packet: { sources: ["raw_packet"] },
  receive: {
    // All of the engine: what needs neither Node.js nor netlink.
    sources: names(native).filter((name) => !/^(addon|netlink|notify)/.test(name)),
    calls: ["sendmmsg", "recvmmsg", "recvmsg", "epoll_wait", "epoll_ctl", "close"],
  },
  train: { sources: ["batch"] },
};

const seconds = Number(process.env["ANYPROBE_FUZZ_SECONDS"] ?? (process.env["ANYPROBE_LAB"] === "required" ? 24 : 4));
const shareSeconds = Math.ceil(seconds / Object.keys(programs).length);

const compiler = ["clang++-14", "clang++"].find((name) => !spawnSync(name, ["--version"]).error);
const toolchain = {
  compiler: compiler ?? "clang++",
  flags: [
    ...["-std=c++20", "-O1", "-g", "-fno-omit-frame-pointer", "-pthread"],
    ...["-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all"],
  ],
};

/** Why nothing can be fuzzed on this host, in one sentence; undefined where it can. */
async function missing(): Promise<string | undefined> {
  if (!compiler) return "clang is not installed";
  const source = join(directory, "empty.cc");
  writeFileSync(source, 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }\n');
  return (await build(toolchain, join(directory, "empty"), [source])) === ""
    ? undefined
    : `${compiler} has no runtime for -fsanitize=fuzzer (libclang-rt-14-dev)`;
}

test("every program is run, with a corpus", () => {
  const sources = names(here);
  expect(Object.keys(programs).sort()).toEqual(sources.sort());
  expect(Object.keys(corpus).sort()).toEqual(sources);
});

describe.skipIf(skipWithoutLab(await missing()))("no octets do harm to what reads them:", () => {
  test.each(Object.entries(programs))("%s", { timeout: shareSeconds * 1000 + 300_000 }, async (name, made) => {
    const program = join(directory, name);
    const sources = [join(here, `${name}.cc`), ...made.sources.map((source) => `${native}${source}.cc`)];
    const wrapped = (made.calls ?? []).map((call) => `-Wl,--wrap=${call}`);
    expect(await build(toolchain, program, sources, wrapped)).toBe("");
    const inputs = join(directory, `${name}-corpus`);
    mkdirSync(inputs);
    const seeds = corpus[name]!();
    for (const [i, seed] of seeds.entries()) writeFileSync(join(inputs, `seed-${i}`), seed);

    // An input takes a millisecond at most; one that takes seconds is a finding too.
    const options = [`-max_total_time=${shareSeconds}`, "-timeout=5", `-artifact_prefix=${directory}/`];
    const report = ["-print_final_stats=1", "-verbosity=1", "-print_funcs=0"];
    const { status, stderr: said } = await run(program, [...options, ...report, inputs]);
    // From the first complaint on; before it stand the inputs that were new.
    const finding = said.slice(Math.max(0, said.search(/runtime error|ERROR|not so/) - 200));
    expect({ status, finding: status === 0 ? "" : finding }).toEqual({ status: 0, finding: "" });
    expect(Number(/number_of_executed_units: (\d+)/.exec(said)?.[1])).toBeGreaterThan(2 * seeds.length);
  });
});
