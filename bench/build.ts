// The bench's own programs in bench/native, built into bench/build where they are stale.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { needs } from "./programs.js";

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** What a program is made of beside its own source. */
const more: Readonly<Record<string, readonly string[]>> = {
  answerer: [
    ...["native/manner.cc", "native/manner.h", "../native/answerer.cc", "../native/answerer.h"],
    ...["../native/clock.h", "../native/peer.h", "../native/socket.h"],
  ],
};

/** answererProgram, limitProgram and costProgram give the path of a program of ours: see the head of its source. */
export const answererProgram = () => built("answerer", compileNative);
export const limitProgram = () => built("limit", compileNative);
export const costProgram = () => built("cost", compileNative);

/** reflectorObject gives the path of the XDP reflector, as `ip link set … xdp obj` takes it. */
export const reflectorObject = () => built("reflector.bpf.o", compileBpf);

function compileNative(name: string, output: string): readonly string[] {
  needs("g++");
  const sources = [`native/${name}.cc`, ...(more[name] ?? [])].filter((file) => file.endsWith(".cc")).map(path);
  return ["g++", "-std=c++20", "-O3", "-Wall", "-Wextra", "-pthread", ...sources, "-o", output];
}

function compileBpf(name: string, output: string): readonly string[] {
  needs("clang-14");
  // The kernel's headers include asm/, which has a place of its own on each architecture.
  const triplet = execFileSync("clang-14", ["-print-target-triple"], { encoding: "utf8" }).trim().replace("-pc-", "-");
  const headers = `-I/usr/include/${triplet}`;
  return [
    "clang-14",
    "-O2",
    "-Wall",
    "-target",
    "bpf",
    headers,
    "-c",
    path(`native/${name.replace(/o$/, "c")}`),
    "-o",
    output,
  ];
}

function built(name: string, command: (name: string, output: string) => readonly string[]): string {
  const output = path(`build/${name}`);
  const own = `native/${name.replace(/\.o$/, "")}.${name.endsWith(".o") ? "c" : "cc"}`;
  const sources = [own, "native/host.h", ...(more[name] ?? [])].map(path);
  const modified = (file: string) => (existsSync(file) ? statSync(file).mtimeMs : 0);
  if (modified(output) < Math.max(...sources.map(modified))) {
    mkdirSync(path("build"), { recursive: true });
    const [program = "", ...argv] = command(name, output);
    execFileSync(program, argv, { stdio: ["ignore", "inherit", "inherit"] });
  }
  return output;
}
