// JSON for scripts has snake_case keys, as our YAML and metrics do; values in this code have camelCase ones.

/** snakeCase gives a plain JSON value with every key in snake_case. */
export function snakeCase(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snakeCase);
  if (typeof value !== "object" || value === null) return value;
  const rename = (key: string) => key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [rename(key), snakeCase(inner)]));
}
