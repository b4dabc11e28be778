// Reads what `named-checkconf -p` writes: statements of words with a block or without, and address match lists. Pure.
import { covers } from "./server-settings.js";

/** Statement is `words;` or `words { block };`. */
export interface Statement {
  readonly words: readonly string[];
  readonly block: readonly Statement[] | undefined;
}

/** readStatements reads a whole configuration. */
export function readStatements(text: string): Statement[] {
  const tokens = [...text.matchAll(/"((?:[^"\\]|\\.)*)"|[{};]|[^\s{};"]+/g)];
  let at = 0;
  const read = (): Statement[] => {
    const statements: Statement[] = [];
    let words: string[] = [];
    let block: Statement[] | undefined;
    while (at < tokens.length) {
      const [token, quoted] = tokens[at]!;
      at += 1;
      if (token === "}") break;
      if (token === "{") block = read();
      else if (token !== ";") words.push(quoted ?? token);
      else {
        statements.push({ words, block });
        words = [];
        block = undefined;
      }
    }
    return statements;
  };
  return read();
}

/** all gives the statements of one kind. */
export function all(statements: readonly Statement[], kind: string): readonly Statement[] {
  return statements.filter(({ words }) => words[0] === kind);
}

/** first gives the block of the first statement of that kind in the innermost of `scopes` that has one. */
export function first(scopes: readonly (readonly Statement[])[], kind: string): readonly Statement[] | undefined {
  return scopes.flatMap((scope) => all(scope, kind).flatMap(({ block }) => (block ? [block] : [])))[0];
}

/**
 * admits tells whether an address match list has an address of this host, by the first element that matches. `lists` are the
 * named ones.
 */
export function admits(
  list: readonly Statement[],
  lists: ReadonlyMap<string, readonly Statement[]>,
  address: string,
): boolean {
  for (const { words, block } of list) {
    const joined = words.join("");
    const negated = joined.startsWith("!");
    const element = negated ? joined.slice(1) : joined;
    if (element === "none" && block === undefined) {
      if (negated) return true;
      return false;
    }
    const nested = block ?? lists.get(element);
    const matches = nested
      ? admits(nested, lists, address)
      : // What is asked by this host itself comes from an address and a network of its own.
        ["any", "localhost", "localnets"].includes(element) || covers(element, address);
    if (matches) return !negated;
  }
  return false;
}
