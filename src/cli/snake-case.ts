// JSON for scripts has snake_case keys, as our YAML and metrics do; values in this code have camelCase ones.

/** snakeCase gives a plain JSON value with every name in snake_case. Keys that are no names of ours stay: `SERVFAIL`, `no route to host`. */
export function snakeCase(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snakeCase);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [rename(key), snakeCase(inner)]));
}

function rename(key: string): string {
  if (!/^[a-z][A-Za-z0-9]*$/.test(key)) return key;
  return key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
