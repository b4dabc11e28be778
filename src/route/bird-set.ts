// A set of prefixes in a file that BIRD includes: `define NAME = [ … ];` as anycast_healthchecker keeps it, or
// `function NAME() { return net ~ [ … ]; }` as birdwatcher does. Pure. All else in the file stays as it is.
import { type Prefix, parsePrefix } from "./prefix.js";

/** readSet gives the entries of a set as they are written, `10.0.0.0/8+` for one; undefined where the text has no such set. */
export function readSet(text: string, name: string): readonly string[] | undefined {
  const found = find(text, name);
  return found && entriesOf(found.list);
}

/** hasPrefix tells whether a set names exactly this prefix. */
export function hasPrefix(entries: readonly string[], prefix: Prefix): boolean {
  return entries.some((entry) => parsePrefix(entry) === prefix);
}

/**
 * editSet takes prefixes into a set or out of it, and keeps whatever else is in it. `dummy` is always there afterwards: BIRD
 * 1 has no empty sets. Gives the text unchanged where nothing is to do. Throws where the text has no such set.
 */
export function editSet(
  text: string,
  name: string,
  { add = [], remove = [], dummy }: { add?: readonly Prefix[]; remove?: readonly Prefix[]; dummy: string },
): string {
  const found = find(text, name);
  if (found === undefined) throw new Error(`expected a set ${name}, got none`);
  const before = entriesOf(found.list);
  const left = before.filter((entry) => !remove.some((prefix) => parsePrefix(entry) === prefix));
  const dummies = left.includes(dummy) ? [] : [dummy];
  const after = [...dummies, ...left, ...add.filter((prefix) => !hasPrefix(left, prefix))];
  if (found.list !== undefined && after.join() === before.join()) return text;
  const set = `${found.list === undefined ? "net ~ " : ""}${written(after, found.indent)}`;
  return text.slice(0, found.from) + set + text.slice(found.to);
}

interface Found {
  /** Where the brackets are, or the `false` that birdwatcher has in their place. */
  readonly from: number;
  readonly to: number;
  /** What is between the brackets; undefined where there are none. */
  readonly list: string | undefined;
  /** Of the line where they begin. */
  readonly indent: string;
}

function find(text: string, name: string): Found | undefined {
  const bare = withoutComments(text);
  const literal = name.replace(/[^\w]/g, "\\$&");
  const head = String.raw`(?:define\s+${literal}\s*=\s*|function\s+${literal}\s*\(\s*\)\s*(?:->\s*bool\s*)?\{\s*return\s+(?:net\s*~\s*)?)`;
  const match = new RegExp(String.raw`(?<![\w])(${head})(\[([^\]]*)\]|false\b)`).exec(bare);
  if (match === null) return undefined;
  const from = match.index + match[1]!.length;
  const [indent = ""] = /^[ \t]*/.exec(text.slice(text.lastIndexOf("\n", from) + 1, from)) ?? [];
  return { from, to: from + match[2]!.length, list: match[3], indent };
}

/** Of the same length, so that places in one are places in the other. */
function withoutComments(text: string): string {
  return text.replace(/"[^"\n]*"|#[^\n]*|\/\*[\s\S]*?\*\//g, (piece) =>
    piece.startsWith('"') ? piece : piece.replace(/[^\n]/g, " "),
  );
}

function entriesOf(list = ""): readonly string[] {
  return list
    .split(/,(?![^{]*\})/)
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "");
}

function written(entries: readonly string[], indent: string): string {
  const deeper = indent.endsWith("\t") ? `${indent}\t` : `${indent}    `;
  return `[\n${entries.map((entry) => deeper + entry).join(",\n")}\n${indent}]`;
}
