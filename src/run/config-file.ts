// The config from a file, from text or from flags: read, held against schema and rules, and frozen. Either there is a
// whole Config, or a ConfigError with every fault that was found.
import { readFile } from "node:fs/promises";
import { type Document, isMap, isScalar, LineCounter, parseDocument, visit } from "yaml";
import { ConfigError, type Fault } from "../errors.js";
import type { Config } from "./config.js";
import { build } from "./config-build.js";
import { formatFault, type Issue, issuesOf, type JsonSchema, locate } from "./config-fault.js";
import { type Flags, flagOf, valueOfFlags } from "./config-flag.js";
import { examine } from "./config-rule.js";
import { show } from "./config-scalar.js";
import { configSchema, schema } from "./config-schema.js";

export { formatFault } from "./config-fault.js";
export type { Flags } from "./config-flag.js";
export { printConfig } from "./config-print.js";
export { configSchema };

/** Reading is a valid config with what is still worth saying about it. */
export interface Reading {
  readonly config: Config;
  readonly warnings: readonly Fault[];
}

/** readConfigFile reads and validates a YAML file; rejects with ConfigError. */
export async function readConfigFile(path: string): Promise<Reading> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new ConfigError("ERR_CONFIG_READ", `${path}: expected a readable file, got ${code}`, [], { cause });
  }
  return readConfigText(text, path);
}

/** readConfigText is readConfigFile for text at hand; `file` is what the faults call it. */
export function readConfigText(text: string, file: string): Reading {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const broken = syntaxIssues(document, lines, text);
  if (broken.length > 0) throw failure("ERR_CONFIG_SYNTAX", broken, file);
  const { result, faults, warnings } = validate(document.toJS());
  if (result === undefined) throw failure("ERR_CONFIG_INVALID", locate(faults, document, lines), file);
  return { config: result, warnings: locate(warnings, document, lines) };
}

/** configFromFlags makes a config of one service out of command-line options; faults name the option. */
export function configFromFlags(flags: Flags): Reading {
  const { result, faults, warnings } = validate(valueOfFlags(flags));
  const place = (issue: Issue): Fault => ({ path: flagOf(issue.path), line: 0, column: 0, message: issue.message });
  if (result === undefined) throw failure("ERR_CONFIG_INVALID", faults.map(place));
  return { config: result, warnings: warnings.map(place) };
}

function validate(value: unknown): { result?: Config; faults: readonly Issue[]; warnings: readonly Issue[] } {
  const parsed = schema.safeParse(value);
  const found = examine(value);
  const faults = [...issuesOf(parsed.error, configSchema() as JsonSchema), ...found.faults];
  return parsed.success && faults.length === 0
    ? { result: build(parsed.data), faults, warnings: found.warnings }
    : { faults, warnings: found.warnings };
}

function failure(
  code: "ERR_CONFIG_SYNTAX" | "ERR_CONFIG_INVALID",
  faults: readonly Fault[],
  file?: string,
): ConfigError {
  return new ConfigError(code, faults.map((fault) => formatFault(fault, file)).join("\n"), faults);
}

const syntaxWords: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: "expected spaces as indentation, got a tab",
  MULTIPLE_DOCS: "expected one document, got a second",
  TAG_RESOLVE_FAILED: "expected no tags, got one that is unknown",
};

/** What is no YAML, or no tree of plain keys; after these `toJS` cannot fail. */
function syntaxIssues(document: Document.Parsed, lines: LineCounter, text: string): Fault[] {
  const found: { offset: number; message: string }[] = [...document.errors, ...document.warnings].map((error) => ({
    offset: error.pos[0],
    message:
      error.code === "DUPLICATE_KEY"
        ? `expected each key once, got ${/^[^\s:]+/.exec(text.slice(error.pos[0]))?.[0]} again`
        : (syntaxWords[error.code] ?? `expected valid YAML, got an error: ${error.message}`),
  }));
  visit(document, {
    Alias(_, node) {
      const message = `expected an alias of an anchor above, got *${node.source}`;
      if (node.resolve(document) === undefined) found.push({ offset: node.range?.[0] ?? 0, message });
    },
    Pair(_, { key }) {
      if (isScalar(key) && key.value !== "__proto__" && key.value !== null) return;
      const offset = (key as { range?: [number] } | null)?.range?.[0] ?? 0;
      found.push({ offset, message: "expected a plain word as key, got something else" });
    },
  });
  if (found.length === 0) found.push(...treeIssues(document));
  found.sort((a, b) => a.offset - b.offset);
  return found.map(({ offset, message }) => {
    const { line, col } = lines.linePos(offset);
    return { path: "", line, column: col, message };
  });
}

/** What is left to go wrong once every alias is known: too many of them, or a file that holds no mapping. */
function treeIssues(document: Document.Parsed): { offset: number; message: string }[] {
  const { contents } = document;
  const offset = contents?.range?.[0] ?? 0;
  try {
    const tree: unknown = document.toJS();
    if (isMap(contents)) return [];
    const got = tree === null || tree === undefined ? "an empty file" : show(tree);
    return [{ offset, message: `expected a mapping with services, got ${got}` }];
  } catch (error) {
    return [{ offset, message: `expected aliases within reason, got an error: ${(error as Error).message}` }];
  }
}
