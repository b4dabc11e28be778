// The scalars of the config, and the mapping that they stand in: how each is read from YAML or a flag, and what is said of one
// that cannot be. Every reader is a zod schema whose message is `expected …, got …`; the JSON schema keeps the patterns for editors.
import { z } from "zod";
import { canonicalAddress, familyOf } from "../probe/target.js";
import { type Prefix, parsePrefix } from "../route/prefix.js";
import { parseDurationMs } from "../units.js";

/** show writes a value as faults name it: strings in quotes, lists and mappings by their kind. */
export function show(value: unknown): string {
  if (value === undefined || value === null) return "nothing";
  if (typeof value === "string") return JSON.stringify(value.length > 80 ? `${value.slice(0, 79)}…` : value);
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  return typeof value === "object" ? "a mapping" : String(value);
}

/** expected makes the message of a fault; `hint` may add a sentence where a value shows what was meant. */
export function expected(what: string, hint: (value: unknown) => string | undefined = () => undefined) {
  return (issue: { readonly input?: unknown }): string => {
    const sentence = hint(issue.input);
    return `expected ${what}, got ${show(issue.input)}${sentence === undefined ? "" : ` (${sentence})`}`;
  };
}

/** mapping makes a strict object: unknown keys are faults; config-fault.ts words them. */
export function mapping<S extends z.core.$ZodShape>(shape: S, what = "a mapping") {
  return z.strictObject(shape, { error: expected(what) });
}

const quoteIt = (value: unknown) => (typeof value === "number" ? "put it in quotes" : undefined);

/** scalar makes a reader of text out of a function that gives undefined where the text is not `what`. */
export function scalar<T>(
  what: string,
  read: (text: string) => T | undefined,
  hint?: (value: unknown) => string | undefined,
) {
  const message = expected(what, hint);
  return z.string({ error: message }).transform((text, context) => {
    const value = read(text);
    if (value !== undefined) return value;
    context.addIssue({ code: "custom", message: message({ input: text }) });
    return z.NEVER;
  });
}

const unitHint = (value: unknown) =>
  /^\d+(\.\d+)?$/.test(String(value)) ? `write ${value}s, or another unit` : undefined;

/** duration reads `250ms` into ms, within bounds that are themselves written as durations. */
export function duration(from: string, to: string) {
  const [min, max] = [parseDurationMs(from)!, parseDurationMs(to)!];
  const form = expected("a duration like 250ms", unitHint);
  return z
    .string({ error: form })
    .regex(/^\d+(\.\d+)?(us|ms|s|m|h)$/, { error: form, abort: true })
    .transform((text, context) => {
      const ms = parseDurationMs(text)!;
      if (ms >= min && ms <= max) return ms;
      context.addIssue({ code: "custom", message: `expected a duration from ${from} to ${to}, got ${text}` });
      return z.NEVER;
    });
}

const percentHint = (value: unknown) => (/^\d+(\.\d+)?$/.test(String(value)) ? `write ${value}%` : undefined);

/** percentage reads `0.5%` into a fraction below 1. */
export const percentage = scalar(
  "a percentage like 0.5%, below 100%",
  (text) => {
    const number = /^(\d+(?:\.\d+)?)%$/.exec(text)?.[1];
    return number !== undefined && Number(number) < 100 ? hundredth(Number(number)) : undefined;
  },
  percentHint,
);

/** writePercentage writes a fraction so that `percentage` reads the same number again. */
export function writePercentage(fraction: number): string {
  return `${Number((fraction * 100).toPrecision(12))}%`;
}

/** As a person would: 0.07 of 7, not 0.07000000000000001. */
function hundredth(number: number): number {
  return Number((number / 100).toPrecision(12));
}

/** absolutePath reads a path from the root, of at most so many octets. */
export function absolutePath(octets?: number) {
  const fits = (path: string) => octets === undefined || Buffer.byteLength(path) <= octets;
  const read = (path: string) => (path.startsWith("/") && fits(path) && !path.includes("\0") ? path : undefined);
  return scalar(`an absolute path${octets === undefined ? "" : ` of at most ${octets} octets`}`, read);
}

/** whole reads an integer within bounds. */
export function whole(min: number, max: number, hint?: (value: unknown) => string | undefined) {
  const error = expected(`a whole number from ${min} to ${max}`, hint);
  return z.int({ error }).min(min, { error }).max(max, { error });
}

export const yesNo = z.boolean({ error: expected("true or false") });

/** choice reads one of a few words. */
export function choice<const W extends readonly [string, ...string[]]>(...words: W) {
  const list = words.length === 1 ? words[0] : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
  return z.enum(words, {
    error: expected(list!, meant(...words)),
  });
}

/** meant makes the hint for a misspelt one of a few words. */
export function meant(...words: readonly string[]) {
  return (value: unknown): string | undefined => {
    const word = nearest(value, words);
    return word === undefined ? undefined : `did you mean ${word}?`;
  };
}

