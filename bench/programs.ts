// The programs that somebody else made and the bench runs: the Debian package that has each, whether it is there, and which
// version it is.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

interface Installable {
  readonly package: string;
  /** The arguments with which it tells its version; without, nobody wants to know. */
  readonly version?: string;
}

const programs = {
  ip: { package: "iproute2" },
  ethtool: { package: "ethtool" },
  taskset: { package: "util-linux" },
  setpriv: { package: "util-linux" },
  chrt: { package: "util-linux" },
  nft: { package: "nftables" },
  tcpdump: { package: "tcpdump", version: "--version" },
  "g++": { package: "g++", version: "-dumpfullversion" },
  "clang-14": { package: "clang-14", version: "--version" },
  dnsperf: { package: "dnsperf", version: "-h" },
  resperf: { package: "dnsperf" },
  kxdpgun: { package: "knot-dnsutils", version: "-V" },
  zmap: { package: "zmap", version: "--version" },
  dig: { package: "bind9-dnsutils", version: "-v" },
  nsd: { package: "nsd", version: "-v" },
  knotd: { package: "knot", version: "-V" },
  unbound: { package: "unbound", version: "-V" },
  named: { package: "bind9", version: "-v" },
} as const satisfies Readonly<Record<string, Installable>>;

/** Program is one of them. */
export type Program = keyof typeof programs;

/** CannotMeasure is thrown where the bench lacks a program or a permission; its message says what to do. */
export class CannotMeasure extends Error {}

/** needs throws CannotMeasure unless all these programs are installed. */
export function needs(...wanted: readonly Program[]): void {
  const missing = wanted.filter((program) => !installed(program));
  if (missing.length === 0) return;
  const names = [...new Set(missing.map((program) => programs[program].package))].join(" ");
  throw new CannotMeasure(`expected ${missing.join(", ")} to be installed: apt-get install ${names}`);
}

/** needsRoot throws CannotMeasure unless this process may make network namespaces and attach XDP programs. */
export function needsRoot(): void {
  if (process.getuid?.() !== 0) throw new CannotMeasure("expected to be root, to join network namespaces by a veth");
}

/** versions tells the version of each program that is installed. */
export function versions(): Record<string, string> {
  const told = Object.entries(programs as Readonly<Record<string, Installable>>).flatMap(([program, { version }]) => {
    if (version === undefined || !installed(program)) return [];
    // Each says it in its own words, and some of them as an error.
    const { stdout, stderr } = spawnSync(program, [version], { encoding: "utf8" });
    const found = /\d+\.\d+[\w.+~-]*/.exec(/version.*/i.exec(stdout + stderr)?.[0] ?? stdout + stderr)?.[0];
    return found === undefined ? [] : [[program, found]];
  });
  return Object.fromEntries(told);
}

function installed(program: string): boolean {
  return (process.env["PATH"] ?? "").split(":").some((directory) => existsSync(`${directory}/${program}`));
}
