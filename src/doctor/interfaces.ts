// /etc/network/interfaces as ifupdown reads it (interfaces(5)): which stanza sets which addresses, and which are up from boot on.
import { basename, dirname, isAbsolute, join } from "node:path";
import type { Context } from "./host.js";

export interface Stanza {
  readonly name: string;
  readonly file: string;
  /** Of its `iface`. */
  readonly line: number;
  readonly addresses: readonly string[];
  /** Brought up at boot. */
  readonly auto: boolean;
}

type Files = Pick<Context, "read" | "list">;

/** readInterfaces gives all stanzas in the order of the files. */
export function readInterfaces(files: Files): Stanza[] {
  const stanzas: { name: string; file: string; line: number; addresses: string[] }[] = [];
  const auto = new Set<string>();
  for (const { file, line, words } of linesOf(files, "/etc/network/interfaces")) {
    const [word = "", ...rest] = words;
    if (word === "auto" || word === "allow-auto" || word === "allow-hotplug") for (const name of rest) auto.add(name);
    else if (word === "iface") stanzas.push({ name: rest[0] ?? "", file, line, addresses: [] });
    else if (word === "address" && rest[0] !== undefined) stanzas.at(-1)?.addresses.push(rest[0].split("/")[0]!);
  }
  return stanzas.map((stanza) => ({ ...stanza, auto: auto.has(stanza.name) }));
}

interface Line {
  readonly file: string;
  readonly line: number;
  readonly words: readonly string[];
}

/** A file that sources itself is read no deeper than this. */
const mostDepth = 8;

function* linesOf(files: Files, file: string, depth = 0): Generator<Line> {
  if (depth > mostDepth) return;
  const text = files.read(file) ?? "";
  for (const [i, raw] of text.split("\n").entries()) {
    const words = raw.trim().split(/\s+/);
    if (words[0] === "source") for (const path of glob(files, file, words[1])) yield* linesOf(files, path, depth + 1);
    else if (words[0] === "source-directory") {
      const directory = resolve(file, words[1] ?? "");
      const names = files.list(directory).filter((name) => /^[A-Za-z0-9_-]+$/.test(name));
      for (const name of names) yield* linesOf(files, join(directory, name), depth + 1);
    } else if (words[0] !== "" && !words[0]!.startsWith("#")) yield { file, line: i + 1, words };
  }
}

/** Patterns in the last part of a path, as Debian writes them: `interfaces.d/*`. */
function glob({ list }: Files, from: string, pattern = ""): string[] {
  const path = resolve(from, pattern);
  const escaped = basename(path).replace(/[.+^${}()|[\]\\]/g, "\\$&");
  const matches = new RegExp(`^${escaped.replaceAll("*", ".*").replaceAll("?", ".")}$`);
  return list(dirname(path))
    .filter((name) => matches.test(name) && !name.startsWith("."))
    .map((name) => join(dirname(path), name));
}

function resolve(from: string, path: string): string {
  return isAbsolute(path) ? path : join(dirname(from), path);
}