/** text reads one line of text: no control characters. */
export function text(what: string, max: number) {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  const control = /[\u0000-\u001f\u007f]/;
  const read = (value: string) => (value.length > 0 && value.length <= max && !control.test(value) ? value : undefined);
  return scalar(`${what} of 1 to ${max} characters`, read, quoteIt);
}

/** address reads an IPv4 or IPv6 unicast address into its one spelling. */
export const address = scalar("an IPv4 or IPv6 address", (value) => {
  try {
    return isUnicast(value) ? canonicalAddress(value) : undefined;
  } catch {
    return undefined;
  }
});

/** addressOfFamily reads an address of one family, or `auto`. */
export function sourceOfFamily(family: 4 | 6) {
  return scalar(`auto or an IPv${family} address`, (value) => {
    if (value === "auto") return "auto";
    try {
      return familyOf(value) === family && isUnicast(value) ? canonicalAddress(value) : undefined;
    } catch {
      return undefined;
    }
  });
}

/** hostPrefix reads a prefix of exactly one address. */
export const hostPrefix = scalar(
  "a host prefix like 203.0.113.53/32 or 2001:db8::53/128",
  (value): Prefix | undefined => {
    const prefix = parsePrefix(value);
    return prefix !== undefined && obstacle(value.slice(0, value.indexOf("/"))) === undefined ? prefix : undefined;
  },
  (value) => {
    const [host = "", length] = String(value).split("/");
    const width = familyWidth(host);
    if (width === undefined) return undefined;
    if (length === undefined) return `write ${host}/${width}`;
    return obstacle(host) ?? (Number(length) < width ? "anyprobe moves host routes only" : undefined);
  },
);

/** birdName reads the name of a constant, a function or a protocol of BIRD. */
export const birdName = scalar("a name of letters, digits and _, as BIRD has them", (value) =>
  /^[A-Za-z_]\w{0,63}$/.test(value) ? value : undefined,
);

/** hex reads octets in hexadecimal. */
export const hex = scalar(
  "octets in hex, two digits each",
  (value) =>
    /^([0-9a-fA-F]{2})+$/.test(value) && value.length <= 2800 ? Uint8Array.from(Buffer.from(value, "hex")) : undefined,
  (value) => {
    if (typeof value === "number") return "put it in quotes";
    return typeof value === "string" && value.length % 2 === 1 ? "it has an odd number of digits" : undefined;
  },
);

/** nearest gives the word that a misspelt one was probably meant to be. */
export function nearest(value: unknown, words: readonly string[]): string | undefined {
  if (typeof value !== "string") return undefined;
  const written = value.toLowerCase().replaceAll("-", "_");
  let best: { word: string; distance: number } | undefined;
  for (const word of words) {
    const distance = editDistance(written, word.toLowerCase());
    if (distance <= Math.max(1, Math.floor(word.length / 3)) && distance < (best?.distance ?? Infinity))
      best = { word, distance };
  }
  return best?.word;
}

/** Restricted Damerau-Levenshtein distance: two neighbours swapped count as one slip. */
function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min(rows[i - 1]![j]! + 1, row[j - 1]! + 1, rows[i - 1]![j - 1]! + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, rows[i - 2]![j - 2]! + 1);
      row.push(cost);
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}

function familyWidth(host: string): 32 | 128 | undefined {
  try {
    return familyOf(host) === 4 ? 32 : 128;
  } catch {
    return undefined;
  }
}

/** Multicast, unspecified and IPv6 link-local addresses cannot be announced, nor be a source here. Zones are refused. */
function isUnicast(host: string): boolean {
  if (host.includes("%")) return false;
  if (familyOf(host) === 4) {
    const first = Number(host.split(".")[0]);
    return first > 0 && first < 224;
  }
  const canonical = canonicalAddress(host);
  return canonical !== "::" && !/^(ff|fe[89ab])[0-9a-f]*:/.test(canonical);
}

/** obstacle says why an address cannot be anycast; undefined where it can. */
function obstacle(host: string): string | undefined {
  if (!isUnicast(host)) return "it is no unicast address";
  const canonical = canonicalAddress(host);
  if (canonical === "::1" || canonical.startsWith("127.")) return "it is a loopback address";
  return /^::ffff:/.test(canonical) ? "it is an IPv4 address in IPv6: write it as IPv4" : undefined;
}

/** writeDuration writes ms so that `duration` reads exactly the same number again, in the largest unit that does. */
export function writeDuration(ms: number): string {
  for (const [unit, size] of [
    ["h", 3600e3],
    ["m", 60e3],
    ["s", 1e3],
    ["ms", 1],
    ["us", 1e-3],
  ] as const) {
    const written = `${Number((ms / size).toPrecision(12))}${unit}`;
    if (ms >= size && /^\d+(\.\d{1,3})?[a-z]+$/.test(written) && parseDurationMs(written) === ms) return written;
  }
  return ms === 0 ? "0s" : `${ms}ms`;
}

/** given leaves out what is undefined, so that nothing of it is printed. */
export function given(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
