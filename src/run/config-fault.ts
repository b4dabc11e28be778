// From a complaint about a place in the config to a fault that an operator can act on: its path as text, its line and
// column in the YAML, and for an unknown key a guess at what was meant.
import { type Document, isAlias, isMap, isScalar, isSeq, type LineCounter, type Node, type Pair } from "yaml";
import type { z } from "zod";
import type { Fault } from "../errors.js";
import { nearest } from "./config-scalar.js";

/** Issue is a complaint before it has a place: `at: "key"` points at the last key of the path instead of at its value. */
export interface Issue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly at?: "key";
}

/** JsonSchema is as much of a JSON schema as is read here. */
export interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly anyOf?: readonly JsonSchema[];
  readonly required?: readonly string[];
  readonly default?: unknown;
  readonly description?: string;
  readonly type?: string;
}

/** Keys that people write because they know them from elsewhere, or from an earlier sketch of this config. */
const sentences: Readonly<Record<string, string>> = {
  anchor: "say recovery: anchor",
  p50: "say latency: {p50: 20ms}",
  p99: "say latency: {p99: 20ms}",
  cost: "the frr driver chooses it; leave it out",
  query: "say dns: {name: …, type: …}",
  qname: "say name",
  qtype: "say type",
  vtysh: "say sockets: /run/frr",
  interval_ms: "say interval: 250ms",
  timeout_ms: "say timeout: 250ms",
  up: "say rise",
  down: "say fall",
  retries: "say fall",
  address: "an address stands in prefixes, as 203.0.113.53/32",
  "<<": "merge keys are not read; write the keys out",
};

/** issuesOf flattens zod's issues: of a union, only what is wrong with the branch that was meant. */
export function issuesOf(error: z.ZodError | undefined, schema: JsonSchema): Issue[] {
  return (error?.issues ?? []).flatMap((issue) => flatten(issue, [], schema));
}

function flatten(issue: z.core.$ZodIssue, base: readonly PropertyKey[], schema: JsonSchema): Issue[] {
  const path = [...base, ...issue.path];
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((key) => ({ path: [...path, key], message: unknownKey(key, path, schema), at: "key" }));
  if (issue.code === "invalid_union") {
    const wrongKind = (inner: z.core.$ZodIssue) =>
      inner.path.length === 0 && (inner.code === "invalid_type" || inner.code === "invalid_value");
    const branch = issue.errors.find((inner) => !inner.some(wrongKind));
    if (branch !== undefined) return branch.flatMap((inner) => flatten(inner, path, schema));
  }
  return [{ path, message: issue.message }];
}

function unknownKey(key: string, parent: readonly PropertyKey[], schema: JsonSchema): string {
  const known = schemasAt(schema, parent).flatMap((here) => Object.keys(here.properties ?? {}));
  const sentence = Object.hasOwn(sentences, key) ? sentences[key] : undefined;
  const meant = nearest(key, known);
  if (sentence !== undefined) return `unknown key (${sentence})`;
  if (meant !== undefined) return `unknown key (did you mean ${meant}?)`;
  const home = keyPaths(schema).find((path) => path.endsWith(`.${key}`) || path === key);
  if (home !== undefined) return `unknown key here (it belongs at ${home})`;
  return `unknown key (expected one of ${known.join(", ")})`;
}

function schemasAt(schema: JsonSchema, path: readonly PropertyKey[]): JsonSchema[] {
  if (schema.anyOf) return schema.anyOf.flatMap((branch) => schemasAt(branch, path));
  const [head, ...rest] = path;
  if (head === undefined) return [schema];
  const { additionalProperties: others } = schema;
  const next = typeof head === "number" ? schema.items : (schema.properties?.[String(head)] ?? others);
  return typeof next === "object" ? schemasAt(next, rest) : [];
}

/** keyPaths lists every key of the config: `services.*.checks[].dns.name`. */
export function keyPaths(schema: JsonSchema): string[] {
  return [...keys(schema, "")].map(([path]) => path);
}

/** keys walks every key of the config with its schema and whether it must be given. */
export function* keys(schema: JsonSchema, base: string): Generator<[string, JsonSchema, boolean]> {
  for (const branch of schema.anyOf ?? []) yield* keys(branch, base);
  if (schema.items) yield* keys(schema.items, `${base}[]`);
  if (typeof schema.additionalProperties === "object") yield* keys(schema.additionalProperties, `${base}.*`);
  for (const [key, inner] of Object.entries(schema.properties ?? {})) {
    const path = base === "" ? key : `${base}.${key}`;
    yield [path, inner, schema.required?.includes(key) ?? false];
    yield* keys(inner, path);
  }
}

/** formatPath writes `services.resolver.checks[0].fall`. */
export function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === "number") return `${text}[${key}]`;
    const word = /^[\w-]+$/.test(String(key)) ? String(key) : JSON.stringify(String(key));
    return text === "" ? word : `${text}.${word}`;
  }, "");
}

/** formatFault writes `file:line:col path: message`; a fault without a place (line 0) has its path alone. */
export function formatFault(fault: Fault, file?: string): string {
  const place = [fault.line > 0 ? `${file}:${fault.line}:${fault.column}` : file, fault.path].filter(Boolean).join(" ");
  return place === "" ? fault.message : `${place}: ${fault.message}`;
}

/** locate places issues in the YAML and puts them in file order, each once. */
export function locate(issues: readonly Issue[], document: Document, lines: LineCounter): Fault[] {
  const placed = issues.map((issue) => {
    const offset = offsetOf(issue, document);
    const { line, col } = lines.linePos(offset);
    return { offset, fault: { path: formatPath(issue.path), line, column: col, message: issue.message } };
  });
  placed.sort((a, b) => a.offset - b.offset);
  const seen = new Set<string>();
  return placed
    .map(({ fault }) => fault)
    .filter((fault) => !seen.has(formatFault(fault)) && seen.add(formatFault(fault)));
}

/** What is missing is placed at the nearest key above it; what is there at its value. */
function offsetOf(issue: Issue, document: Document): number {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? 0;
  for (const [depth, key] of issue.path.entries()) {
    const holder: unknown = isAlias(node) ? node.resolve(document) : node;
    const pair = isMap(holder) ? holder.items.find((item) => keyText(item) === String(key)) : undefined;
    const next = isSeq(holder) ? holder.items[Number(key)] : pair?.value;
    if (pair === undefined && next === undefined) return offset;
    const last = depth === issue.path.length - 1;
    const atKey = startOf(pair?.key);
    // Missing things are told at the key that should hold them, which is easier to find than the first of its values.
    const missingBelow =
      !last && isMap(next) && !next.items.some((item) => keyText(item) === String(issue.path[depth + 1]));
    const preferKey = (last && issue.at === "key") || missingBelow;
    offset = (preferKey ? atKey : undefined) ?? startOf(next) ?? atKey ?? offset;
    node = next;
  }
  return offset;
}

function keyText(pair: Pair): string | undefined {
  return isScalar(pair.key) ? String(pair.key.value) : undefined;
}

function startOf(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}
