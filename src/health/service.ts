// A service: what its checks at one prefix mean for that prefix. `hold` means: as it is, whatever that is.

/** Want is what a service wants for a prefix. */
export type Want = "announced" | "degraded" | "withdrawn" | "hold";

/** Require says how many gate checks must be up. */
export type Require = "all" | "any" | { readonly atLeast: number } | { readonly percent: number };

/** Decision is what a service needs to know of a Check. */
export interface Decision {
  readonly settled: "up" | "down" | undefined;
  /** It decided once, and then knew nothing any more; not the same as never having decided, which always holds. */
  readonly lost: boolean;
}

/**
 * wantedOf says what a service wants for a prefix, by its gate checks there. It is announced when enough are up, and
 * withdrawn when so many are down that enough can not be. In between, and with no checks at all, it holds; except that with
 * `whenUnknown: "withdraw"` lost checks count as down. A RangeError where `require` asks for less than one or for more
 * checks than there are.
 */
export function wantedOf(
  checks: readonly Decision[],
  require: Require,
  whenUnknown: "hold" | "withdraw" = "hold",
): Want {
  if (checks.length === 0) return "hold";
  const needed = neededOf(require, checks.length);
  if (!Number.isInteger(needed) || needed < 1 || needed > checks.length)
    throw new RangeError(`at least: expected 1-${checks.length}, got ${needed}`);
  const up = checks.filter((check) => check.settled === "up").length;
  if (up >= needed) return "announced";
  const isDown = (check: Decision) => check.settled === "down" || (check.lost && whenUnknown === "withdraw");
  const down = checks.filter(isDown).length;
  return checks.length - down < needed ? "withdrawn" : "hold";
}

/** neededOf says how many of a service's gate checks must be up; at least one, however small a percentage. */
function neededOf(require: Require, gates: number): number {
  if (require === "all") return gates;
  if (require === "any") return 1;
  return "atLeast" in require ? require.atLeast : Math.max(1, Math.ceil((gates * require.percent) / 100));
}

/** combine says what becomes of a prefix that several services share: each may take it down, and all must want it up. */
export function combine(wants: readonly Want[]): Want {
  if (wants.includes("withdrawn")) return "withdrawn";
  if (wants.length === 0 || wants.includes("hold")) return "hold";
  return wants.includes("degraded") ? "degraded" : "announced";
}
