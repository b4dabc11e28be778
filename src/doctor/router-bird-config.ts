// What stands in BIRD's configuration and no command of its tells. Pure, but for the files that it includes.
import { posix } from "node:path";
import type { Context } from "./host.js";

/** So deep may files include each other before it is taken for a ring. */
const deepest = 8;

/** birdConfigText gives the text of a configuration file with what it includes in place, without comments. */
export function birdConfigText(file: string, context: Pick<Context, "read" | "list">, depth = 0): string {
  const text = withoutComments(context.read(file) ?? "");
  if (depth === deepest) return text;
  return text.replace(/\binclude\s+"([^"]+)"\s*;/g, (_, path: string) =>
    filesAt(posix.resolve(posix.dirname(file), path), context)
      .map((one) => birdConfigText(one, context, depth + 1))
      .join("\n"),
  );
}

/** BIRD takes a pattern in the last part of the path. */
function filesAt(path: string, { list }: Pick<Context, "list">): string[] {
  const { dir, base } = posix.parse(path);
  if (!/[*?[]/.test(base)) return [path];
  return list(dir)
    .filter((name) => matches(name, base))
    .map((name) => posix.join(dir, name));
}

function matches(name: string, pattern: string): boolean {
  const expression = pattern
    .replace(/[.+^${}()|\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${expression}$`).test(name);
}

function withoutComments(text: string): string {
  return text.replace(/"[^"\n]*"|#[^\n]*|\/\*[\s\S]*?\*\//g, (found) => (found.startsWith('"') ? found : " "));
}

/** hasGracefulRestart tells whether an OSPF protocol, or the template of one, restarts gracefully and is not only a helper. */
export function hasGracefulRestart(config: string, protocol: string): boolean {
  const heads = config.matchAll(/\b(protocol|template)\s+ospf\b([^{;]*)\{/g);
  return [...heads].some((head) => {
    const [, kind, name = ""] = head;
    if (kind === "protocol" && !name.split(/\s+/).includes(protocol)) return false;
    const block = blockFrom(config, head.index + head[0].length);
    return /\bgraceful\s+restart\s*(on|yes|true|switch)?\s*;/.test(block);
  });
}

/** From behind an opening brace to the one that closes it. */
function blockFrom(text: string, start: number): string {
  let depth = 1;
  let at = start;
  for (; at < text.length && depth > 0; at += 1) depth += text[at] === "{" ? 1 : text[at] === "}" ? -1 : 0;
  return text.slice(start, at);
}
